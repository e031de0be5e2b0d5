/** Streams for reports: by pages of the key, each its own short transaction; memory does not grow with the job. */
import type { Selectable } from "kysely";
import { must } from "../base/assert.ts";
import type { ErrorRecord } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import { decodeEndings, decodeEvidence } from "../model/ending-codec.ts";
import { type BytePath, pathFromBytes } from "../model/path.ts";
import type { BadBlock } from "../model/task.ts";
import type { AttemptRecord, ChunkRecord, ExceptionRecord, VerdictRecord } from "../ports/store.ts";
import { readBlobs, readReceipts } from "./blobs.ts";
import { encodeSlice } from "./load.ts";
import type { ChunkRow, Database, Engine, Tx } from "./schema.ts";

/** A pack of 4,096 files comes with some 200 KB of items and receipts. */
const chunkPage = 16;
const page = 500;

/** In order of planning, each head followed by its ranges in order of offset: a reader holds one entry at a time. */
export async function* streamChunks(engine: Engine, jobId: JobId): AsyncIterable<ChunkRecord> {
  for await (const record of chunkPages(engine, { jobId, parentId: null })) {
    yield record;
    if (record.kind === "head") yield* chunkPages(engine, { jobId, parentId: record.chunkId });
  }
}

interface Family {
  readonly jobId: JobId;
  /** Null: the rows that are nobody's ranges. */
  readonly parentId: number | null;
}

async function* chunkPages(engine: Engine, { jobId, parentId }: Family): AsyncIterable<ChunkRecord> {
  yield* pages(chunkPage, (after, limit) =>
    engine.read(async (tx) => {
      const rows = await tx
        .selectFrom("chunks")
        .selectAll()
        .where("job_id", "=", jobId)
        .where("parent_id", parentId === null ? "is" : "=", parentId)
        .where("id", ">", after)
        .orderBy("id")
        .limit(limit)
        .execute();
      const records: (ChunkRecord & { readonly id: number })[] = [];
      for (const row of rows) records.push({ id: row.id, ...(await chunkRecord(tx, row)) });
      return records;
    }),
  );
}

async function chunkRecord(tx: Tx, row: ChunkRow): Promise<ChunkRecord> {
  const own = await readBlobs(tx, row.id, ["items", "receipts", "endings", "evidence"]);
  let items = own.items;
  if (row.parent_id !== null) {
    const whole = (await readBlobs(tx, row.parent_id, ["items"])).items;
    items = encodeSlice(must(whole, "a head has items"), row);
  }
  return {
    chunkId: row.id,
    parentId: row.parent_id,
    kind: row.kind,
    stage: row.stage,
    state: row.state,
    offset: row.slice_offset,
    length: row.slice_length,
    items: must(items, "a chunk has items"),
    staging: row.staging,
    receipts: await readReceipts(tx, row, own.receipts ?? null),
    endings: own.endings === undefined ? [] : decodeEndings(own.endings),
    evidence: own.evidence === undefined ? row.evidence : decodeEvidence(own.evidence),
    sha256: row.sha256,
    attempt: row.attempt,
  };
}

export async function* streamExceptions(engine: Engine, jobId: JobId): AsyncIterable<ExceptionRecord> {
  const rows = pages(page, (after, limit) => engine.read((tx) => pageOf(tx, "exceptions", { jobId, after, limit })));
  for await (const row of rows) {
    yield {
      chunkId: row.chunk_id,
      path: pathFromBytes(row.path),
      outcome: row.outcome,
      error: row.error === null ? null : (JSON.parse(row.error) as ErrorRecord),
      lost: JSON.parse(row.lost) as string[],
      at: row.at,
    };
  }
}

export async function* streamVerdicts(engine: Engine, jobId: JobId): AsyncIterable<VerdictRecord> {
  const rows = pages(page, (after, limit) => engine.read((tx) => pageOf(tx, "verdicts", { jobId, after, limit })));
  for await (const row of rows) {
    yield {
      chunkId: row.chunk_id,
      path: pathOrNull(row.path),
      stage: row.stage,
      result: row.result,
      sourceDigest: row.source_digest,
      targetDigest: row.target_digest,
      bad: JSON.parse(row.bad) as BadBlock[],
      writer: row.writer,
      reader: row.reader,
      readFrom: row.read_from,
      at: row.at,
    };
  }
}

export async function* streamAttempts(engine: Engine, jobId: JobId): AsyncIterable<AttemptRecord> {
  const rows = pages(page, (after, limit) => engine.read((tx) => pageOf(tx, "attempts", { jobId, after, limit })));
  for await (const row of rows) {
    yield {
      chunkId: row.chunk_id,
      stage: row.stage,
      worker: row.worker,
      epoch: row.epoch,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      why: row.why,
    };
  }
}

interface PageKey {
  readonly jobId: JobId;
  readonly after: number;
  readonly limit: number;
}

type Appended = "exceptions" | "verdicts" | "attempts";

async function pageOf<T extends Appended>(
  tx: Tx,
  table: T,
  { jobId, after, limit }: PageKey,
): Promise<readonly Selectable<Database[T]>[]> {
  const wide: Appended = table;
  const rows = await tx
    .selectFrom(wide)
    .selectAll()
    .where("job_id", "=", jobId)
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows as unknown as readonly Selectable<Database[T]>[];
}

async function* pages<R extends { readonly id: number }>(
  size: number,
  read: (after: number, limit: number) => Promise<readonly R[]>,
): AsyncGenerator<R> {
  let after = 0;
  for (;;) {
    const rows = await read(after, size);
    yield* rows;
    if (rows.length < size) return;
    after = must(rows.at(-1), "a full page").id;
  }
}

function pathOrNull(bytes: Uint8Array | null): BytePath | null {
  return bytes === null ? null : pathFromBytes(bytes);
}
