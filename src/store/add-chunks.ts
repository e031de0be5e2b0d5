import { must } from "../base/assert.ts";
import { chunkBytesOf, type ChunkId, type ChunkKind, firstPlace, phaseOf, type Place } from "../model/chunk.ts";
import { unpackItems } from "../model/item-codec.ts";
import type { NewChunk } from "../model/task.ts";
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
  recordLosses(unit, { row: { id }, view: { items } }, chunk.lost ?? []);
  return id;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Cuts a head's entry at whole blocks. @returns how many ranges there are */
export async function addRanges(unit: Unit, head: Loaded): Promise<number> {
  const item = must(head.view.items()[0], "a head has one item");
  const size = chunkBytesOf(item.blockBytes, unit.chunkBytes);
  const place = firstPlace("range", unit.traits);
  const base = { ...fresh(unit, "range", place), parent_id: head.row.id };
  const ids: ChunkId[] = [];
  const add = async (some: readonly FreshRow[]): Promise<void> => {
    const made = await unit.tx.insertInto("chunks").values(some).returning("id").execute();
    for (const { id } of made) ids.push(id);
  };
  let rows: FreshRow[] = [];
  let count = 0;
  for (let offset = 0; offset === 0 || offset < item.length; offset += size) {
    const length = Math.min(size, item.length - offset);
    const queued_at = base.queued_at + count * rangeApartMs;
    rows.push({ ...base, queued_at, bytes: length, slice_offset: offset, slice_length: length });
    count += 1;
    if (rows.length < insertRows) continue;
    await add(rows);
    rows = [];
  }
  if (rows.length > 0) await add(rows);
  unit.added("range", place, ids);
  return count;
}
