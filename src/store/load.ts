/** Loads rows for the model: items are fetched with the row, but decoded only where a transition asks for them. */
import { must } from "../base/assert.ts";
import { GodwitError } from "../base/errors.ts";
import type { ChunkId, Item, Lease } from "../model/chunk.ts";
import type { ChunkView } from "../model/effects.ts";
import { decodeEndings } from "../model/ending-codec.ts";
import { decodeItems, encodeItems } from "../model/item-codec.ts";
import type { ItemEnding } from "../model/task.ts";
import { readBlobs } from "./blobs.ts";
import type { ChunkRow, Tx } from "./schema.ts";

export interface Loaded {
  readonly row: ChunkRow;
  readonly view: ChunkView;
}

export async function loadChunk(tx: Tx, id: ChunkId): Promise<Loaded> {
  const row = await tx.selectFrom("chunks").selectAll().where("id", "=", id).executeTakeFirst();
  return withView(tx, must(row, `chunk ${id} exists`));
}

/** @throws lease_lost when the chunk has passed to another worker, or to nobody */
export async function loadLeased(tx: Tx, lease: Lease): Promise<Loaded> {
  const row = await tx.selectFrom("chunks").selectAll().where("id", "=", lease.chunkId).executeTakeFirst();
  if (row === undefined || row.state !== "in_progress" || row.epoch !== lease.epoch || row.worker !== lease.worker) {
    throw leaseLost(`the lease of ${lease.worker} on chunk ${lease.chunkId} (epoch ${lease.epoch})`);
  }
  return withView(tx, row);
}

export function leaseLost(what: string): GodwitError {
  return new GodwitError("lease_lost", {
    disposition: "fenced",
    what: `${what} has passed to another`,
    hint: "Nothing is lost: the other goes on from what was confirmed.",
  });
}

async function withView(tx: Tx, row: ChunkRow): Promise<Loaded> {
  const { items: own, endings: ended, prehash = null } = await readBlobs(tx, row.id, ["items", "endings", "prehash"]);
  const stored = row.parent_id === null ? own : (await readBlobs(tx, row.parent_id, ["items"])).items;
  const endings: readonly ItemEnding[] = ended === undefined ? [] : decodeEndings(ended);
  let items: readonly Item[] | null = null;
  const view: ChunkView = {
    kind: row.kind,
    stage: row.stage,
    attempt: row.attempt,
    bytes: row.bytes,
    endings,
    prehash,
    items: () => {
      const all = (items ??= decodeItems(must(stored, `chunk ${row.id} has items`)));
      return row.parent_id === null ? all : sliceOf(all, row);
    },
  };
  return { row, view };
}

/** A range keeps no items of its own: its head's one item, cut. */
function sliceOf(headItems: readonly Item[], row: Pick<ChunkRow, "slice_offset" | "slice_length">): readonly Item[] {
  return headItems.map((item) => ({ ...item, offset: row.slice_offset, length: row.slice_length }));
}

export function encodeSlice(headItems: Uint8Array, row: Pick<ChunkRow, "slice_offset" | "slice_length">): Uint8Array {
  return encodeItems(sliceOf(decodeItems(headItems), row));
}
