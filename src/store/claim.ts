/**
 * Hands out tasks. The queue is the chunk table: an index of pending rows by phase, rank, place in the file and id, so
 * that a claim looks at a handful of rows however long the job is. An expired lease is claimed again before anything new.
 *
 * Lanes spread over files: writers of one file wait for each other in the kernel (on ext4, two lanes in one file were
 * slower than one). Ranges that start at the same offset stand side by side in the queue, so that the next free file is
 * near; when all files under way have their writer, another is begun.
 */
import { type Kysely, sql } from "kysely";
import { must } from "../base/assert.ts";
import { type JobId, removesDirectories, type WorkerId } from "../model/chunk.ts";
import { decodeEndings } from "../model/ending-codec.ts";
import { unprovenEntries } from "../model/job.ts";
import type { RangeReceipts, Task } from "../model/task.ts";
import { readBlobs, readReceipts } from "./blobs.ts";
import { sumCounters } from "./counters.ts";
import { encodeSlice } from "./load.ts";
import { closeAttempt, openAttempts } from "./proof.ts";
import type { ChunkRow, Database, Tx } from "./schema.ts";
import { rankOf, unknownJob, type Unit } from "./unit.ts";

/** How far a claim looks for a chunk that another worker wrote, and for a file in which nobody writes. */
const lookAhead = 16;
const noItems = new Uint8Array(0);

export interface ClaimOptions {
  readonly jobId: JobId;
  readonly worker: WorkerId;
  readonly limit: number;
  readonly leaseMs: number;
}

export async function claimTasks(unit: Unit, options: ClaimOptions): Promise<readonly Task[]> {
  const { jobId, worker, leaseMs } = options;
  const job = await unit.tx.selectFrom("jobs").select(["phase", "counters"]).where("id", "=", jobId).executeTakeFirst();
  if (job === undefined) throw unknownJob(jobId);
  const limit = removesDirectories(job.phase) ? 1 - (await leasedNow(unit, 1)) : options.limit;
  if (limit === 0) return [];
  const expired = await expiredRows(unit, job.phase, limit);
  for (const row of expired) await closeAttempt(unit, row, "lease expired");
  const pending =
    limit > expired.length
      ? await pendingOf(unit, job.phase)
          .limit(limit - expired.length + lookAhead)
          .execute()
      : [];
  const rows = [...expired, ...(await spread(unit, job.phase, preferOthers(pending, worker)))].slice(0, limit);
  const expiresAt = unit.now + leaseMs;
  for (const row of rows) {
    await unit.tx
      .updateTable("chunks")
      .set({ state: "in_progress", worker, epoch: row.epoch + 1, expires_at: expiresAt })
      .where("id", "=", row.id)
      .execute();
  }
  await openAttempts(
    unit,
    rows.map((row) => ({ chunkId: row.id, stage: row.stage, worker, epoch: row.epoch + 1 })),
  );
  const tasks: Task[] = [];
  for (const row of rows) {
    const task = await taskOf(unit.tx, { ...row, worker, epoch: row.epoch + 1, expires_at: expiresAt });
    tasks.push(row.stage === "remove" ? { ...task, withheldBy: await notArrived(unit, job.counters) } : task);
  }
  return tasks;
}

/** Everything that is copied has its end when removals are claimed: the counters say for good what did not arrive. */
async function notArrived({ tx, jobId }: Unit, counters: string): Promise<number> {
  return unprovenEntries(await sumCounters(tx, { id: jobId, counters }));
}

async function expiredRows(unit: Unit, phase: number, limit: number): Promise<readonly ChunkRow[]> {
  return leasedRows(unit.tx, unit.jobId)
    .where("expires_at", "<=", unit.now)
    .where("phase", "<=", phase)
    .orderBy("expires_at")
    .limit(limit)
    .execute();
}

/** Leases that are valid, counted up to `most`. */
async function leasedNow({ tx, jobId, now }: Unit, most: number): Promise<number> {
  return (await leasedRows(tx, jobId).where("expires_at", ">", now).limit(most).execute()).length;
}

