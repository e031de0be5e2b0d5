/** What of a chunk grows with its items: the items themselves, receipts, endings; and progress inside a transfer. */
import { assert } from "../base/assert.ts";
import type { ChunkId } from "../model/chunk.ts";
import { decodeReceipts, encodeReceipts } from "../model/ending-codec.ts";
import { noReceipts, type Progress, type Receipts } from "../model/task.ts";
import { type ChunkRow, parts, type Tx } from "./schema.ts";

type Part = keyof typeof parts;
const digestBytes = 32;

export async function readBlobs(
  tx: Tx,
  chunkId: ChunkId,
  wanted: readonly Part[],
): Promise<Partial<Record<Part, Uint8Array>>> {
  const rows = await tx
    .selectFrom("blobs")
    .select(["part", "data"])
    .where("chunk_id", "=", chunkId)
    .where(
      "part",
      "in",
      wanted.map((part) => parts[part]),
    )
    .execute();
  const found: Partial<Record<Part, Uint8Array>> = {};
  for (const part of wanted) {
    const row = rows.find((each) => each.part === parts[part]);
    if (row !== undefined) found[part] = row.data;
  }
  return found;
}

export async function writeBlob(tx: Tx, chunkId: ChunkId, part: Part, data: Uint8Array): Promise<void> {
  await tx
    .insertInto("blobs")
    .values({ chunk_id: chunkId, part: parts[part], data })
    .onConflict((conflict) => conflict.columns(["chunk_id", "part"]).doUpdateSet({ data }))
    .execute();
}

/**
 * Everything confirmed so far. Only a transfer has progress that is not folded.
 * @param stored the chunk's receipts, where they were read with other parts
 */
export async function readReceipts(
  tx: Tx,
  row: Pick<ChunkRow, "id" | "stage">,
  stored?: Uint8Array | null,
): Promise<Receipts> {
  const found = stored === undefined ? (await readBlobs(tx, row.id, ["receipts"])).receipts : stored;
  const folded = found === undefined || found === null ? noReceipts : decodeReceipts(found);
  return row.stage === "transfer" ? joinReceipts(await readProgress(tx, row.id), folded) : folded;
}

/** A transfer that began again before the end of what another had confirmed makes void what follows. */
export async function appendProgress(tx: Tx, chunkId: ChunkId, { firstBlock, receipts }: Progress): Promise<void> {
  if (receipts.count === 0) return;
  await tx.deleteFrom("progress").where("chunk_id", "=", chunkId).where("first_block", ">", firstBlock).execute();
  const encoded = encodeReceipts(receipts);
  await tx
    .insertInto("progress")
    .values({ chunk_id: chunkId, first_block: firstBlock, receipts: encoded })
    .onConflict((conflict) => conflict.columns(["chunk_id", "first_block"]).doUpdateSet({ receipts: encoded }))
    .execute();
}

/** The end of a transfer: its appended progress and the rest become the chunk's receipts. */
export async function foldProgress(tx: Tx, chunkId: ChunkId, rest: Progress): Promise<void> {
  const { receipts } = await readBlobs(tx, chunkId, ["receipts"]);
  const appended = await readProgress(tx, chunkId);
  const before = appended.filter(({ firstBlock }) => firstBlock < rest.firstBlock);
  const all = joinReceipts([...before, rest], receipts === undefined ? noReceipts : decodeReceipts(receipts));
  if (all.count > 0) await writeBlob(tx, chunkId, "receipts", encodeReceipts(all));
  if (appended.length > 0) await tx.deleteFrom("progress").where("chunk_id", "=", chunkId).execute();
}

/** Forgets what was confirmed: the chunk is sent from its start, or never again. */
export async function clearReceipts(tx: Tx, chunkId: ChunkId): Promise<void> {
  await tx.deleteFrom("progress").where("chunk_id", "=", chunkId).execute();
  await tx.deleteFrom("blobs").where("chunk_id", "=", chunkId).where("part", "=", parts.receipts).execute();
}

type Slice = Pick<Progress, "firstBlock" | "receipts">;

async function readProgress(tx: Tx, chunkId: ChunkId): Promise<readonly Slice[]> {
  const rows = await tx
    .selectFrom("progress")
    .select(["first_block", "receipts"])
    .where("chunk_id", "=", chunkId)
    .orderBy("first_block")
    .execute();
  return rows.map((row) => ({ firstBlock: row.first_block, receipts: decodeReceipts(row.receipts) }));
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
