/** Streams for reports: by pages of the key, each its own short transaction; memory does not grow with the job. */
import type { Selectable } from "kysely";
import { must } from "../base/assert.ts";
import type { ErrorRecord } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import { decodeEndings, decodeEvidence } from "../model/ending-codec.ts";
import { type BytePath, pathFromBytes } from "../model/path.ts";
import type { BadBlock } from "../model/task.ts";
import type { AttemptRecord, ChunkRecord, ExceptionRecord, VerdictRecord } from "../ports/store.ts";
import { receiptsOf } from "./blobs.ts";
import { leasedRows } from "./claim.ts";
import { encodeSlice } from "./load.ts";
import { Rows } from "./rows.ts";
import type { AttemptsTable, ChunkRow, Database, Engine, Tx } from "./schema.ts";

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
      const read = new Rows(tx);
      const heads = [...new Set(rows.map((row) => row.parent_id).filter((id) => id !== null))];
      await read.read([...rows, ...heads.map((id) => ({ id, stage: "prepare" as const }))]);
      return rows.map((row) => chunkRecord(read, row));
    }),
  );
}

function chunkRecord(rows: Rows, row: ChunkRow): ChunkRecord & { readonly id: number } {
  const items = must(rows.blob(row.parent_id ?? row.id, "items"), "a chunk has items");
  const [endings, evidence] = [rows.blob(row.id, "endings"), rows.blob(row.id, "evidence")];
  return {
    id: row.id,
    chunkId: row.id,
    parentId: row.parent_id,
    kind: row.kind,
    stage: row.stage,
    state: row.state,
    offset: row.slice_offset,
    length: row.slice_length,
    items: row.parent_id === null ? items : encodeSlice(items, row),
    staging: row.staging,
    receipts: receiptsOf(rows, row),
    endings: endings === null ? [] : decodeEndings(endings),
    evidence: evidence === null ? row.evidence : decodeEvidence(evidence),
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

export function attemptRecord(row: Selectable<AttemptsTable>) {
  return {
    chunkId: row.chunk_id,
    stage: row.stage,
    worker: row.worker,
    epoch: row.epoch,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    why: row.why,
  };
}

/** Those that ended, in order of their ends; then those that run. */
export async function* streamAttempts(engine: Engine, jobId: JobId): AsyncIterable<AttemptRecord> {
  const rows = pages(page, (after, limit) => engine.read((tx) => pageOf(tx, "attempts", { jobId, after, limit })));
  for await (const row of rows) yield attemptRecord(row);
  const running = await engine.read((tx) => leasedRows(tx, jobId).orderBy("id").execute());
  for (const row of running) {
    yield {
      chunkId: row.id,
      stage: row.stage,
      worker: must(row.worker, "a leased row has a worker"),
      epoch: row.epoch,
      startedAt: must(row.leased_at, "a leased row has a begin"),
      endedAt: null,
      why: null,
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