/** Conditions on states are literals here: only then do engines use the partial indexes. */
export function leasedRows(tx: Kysely<Database>, jobId: JobId) {
  return tx
    .selectFrom("chunks")
    .selectAll()
    .where("job_id", "=", jobId)
    .where(sql<boolean>`state = 'in_progress'`);
}

/** The phase of a job is that of its first open row: nothing can be pending below it. */
function pendingOf(unit: Unit, phase: number) {
  const direction = removesDirectories(phase) ? "desc" : "asc";
  return unit.tx
    .selectFrom("chunks")
    .selectAll()
    .where("job_id", "=", unit.jobId)
    .where("phase", "=", phase)
    .where(sql<boolean>`state = 'pending'`)
    .orderBy("rank", direction)
    .orderBy("slice_offset", direction)
    .orderBy("id", direction);
}

/** Among rows of one rank, those to be read back that another worker wrote come first; their own order stays. */
function preferOthers(rows: readonly ChunkRow[], worker: WorkerId): readonly ChunkRow[] {
  const isOwn = (row: ChunkRow): number => (row.rank === rankOf("verify") && row.writer === worker ? 1 : 0);
  return rows.toSorted((a, b) => a.rank - b.rank || isOwn(a) - isOwn(b));
}

/** Ranges of files in which somebody writes go behind what else can be sent, and behind a file that can be begun. */
async function spread(unit: Unit, phase: number, rows: readonly ChunkRow[]): Promise<readonly ChunkRow[]> {
  if (rows[0]?.stage !== "transfer" || rows[0].parent_id === null) return rows;
  const leased = await leasedRows(unit.tx, unit.jobId).where("stage", "=", "transfer").execute();
  const written = new Set(leased.map((row) => row.parent_id));
  const isBusy = (row: ChunkRow): boolean =>
    row.stage === "transfer" && row.parent_id !== null && written.has(row.parent_id);
  const free = rows.filter((row) => !isBusy(row));
  const rest = rows.filter(isBusy);
  if (rest.length === 0 || free[0]?.stage === "transfer") return [...free, ...rest];
  const [head] = await pendingOf(unit, phase).where("rank", "=", rankOf("prepare")).limit(1).execute();
  const others = free.filter((row) => row.id !== head?.id);
  return head === undefined ? rows : [head, ...rest, ...others];
}

async function taskOf(tx: Tx, row: ChunkRow): Promise<Task> {
  const own = await readBlobs(tx, row.id, ["items", "receipts", "endings", "prehash"]);
  let { items = noItems } = own;
  let { staging } = row;
  if (row.parent_id !== null) {
    const head = await tx
      .selectFrom("chunks")
      .select("staging")
      .where("id", "=", row.parent_id)
      .executeTakeFirstOrThrow();
    const { items: whole } = await readBlobs(tx, row.parent_id, ["items"]);
    items = encodeSlice(must(whole, "a head has items"), row);
    ({ staging } = head);
  }
  return {
    jobId: row.job_id,
    chunkId: row.id,
    kind: row.kind,
    stage: row.stage,
    lease: {
      chunkId: row.id,
      worker: must(row.worker, "claimed"),
      epoch: row.epoch,
      expiresAt: must(row.expires_at, "claimed"),
    },
    items,
    staging,
    receipts: await readReceipts(tx, row, own.receipts ?? null),
    endings: own.endings === undefined ? [] : decodeEndings(own.endings),
    prehash: own.prehash ?? null,
    attempt: row.attempt,
    withheldBy: 0,
    ranges: row.kind === "head" ? await rangeReceipts(tx, row) : null,
  };
}

/** Null for a head that was never prepared. */
async function rangeReceipts(tx: Tx, head: ChunkRow): Promise<readonly RangeReceipts[] | null> {
  const rows = await tx
    .selectFrom("chunks")
    .select(["id", "stage", "slice_offset", "slice_length"])
    .where("parent_id", "=", head.id)
    .orderBy("id")
    .execute();
  if (rows.length === 0) return null;
  const all: RangeReceipts[] = [];
  for (const row of rows) {
    all.push({
      chunkId: row.id,
      offset: row.slice_offset,
      length: row.slice_length,
      receipts: await readReceipts(tx, row),
    });
  }
  return all;
}
