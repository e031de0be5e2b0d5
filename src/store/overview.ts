/** What people look at. Each answer is one transaction that writes nothing, and bounded by its query. */
import { sql } from "kysely";
import { must } from "../base/assert.ts";
import type { ErrorRecord } from "../base/errors.ts";
import type { ChunkId, ChunkKind, Instant, JobId } from "../model/chunk.ts";
import type { Counters, Job } from "../model/job.ts";
import { pathFromBytes } from "../model/path.ts";
import type {
  Checkpoint,
  ChunkMap,
  ChunkPage,
  FailedAttempt,
  FailedChunk,
  FailedCounts,
  FleetGlance,
  Glance,
  JobQuery,
  ListedAttempt,
  ListedException,
  Overview,
  PageQuery,
  WatchedState,
} from "../ports/overview.ts";
import type { AttemptRecord } from "../ports/store.ts";
import { unknownJob } from "./counters.ts";
import { leasedRows } from "./claim.ts";
import { fleetGlance } from "./fleet-glance.ts";
import { endedForGood } from "./failed-rows.ts";
import { findJob, jobOf } from "./jobs.ts";
import { jobRow, livingLeader } from "./lead.ts";
import { attemptRecord } from "./report-rows.ts";
import type { Engine, JobRow, Tx } from "./schema.ts";
import type { SqlStoreOptions } from "./sql-store.ts";

/** Rows that one page of chunks looks at. */
const lookMax = 20_000;
/** Attempts that did not end well, among which the last failure is looked for. */
const badAttemptsMax = 100;
/** Ends of attempts that are no failures. */
const harmless = new Set(["done", "released", "leader replaced", "the entry is repaired"]);

const watchedState = sql<WatchedState>`case
  when state = 'failed' then 'failed' when state = 'verified' then 'verified'
  when state = 'in_progress' then 'in_progress'
  when stage in ('verify', 'digest', 'publish', 'seal', 'reconcile') then 'transferred' else 'pending' end`;

export class SqlOverview implements Overview {
  readonly #engine: Engine;
  readonly #isAlive: (owner: string) => boolean;

  constructor({ engine, isAlive }: Pick<SqlStoreOptions, "engine" | "isAlive">) {
    this.#engine = engine;
    this.#isAlive = isAlive;
  }

