/** What an auditor reads later: verdicts, exceptions, attempts. Appended in the transaction that made them true. */
import { createHash } from "node:crypto";
import { must } from "../base/assert.ts";
import type { ChunkId, Item } from "../model/chunk.ts";
import type { ChunkView, Effects } from "../model/effects.ts";
import type { ReadFrom } from "../model/entry.ts";
import { pathToBytes } from "../model/path.ts";
import { type BadBlock, type ItemEnding, type ItemLoss, needsWords, type Receipts } from "../model/task.ts";
import { receiptsOf } from "./blobs.ts";
import type { Loaded } from "./load.ts";
import type { ChunkRow } from "./schema.ts";
import type { Unit } from "./unit.ts";

const digestBytes = 32;

/** One record for each end that needs words. */
export function recordEndings(
  unit: Unit,
  chunkId: ChunkId,
  endings: readonly ItemEnding[],
  items: () => readonly Item[],
): void {
  for (const ending of endings.filter(needsWords)) {
    unit.exception({
      job_id: unit.jobId,
      chunk_id: chunkId,
      path: pathToBytes(items()[ending.item]?.entry.path as Item["entry"]["path"]),
      outcome: ending.again ? "retried" : ending.outcome,
      error: ending.error === null ? null : JSON.stringify(ending.error),
      lost: "[]",
      at: unit.now,
    });
  }
}

/**
 * The items go on; what they lost is told. A large entry loses a thing once, however many of its ranges lost it: its
 * head says so for all.
 */
export async function recordLosses(
  unit: Unit,
  { row, view }: { readonly row: Pick<ChunkRow, "id" | "parent_id">; readonly view: Pick<ChunkView, "items"> },
  lost: readonly ItemLoss[],
): Promise<void> {
  for (const { item, losses } of lost) {
    if (losses.length === 0) continue;
    const words = JSON.stringify(losses);
    if (row.parent_id !== null && (await isToldOf(unit, row.parent_id, words))) continue;
    unit.count({ losses: 1 });
    unit.exception({
      job_id: unit.jobId,
      chunk_id: row.parent_id ?? row.id,
      path: pathToBytes(view.items()[item]?.entry.path as Item["entry"]["path"]),
      outcome: "lost",
      error: null,
      lost: words,
      at: unit.now,
    });
  }
}

/** Under the lock of the head: of two ranges that end at once, the second one sees what the first one told. */
async function isToldOf(unit: Unit, headId: ChunkId, lost: string): Promise<boolean> {
  await unit.rows.load([headId]);
  if (unit.isLost(headId, lost)) return true;
  const told = await unit.tx
    .selectFrom("exceptions")
    .select("id")
    .where("chunk_id", "=", headId)
    .where("outcome", "=", "lost")
    .where("lost", "=", lost)
    .executeTakeFirst();
  return told !== undefined;
}

export interface Reader {
  readonly worker: string;
  readonly readFrom: ReadFrom;
}

export function recordVerdict(
  unit: Unit,
  { row, view }: Loaded,
  verdict: NonNullable<Effects["verdict"]>,
  reader: Reader,
): void {
  const receipts = receiptsOf(unit.rows, row);
  const isSingle = row.kind === "head" || row.kind === "range";
  const path = isSingle ? view.items()[0]?.entry.path : undefined;
  unit.verdict({
    job_id: unit.jobId,
    chunk_id: row.id,
    path: path === undefined ? null : pathToBytes(path),
    stage: row.stage,
    result: verdict.result,
    source_digest: hex(receipts.digests),
    target_digest: targetDigest(receipts, verdict),
    bad: JSON.stringify(verdict.bad),
    writer: row.writer,
    reader: reader.worker,
    read_from: reader.readFrom,
    at: unit.now,
  });
}

/**
 * As the source's, with the blocks in its place that came back different; a block that is gone counts as zeros. Empty
 * where something could not be read.
 */
function targetDigest(receipts: Receipts, { isWhole, bad }: NonNullable<Effects["verdict"]>): string {
  if (!isWhole) return "";
  const digests = receipts.digests.slice();
  for (const block of bad) placeDigest(digests, block);
  return hex(digests);
}

function placeDigest(digests: Uint8Array, { block, target }: BadBlock): void {
  if ((block + 1) * digestBytes > digests.length) return;
  const bytes = target === null ? Buffer.alloc(digestBytes) : Buffer.from(target, "hex");
  digests.set(bytes.subarray(0, digestBytes), block * digestBytes);
}

function hex(digests: Uint8Array): string {
  return createHash("sha256").update(digests).digest("hex");
}

export type LeasedRow = Pick<ChunkRow, "id" | "stage" | "worker" | "epoch" | "leased_at">;

/** Of a row that was leased until now. */
export function recordAttempt(unit: Unit, { id, stage, worker, epoch, leased_at }: LeasedRow, why: string): void {
  unit.attempt({
    job_id: unit.jobId,
    chunk_id: id,
    stage,
    worker: must(worker, "a leased row has a worker"),
    epoch,
    started_at: must(leased_at, "a leased row has a begin"),
    ended_at: unit.now,
    why,
  });
}
