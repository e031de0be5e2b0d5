/** Loads rows for the model: items are fetched with the row, but decoded only where a transition asks for them. */
import { must } from "../base/assert.ts";
import { GodwitError } from "../base/errors.ts";
import type { ChunkId, Item, Lease, RowRange } from "../model/chunk.ts";
import type { ChunkView } from "../model/effects.ts";
import { decodeEndings } from "../model/ending-codec.ts";
import { decodeItems, encodeItems } from "../model/item-codec.ts";
import type { Rows } from "./rows.ts";
import type { ChunkRow } from "./schema.ts";
import type { Unit } from "./unit.ts";

export interface Loaded {
  readonly row: ChunkRow;
  readonly view: ChunkView;
}

/** Locks and reads it, unless this transaction did before. */
export async function loadChunk({ rows }: Unit, id: ChunkId): Promise<Loaded> {
  await rows.load([id]);
  return withView(rows, must(rows.get(id), `chunk ${id} exists`));
}

/** @returns null when the chunk has passed to another worker, or to nobody */
export function leasedChunk(rows: Rows, lease: Lease): Loaded | null {
  const row = rows.get(lease.chunkId);
  const isHeld =
    row !== undefined && row.state === "in_progress" && row.epoch === lease.epoch && row.worker === lease.worker;
  return isHeld ? withView(rows, row) : null;
}

export function leaseLost(what: string): GodwitError {
  return new GodwitError("lease_lost", {
    disposition: "fenced",
    what: `${what} has passed to another`,
    hint: "Nothing is lost: the other goes on from what was confirmed.",
  });
}

function withView(rows: Rows, row: ChunkRow): Loaded {
  const ended = rows.blob(row.id, "endings");
  let items: readonly Item[] | null = null;
  const view: ChunkView = {
    kind: row.kind,
    stage: row.stage,
    attempt: row.attempt,
    bytes: row.bytes,
    endings: ended === null ? [] : decodeEndings(ended),
    prehash: rows.blob(row.id, "prehash"),
    items: () => {
      const stored = rows.blob(row.parent_id ?? row.id, "items");
      const all = (items ??= decodeItems(must(stored, `chunk ${row.id} has items`)));
      return row.parent_id === null ? all : sliceOf(all, row);
    },
  };
  return { row, view };
}

/** A range keeps no items of its own: its head's one item, cut. */
function sliceOf(headItems: readonly Item[], row: SliceRow): readonly Item[] {
  const { slice_offset: offset, slice_length: length, slice_rows: cut } = row;
  const rows = cut === null ? undefined : (JSON.parse(cut) as RowRange);
  return headItems.map((item) => ({ ...item, offset, length, ...(rows !== undefined && { rows }) }));
}
type SliceRow = Pick<ChunkRow, "slice_offset" | "slice_length" | "slice_rows">;

export function encodeSlice(headItems: Uint8Array, row: SliceRow): Uint8Array {
  return encodeItems(sliceOf(decodeItems(headItems), row));
}