  jobs({ after, limit, status, idPrefix }: JobQuery): Promise<readonly Job[]> {
    return this.#engine.read(async (tx) => {
      let query = tx.selectFrom("jobs").selectAll();
      if (status !== null) query = query.where("status", "=", status);
      if (idPrefix !== undefined) query = query.where(sql`substr(id, 1, ${idPrefix.length})`, "=", idPrefix);
      if (after !== null)
        query = query.where((row) => row(row.refTuple("created_at", "id"), "<", row.tuple(after.createdAt, after.id)));
      const rows = await query.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
      const jobs: Job[] = [];
      for (const row of rows) jobs.push(await jobOf(tx, row));
      return jobs;
    });
  }

  glance(jobId: JobId): Promise<Glance> {
    return this.#engine.read(async (tx, now) => {
      const job = await findJob(tx, jobId);
      if (job === null) throw unknownJob(jobId);
      const leader = livingLeader(await jobRow(tx, jobId), now, this.#isAlive);
      return { job, now, leader, lastFailure: await lastFailure(tx, jobId) };
    });
  }

  failedCounts(jobId: JobId): Promise<FailedCounts> {
    return this.#engine.read(async (tx) => {
      await jobRow(tx, jobId);
      const rows = tx
        .selectFrom("chunks")
        .where("job_id", "=", jobId)
        .where(sql<boolean>`state = 'failed'`);
      const all = await rows.select((row) => row.fn.countAll<number>().as("n")).executeTakeFirstOrThrow();
      const failed = await endedForGood(rows)
        .select((row) => row.fn.countAll<number>().as("n"))
        .executeTakeFirstOrThrow();
      return { failed: failed.n, notVerified: all.n };
    });
  }

  failedChunks(jobId: JobId, { after, limit }: PageQuery): Promise<readonly FailedChunk[]> {
    return this.#engine.read(async (tx) => {
      await jobRow(tx, jobId);
      const rows = tx
        .selectFrom("chunks")
        .where("job_id", "=", jobId)
        .where(sql<boolean>`state = 'failed'`)
        .where("id", ">", after ?? 0);
      const found = await endedForGood(rows).select(["id", "kind"]).orderBy("id").limit(limit).execute();
      const failed: FailedChunk[] = [];
      for (const { id, kind } of found) failed.push(await failedChunk(tx, id, kind));
      return failed;
    });
  }

  chunks(jobId: JobId, state: WatchedState | null, { after, limit }: PageQuery): Promise<ChunkPage> {
    return this.#engine.read(async (tx) => {
      await jobRow(tx, jobId);
      const looked = tx
        .selectFrom("chunks")
        .select(["id", "parent_id", "kind", "stage", "slice_offset", "bytes", "attempt", "worker", "epoch"])
        .select(watchedState.as("watched"))
        .where("job_id", "=", jobId)
        .where("id", ">", after ?? 0)
        .orderBy("id")
        .limit(lookMax);
      let query = tx.selectFrom(looked.as("looked")).selectAll();
      if (state !== null) query = query.where("watched", "=", state);
      const rows = await query.orderBy("id").limit(limit).execute();
      const chunks = rows.map((row) => ({
        chunkId: row.id,
        parentId: row.parent_id,
        kind: row.kind,
        stage: row.stage,
        state: row.watched,
        offset: row.slice_offset,
        bytes: row.bytes,
        attempt: row.attempt,
        worker: row.worker,
        epoch: row.epoch,
      }));
      const next = rows.length === limit ? must(rows.at(-1), "a full page").id : await lookedTo(tx, jobId, after ?? 0);
      return { chunks, next };
    });
  }

  chunkMap(jobId: JobId, buckets: number): Promise<ChunkMap> {
    return this.#engine.read(async (tx, now) => {
      await jobRow(tx, jobId);
      const ends = tx.selectFrom("chunks").select("id").where("job_id", "=", jobId).limit(1);
      const first = (await ends.orderBy("id").executeTakeFirst())?.id ?? null;
      const last = (await ends.orderBy("id", "desc").executeTakeFirst())?.id ?? null;
      if (first === null || last === null) return { at: now, firstChunkId: null, lastChunkId: null, cells: [] };
      // Numbers that the program itself has made, as text: an engine divides whole numbers only when it knows them.
      const bucket = sql<number>`((id - ${sql.lit(first)}) * ${sql.lit(buckets)}) / ${sql.lit(last - first + 1)}`;
      const cells = await tx
        .selectFrom("chunks")
        .select((row) => [
          bucket.as("bucket"),
          watchedState.as("watched"),
          row.fn.countAll<number>().as("rows"),
          sql<number>`cast(sum(bytes) as bigint)`.as("sum"),
        ])
        .where("job_id", "=", jobId)
        .where("id", "<=", last)
        .groupBy(["bucket", "watched"])
        .orderBy("bucket")
        .execute();
      return {
        at: now,
        firstChunkId: first,
        lastChunkId: last,
        cells: cells.map((cell) => ({
          bucket: cell.bucket,
          state: cell.watched,
          chunks: cell.rows,
          bytes: cell.sum,
        })),
      };
    });
  }

  exceptions(jobId: JobId, { after, limit }: PageQuery): Promise<readonly ListedException[]> {
    return this.#engine.read(async (tx) => {
      await jobRow(tx, jobId);
      const rows = await tx
        .selectFrom("exceptions")
        .selectAll()
        .where("job_id", "=", jobId)
        .where("id", ">", after ?? 0)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        id: row.id,
        chunkId: row.chunk_id,
        path: pathFromBytes(row.path),
        outcome: row.outcome,
        error: errorOf(row.error),
        lost: JSON.parse(row.lost) as string[],
        at: row.at,
      }));
    });
  }

  attempts(jobId: JobId, { after, limit }: PageQuery): Promise<readonly ListedAttempt[]> {
    return this.#engine.read(async (tx) => {
      await jobRow(tx, jobId);
      let query = tx.selectFrom("attempts").selectAll().where("job_id", "=", jobId);
      if (after !== null) query = query.where("id", "<", after);
      const rows = await query.orderBy("id", "desc").limit(limit).execute();
      return rows.map((row) => Object.assign(attemptRecord(row), { id: row.id }));
    });
  }

  running(jobId: JobId, limit: number): Promise<readonly AttemptRecord[]> {
    return this.#engine.read(async (tx) => {
      await jobRow(tx, jobId);
      const rows = await leasedRows(tx, jobId).orderBy("id").limit(limit).execute();
      return rows.map((row) => ({
        chunkId: row.id,
        stage: row.stage,
        worker: must(row.worker, "a leased row has a worker"),
        epoch: row.epoch,
        startedAt: must(row.leased_at, "a leased row has a begin"),
        endedAt: null,
        why: null,
      }));
    });
  }

  checkpoint(jobId: JobId): Promise<Checkpoint> {
    return this.#engine.read((tx, now) => checkpointOf(tx, jobId, now));
  }

  fleet(jobsMax: number): Promise<FleetGlance> {
    const isLed = (row: JobRow, now: Instant): boolean => livingLeader(row, now, this.#isAlive) !== null;
    return this.#engine.read((tx, now) => fleetGlance(tx, { jobsMax, now, isLed, size: this.#engine.size }));
  }
}

