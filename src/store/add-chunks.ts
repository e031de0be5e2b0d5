import { must } from "../base/assert.ts";
import {
  chunkBytesOf,
  type ChunkId,
  type ChunkKind,
  firstPlace,
  type Item,
  phaseOf,
  type Place,
  type RowRange,
} from "../model/chunk.ts";
import { unpackItems } from "../model/item-codec.ts";
import type { NewChunk, SizedRows } from "../model/task.ts";
import type { Loaded } from "./load.ts";
import { recordEndings, recordLosses } from "./proof.ts";
import type { ChunkRow } from "./schema.ts";
import { rankOf, type Unit } from "./unit.ts";

/** Rows of one insert: far below the number of parameters that engines take (32,766 on SQLite). */
const insertRows = 200;

/** The columns that follow from a place. */
export function placed(unit: Unit, kind: ChunkKind, { stage, state }: Place): Placed {
  return { stage, state, phase: phaseOf(kind, stage), rank: rankOf(stage), queued_at: unit.now };
}
type Placed = Pick<ChunkRow, "stage" | "state" | "phase" | "rank" | "queued_at">;

/** Of a row that nobody holds. */
export const noLease = { worker: null, leased_at: null, expires_at: null } as const;

/**
 * Ranges of files that were begun within a while of each other take turns in the queue: lanes find several files to
 * write to, and what comes meanwhile need not wait for the end of a large one.
 */
const rangeApartMs = 100;

type FreshRow = Omit<ChunkRow, "id">;

function fresh(unit: Unit, kind: ChunkKind, place: Place): FreshRow {
  return {
    ...placed(unit, kind, place),
    ...noLease,
    job_id: unit.jobId,
    parent_id: null,
    kind,
    attempt: 0,
    bytes: 0,
    slice_offset: 0,
    slice_length: 0,
    slice_rows: null,
    staging: null,
    evidence: "none",
    sha256: null,
    open_ranges: 0,
    writer: null,
    epoch: 0,
  };
}

export async function addChunk(unit: Unit, chunk: NewChunk): Promise<ChunkId> {
  const place: Place =
    chunk.prehash === undefined ? firstPlace(chunk.kind, unit.traits) : { stage: "transfer", state: "pending" };
  const { encoded, bytes } = chunk.items;
  const row = { ...fresh(unit, chunk.kind, place), attempt: chunk.attempt, bytes, slice_length: bytes };
  const { id } = await unit.tx.insertInto("chunks").values(row).returning("id").executeTakeFirstOrThrow();
  unit.rows.added(id);
  unit.rows.setBlob(id, "items", encoded);
  if (chunk.prehash !== undefined) unit.rows.setBlob(id, "prehash", chunk.prehash);
  unit.added(chunk.kind, place, [id]);
  const items = once(() => unpackItems(chunk.items));
  if (chunk.settled !== undefined) {
    unit.count(chunk.settled.counters);
    unit.rows.setBlob(id, "endings", chunk.settled.endings);
    recordEndings(unit, id, chunk.settled.told, items);
  }
  await recordLosses(unit, { row: { id, parent_id: null }, view: { items } }, chunk.lost ?? []);
  return id;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** @param rows how a table is cut; null: a head's entry is cut at whole blocks @returns how many ranges there are */
export async function addRanges(unit: Unit, head: Loaded, rows: readonly SizedRows[] | null): Promise<number> {
  const place = firstPlace("range", unit.traits);
  const base = { ...fresh(unit, "range", place), parent_id: head.row.id };
  const ids: ChunkId[] = [];
  const add = async (some: readonly FreshRow[]): Promise<void> => {
    const made = await unit.tx.insertInto("chunks").values(some).returning("id").execute();
    for (const { id } of made) ids.push(id);
  };
  let pending: FreshRow[] = [];
  let count = 0;
  for (const slice of slicesOf(unit, must(head.view.items()[0], "a head has one item"), rows)) {
    const queued_at = base.queued_at + count * rangeApartMs;
    pending.push({ ...base, queued_at, ...slice });
    count += 1;
    if (pending.length < insertRows) continue;
    await add(pending);
    pending = [];
  }
  if (pending.length > 0) await add(pending);
  unit.added("range", place, ids);
  return count;
}

type SliceColumns = Pick<ChunkRow, "bytes" | "slice_offset" | "slice_length" | "slice_rows">;

function* slicesOf(unit: Unit, item: Item, rows: readonly SizedRows[] | null): Generator<SliceColumns> {
  if (rows !== null) {
    let offset = 0;
    for (const { bytes, slice, isOrdered } of rows) {
      const slice_rows = JSON.stringify({ slice, isOrdered } satisfies RowRange);
      yield { bytes, slice_offset: offset, slice_length: bytes, slice_rows };
      offset += bytes;
    }
    return;
  }
  const size = chunkBytesOf(item.blockBytes, unit.chunkBytes);
  for (let offset = 0; offset === 0 || offset < item.length; offset += size) {
    const length = Math.min(size, item.length - offset);
    yield { bytes: length, slice_offset: offset, slice_length: length, slice_rows: null };
  }
}
