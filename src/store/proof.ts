/** What an auditor reads later: verdicts, exceptions, attempts. Appended in the transaction that made them true. */
import { createHash } from "node:crypto";
import type { ChunkId, Item, Stage } from "../model/chunk.ts";
import type { ChunkView, Effects } from "../model/effects.ts";
import type { ReadFrom } from "../model/entry.ts";
import { pathToBytes } from "../model/path.ts";
import { type BadBlock, type ItemEnding, type ItemLoss, needsWords, type Receipts } from "../model/task.ts";
import { readReceipts } from "./blobs.ts";
import type { Loaded } from "./load.ts";
import type { ChunkRow } from "./schema.ts";
import type { Unit } from "./unit.ts";

const digestBytes = 32;
const insertRows = 200;

/** One record for each end that needs words. */
export async function recordEndings(
  unit: Unit,
  chunkId: ChunkId,
  endings: readonly ItemEnding[],
  items: () => readonly Item[],
): Promise<void> {
  const told = endings.filter(needsWords);
  const rows = told.map((ending) => ({
    job_id: unit.jobId,
    chunk_id: chunkId,
    path: pathToBytes(items()[ending.item]?.entry.path as Item["entry"]["path"]),
    outcome: ending.again ? "retried" : ending.outcome,
    error: ending.error === null ? null : JSON.stringify(ending.error),
    lost: "[]",
    at: unit.now,
  }));
  for (let at = 0; at < rows.length; at += insertRows) {
    await unit.tx
      .insertInto("exceptions")
      .values(rows.slice(at, at + insertRows))
      .execute();
  }
}

/** The items go on; what they lost is told. */
export async function recordLosses(
  unit: Unit,
  { row, view }: { readonly row: Pick<ChunkRow, "id">; readonly view: Pick<ChunkView, "items"> },
  lost: readonly ItemLoss[],
): Promise<void> {
  const rows = lost
    .filter(({ losses }) => losses.length > 0)
    .map(({ item, losses }) => ({
      job_id: unit.jobId,
      chunk_id: row.id,
      path: pathToBytes(view.items()[item]?.entry.path as Item["entry"]["path"]),
      outcome: "lost",
      error: null,
      lost: JSON.stringify(losses),
      at: unit.now,
    }));
  unit.count({ losses: rows.length });
  for (let at = 0; at < rows.length; at += insertRows) {
    await unit.tx
      .insertInto("exceptions")
      .values(rows.slice(at, at + insertRows))
      .execute();
  }
}

export interface Reader {
  readonly worker: string;
  readonly readFrom: ReadFrom;
}

export async function recordVerdict(
  unit: Unit,
  { row, view }: Loaded,
  verdict: NonNullable<Effects["verdict"]>,
  reader: Reader,
): Promise<void> {
  const receipts = await readReceipts(unit.tx, row);
  const isSingle = row.kind === "head" || row.kind === "range";
  const path = isSingle ? view.items()[0]?.entry.path : undefined;
  await unit.tx
    .insertInto("verdicts")
    .values({
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
    })
    .execute();
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

export interface NewAttempt {
  readonly chunkId: ChunkId;
  readonly stage: Stage;
  readonly worker: string;
  readonly epoch: number;
}

export async function openAttempts(unit: Unit, attempts: readonly NewAttempt[]): Promise<void> {
  const rows = attempts.map(({ chunkId, ...rest }) => ({
    ...rest,
    job_id: unit.jobId,
    chunk_id: chunkId,
    started_at: unit.now,
  }));
  if (rows.length > 0) await unit.tx.insertInto("attempts").values(rows).execute();
}

export async function closeAttempt(
  unit: Unit,
  lease: { readonly id: ChunkId; readonly epoch: number },
  why: string,
): Promise<void> {
  await unit.tx
    .updateTable("attempts")
    .set({ ended_at: unit.now, why })
    .where("chunk_id", "=", lease.id)
    .where("epoch", "=", lease.epoch)
    .execute();
}