async function checkpointOf(tx: Tx, jobId: JobId, now: Instant): Promise<Checkpoint> {
  const job = await jobRow(tx, jobId);
  const inbox = await tx
    .selectFrom("inbox")
    .select((row) => row.fn.countAll<number>().as("n"))
    .where("job_id", "=", jobId)
    .executeTakeFirstOrThrow();
  return {
    now,
    counters: JSON.parse(job.counters) as Counters,
    inboxRows: inbox.n,
    planDone: job.plan_done === 1,
    phase: job.phase,
    openRowsByPhase: JSON.parse(job.open_rows) as number[],
    runs: job.runs,
    leadOwner: job.lead_owner,
    leadEpoch: job.lead_epoch,
    leadExpiresAt: job.lead_owner === null ? null : job.lead_expires_at,
  };
}

/** The conditions are those of the partial indexes, word by word. */
async function lastFailure(tx: Tx, jobId: JobId): Promise<FailedAttempt | null> {
  const rows = await tx
    .selectFrom("attempts")
    .select(["chunk_id", "worker", "ended_at", "why"])
    .where("job_id", "=", jobId)
    .where(sql<boolean>`why <> 'done'`)
    .orderBy("id", "desc")
    .limit(badAttemptsMax)
    .execute();
  const failed = rows.find(({ why }) => !harmless.has(why));
  if (failed === undefined) return null;
  return { chunkId: failed.chunk_id, worker: failed.worker, at: failed.ended_at, why: failed.why };
}

async function failedChunk(tx: Tx, id: ChunkId, kind: ChunkKind): Promise<FailedChunk> {
  const exception = await tx
    .selectFrom("exceptions")
    .select(["path", "outcome", "error"])
    .where("chunk_id", "=", id)
    .where("outcome", "not in", ["retried", "lost"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
  return {
    chunkId: id,
    kind,
    path: pathFromBytes(exception.path),
    outcome: exception.outcome,
    error: errorOf(exception.error),
    comparison: await lastComparison(tx, id),
  };
}

async function lastComparison(tx: Tx, id: ChunkId): Promise<FailedChunk["comparison"]> {
  const bad = tx
    .selectFrom("verdicts")
    .select(["id", "chunk_id", "source_digest", "target_digest", "at"])
    .where(sql<boolean>`result <> 'match'`)
    .orderBy("id", "desc")
    .limit(1);
  const own = await bad.where("chunk_id", "=", id).executeTakeFirst();
  const ranges = tx.selectFrom("chunks").select("chunks.id").where("parent_id", "=", id);
  const found = own ?? (await bad.where("chunk_id", "in", ranges).executeTakeFirst());
  if (found === undefined) return null;
  return {
    chunkId: found.chunk_id,
    sourceDigest: found.source_digest,
    targetDigest: found.target_digest,
    at: found.at,
  };
}

/** The last row that a page without enough of its state has looked at; null when it saw the end. */
async function lookedTo(tx: Tx, jobId: JobId, after: ChunkId): Promise<ChunkId | null> {
  const row = await tx
    .selectFrom("chunks")
    .select("id")
    .where("job_id", "=", jobId)
    .where("id", ">", after)
    .orderBy("id")
    .offset(lookMax - 1)
    .limit(1)
    .executeTakeFirst();
  return row?.id ?? null;
}

function errorOf(text: string | null): ErrorRecord | null {
  return text === null ? null : (JSON.parse(text) as ErrorRecord);
}
