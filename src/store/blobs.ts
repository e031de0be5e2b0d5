/** What of a chunk grows with its blocks: receipts, and progress inside a transfer. */
import { assert } from "../base/assert.ts";
import type { ChunkId } from "../model/chunk.ts";
import { decodeReceipts, encodeReceipts } from "../model/ending-codec.ts";
import { noReceipts, type Progress, type Receipts } from "../model/task.ts";
import type { ProgressSlice, Rows } from "./rows.ts";
import type { ChunkRow } from "./schema.ts";
import type { Unit } from "./unit.ts";

const digestBytes = 32;

/** Everything confirmed so far. */
export function receiptsOf(rows: Rows, row: Pick<ChunkRow, "id" | "stage">): Receipts {
  const stored = rows.blob(row.id, "receipts");
  const folded = stored === null ? noReceipts : decodeReceipts(stored);
  return row.stage === "transfer" ? joinReceipts(slicesOf(rows, row.id), folded) : folded;
}

/** A transfer that began again before the end of what another had confirmed makes void what follows. */
export async function appendProgress(unit: Unit, chunkId: ChunkId, progress: Progress): Promise<void> {
  const { tx, rows } = unit;
  const { firstBlock, bytes: confirmedBytes } = progress;
  if (progress.receipts.count === 0) return;
  const before = rows.progress(chunkId);
  const kept = before.filter((slice) => slice.firstBlock < firstBlock);
  if (before.some((slice) => slice.firstBlock > firstBlock))
    await tx.deleteFrom("progress").where("chunk_id", "=", chunkId).where("first_block", ">", firstBlock).execute();
  const receipts = encodeReceipts(progress.receipts);
  const row = { receipts, confirmed_bytes: confirmedBytes };
  await tx
    .insertInto("progress")
    .values({ chunk_id: chunkId, first_block: firstBlock, ...row })
    .onConflict((conflict) => conflict.columns(["chunk_id", "first_block"]).doUpdateSet(row))
    .execute();
  rows.setProgress(chunkId, [...kept, { firstBlock, receipts, confirmedBytes }]);
  unit.count({ bytesConfirmed: confirmedBytes - confirmedIn(before) });
}

/** The end of a transfer: its appended progress and the rest become the chunk's receipts. */
export async function foldProgress(unit: Unit, chunkId: ChunkId, rest: Progress): Promise<void> {
  const { rows } = unit;
  const stored = rows.blob(chunkId, "receipts");
  const before = slicesOf(rows, chunkId).filter(({ firstBlock }) => firstBlock < rest.firstBlock);
  const all = joinReceipts([...before, rest], stored === null ? noReceipts : decodeReceipts(stored));
  if (all.count > 0) rows.setBlob(chunkId, "receipts", encodeReceipts(all));
  await clearProgress(unit, chunkId);
}

/** Forgets what was confirmed: the chunk is sent from its start, or never again. */
export async function clearReceipts(unit: Unit, chunkId: ChunkId): Promise<void> {
  await clearProgress(unit, chunkId);
  unit.rows.setBlob(chunkId, "receipts", null);
}

async function clearProgress(unit: Unit, chunkId: ChunkId): Promise<void> {
  const { tx, rows } = unit;
  const before = rows.progress(chunkId);
  if (before.length === 0) return;
  await tx.deleteFrom("progress").where("chunk_id", "=", chunkId).execute();
  rows.setProgress(chunkId, []);
  unit.count({ bytesConfirmed: -confirmedIn(before) });
}

/** The same for all ranges of a head, of which this transaction knows nothing. */
export async function clearProgressOfRanges(unit: Unit, head: ChunkId): Promise<void> {
  const ranges = unit.tx.selectFrom("chunks").select("id").where("parent_id", "=", head);
  const removed = await unit.tx
    .deleteFrom("progress")
    .where("chunk_id", "in", ranges)
    .returning(["chunk_id", "first_block", "confirmed_bytes"])
    .execute();
  const last = new Map<ChunkId, (typeof removed)[number]>();
  for (const row of removed) {
    const seen = last.get(row.chunk_id);
    if (seen === undefined || seen.first_block < row.first_block) last.set(row.chunk_id, row);
  }
  for (const { confirmed_bytes: bytes } of last.values()) unit.count({ bytesConfirmed: -bytes });
}

function confirmedIn(slices: readonly ProgressSlice[]): number {
  return slices.at(-1)?.confirmedBytes ?? 0;
}

type Slice = Pick<Progress, "firstBlock" | "receipts">;

function slicesOf(rows: Rows, chunkId: ChunkId): readonly Slice[] {
  return rows.progress(chunkId).map(({ firstBlock, receipts }) => ({ firstBlock, receipts: decodeReceipts(receipts) }));
}

/** Joins slices in order; of blocks that were reported twice the later report counts, a gap is a defect of ours. */
function joinReceipts(slices: readonly Slice[], before: Receipts): Receipts {
  if (slices.length === 0) return before;
  const all: readonly Slice[] = [{ firstBlock: 0, receipts: before }, ...slices];
  const digests: Uint8Array[] = [];
  const tags: (string | null)[][] = [];
  let count = 0;
  for (const [index, { firstBlock, receipts }] of all.entries()) {
    const used = (all[index + 1]?.firstBlock ?? firstBlock + receipts.count) - firstBlock;
    assert(used <= receipts.count, "confirmed blocks leave no gap");
    digests.push(receipts.digests.subarray(0, used * digestBytes));
    tags.push(tagsOf(receipts).slice(0, used));
    count += used;
  }
  const isTagged = all.some(({ receipts }) => receipts.tags !== null);
  return { count, digests: joinBytes(digests), tags: isTagged ? tags.flat() : null };
}

function tagsOf(receipts: Receipts): (string | null)[] {
  return receipts.tags === null ? Array.from({ length: receipts.count }, () => null) : [...receipts.tags];
}

function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
