/**
 * Hands out tasks. The queue is the chunk table: an index of pending rows by phase, rank and the time since which they
 * wait, so that a claim looks at a handful of rows however long the job is. An expired lease is claimed again before
 * anything new. Rows that another claim holds at this moment are passed over.
 *
 * Lanes spread over files: writers of one file wait for each other in the kernel (on ext4, two lanes in one file were
 * slower than one). Ranges of several files take turns in the queue, so that the next free file is near; when all files
 * under way have their writer, another is begun.
 */
import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import { must } from "../base/assert.ts";
import { type ChunkId, type Instant, type JobId, removesDirectories, type WorkerId } from "../model/chunk.ts";
import { decodeEndings } from "../model/ending-codec.ts";
import { isActive, type JobTerms, unprovenEntries } from "../model/job.ts";
import type { ClaimWait, RangeReceipts, Task } from "../model/task.ts";
import { receiptsOf } from "./blobs.ts";
import { sumJob, unknownJob } from "./counters.ts";
import { encodeSlice } from "./load.ts";
import { recordAttempt } from "./proof.ts";
import { dropFloors, knowFloors } from "./queue-floors.ts";
import { noFloors, type QueueMemory } from "./queue-memory.ts";
import type { Rows } from "./rows.ts";
import type { ChunkRow, Database, Tx } from "./schema.ts";
import { movePhase, rankOf, ranksUsed, type Unit } from "./unit.ts";

/** How far a claim looks for a chunk that another worker wrote, and for a file in which nobody writes. */
const lookAhead = 16;
/** Longer than a claim of another worker is away, shorter than anybody would wait for a lost one. */
const leftToOthersMs = 10_000;
const noItems = new Uint8Array(0);

export interface ClaimOptions {
  readonly jobId: JobId;
  readonly worker: WorkerId;
  readonly limit: number;
  readonly leaseMs: number;
  readonly memory: QueueMemory;
  /** There is no other worker to whom a read-back could be left. */
  readonly isAlone: boolean;
}

export async function claimTasks(unit: Unit, asked: ClaimOptions): Promise<readonly Task[]> {
  const { jobId, memory } = asked;
  if (memory.wantsFloors(unit.now)) memory.know(await knowFloors(unit.tx, jobId, unit.now), unit.now);
  const known = unit.tx.selectFrom("jobs").where("id", "=", jobId);
  const phaseNow = known.select("phase");
  const [job, expired] = await Promise.all([
    known.select(["phase", "status", "wish", "terms"]).executeTakeFirst(),
    expiredRows(unit, phaseNow, asked),
  ]);
  if (job === undefined) throw unknownJob(jobId);
  const mayClaim = job.wish === null && isActive(job.status);
  const limit = mayClaim ? await lanesLeft(unit, JSON.parse(job.terms) as JobTerms, asked.limit) : 0;
  if (limit === 0) return [];
  const options = { ...asked, limit };
  const found = await findRows(unit, job.phase, options, expired);
  if (found.length > 0) return lease(unit, found, options);
  const phase = await movePhase(unit.tx, jobId);
  const isNew = phase !== job.phase;
  const isWhole = memory.forgetFloors(unit.now);
  if (!isWhole && !isNew) return [];
  const late = await expiredRows(unit, phaseNow, options);
  const rest = await findRows(unit, phase, options, late);
  if (rest.length === 0 && isWhole) await searchBefore(unit, phase, memory);
  return lease(unit, rest, options);
}

/** What is open is neither found nor held: it lies before what is taken for the beginning, and is found the next time. */
async function searchBefore(unit: Unit, phase: number, memory: QueueMemory): Promise<void> {
  const { tx, jobId, now } = unit;
  const { open } = await sumJob(tx, jobId);
  if ((open[phase] ?? 0) === 0) return;
  const held = await leasedRows(tx, jobId).where("expires_at", ">", now).limit(1).executeTakeFirst();
  if (held !== undefined) return;
  await dropFloors(tx, jobId);
  memory.know(noFloors, now);
}

/** Of a job with a bound on its lanes one claim is under way at a time: two would both see the last free one. */
async function lanesLeft({ tx, jobId, now }: Unit, { lanesMax }: JobTerms, limit: number): Promise<number> {
  if (lanesMax === null) return limit;
  await lockJob(tx, jobId);
  const { leased } = await tx
    .selectFrom("chunks")
    .select((row) => row.fn.countAll<number>().as("leased"))
    .where("job_id", "=", jobId)
    .where(sql<boolean>`state = 'in_progress'`)
    .where("expires_at", ">", now)
    .executeTakeFirstOrThrow();
  return Math.max(0, Math.min(limit, lanesMax - leased));
}

async function findRows(
  unit: Unit,
  phase: number,
  { worker, memory, limit, isAlone }: ClaimOptions,
  expired: readonly ChunkRow[],
): Promise<readonly ChunkRow[]> {
  if (removesDirectories(phase)) return nextRemoval(unit, phase);
  const left = limit - expired.length;
  if (left <= 0) return expired.slice(0, limit);
  const pending = await pendingRows(unit, phase, { memory, limit: left + lookAhead });
  const othersUntil = isAlone ? 0 : unit.now - leftToOthersMs;
  const rows = await spread(unit, phase, preferOthers(pending, worker, othersUntil), memory);
  return [...expired, ...rows.slice(0, left)];
}

async function lockJob(tx: Tx, jobId: JobId): Promise<void> {
  await tx.selectFrom("jobs").select("id").where("id", "=", jobId).forUpdate().execute();
}

/** One at a time: nobody else claims meanwhile, and none is leased. */
async function nextRemoval(unit: Unit, phase: number): Promise<readonly ChunkRow[]> {
  await lockJob(unit.tx, unit.jobId);
  const valid = await leasedRows(unit.tx, unit.jobId).where("expires_at", ">", unit.now).limit(1).execute();
  if (valid.length > 0) return [];
  const [expired] = await leasedRows(unit.tx, unit.jobId).where("phase", "=", phase).limit(1).forUpdate().execute();
  if (expired !== undefined) return [expired];
  return pendingOf(unit, phase).orderBy("id", "desc").limit(1).forUpdate().execute();
}

async function lease(unit: Unit, found: readonly ChunkRow[], options: ClaimOptions): Promise<readonly Task[]> {
  const { worker, leaseMs, memory } = options;
  const { rows, now } = unit;
  for (const row of found) if (row.state === "in_progress") recordAttempt(unit, row, "lease expired");
  await rows.keep(found);
  const heads = await readHeads(unit, found);
  const tasks: Task[] = [];
  for (const { id, epoch, ...before } of found) {
    rows.set(id, { state: "in_progress", worker, epoch: epoch + 1, leased_at: now, expires_at: now + leaseMs });
    const row = must(rows.get(id), "just set");
    const task = { ...(await taskOf(unit, row, heads)), wait: waitOf(before, now) };
    tasks.push(row.stage === "remove" ? { ...task, withheldBy: await notArrived(unit) } : task);
    if (row.stage === "transfer" && row.parent_id !== null) memory.writes(id, row.parent_id);
  }
  return tasks;
}

/** Everything that is copied has its end when removals are claimed: the counters say for good what did not arrive. */
async function notArrived({ tx, jobId }: Unit): Promise<number> {
  return unprovenEntries((await sumJob(tx, jobId)).counters);
}

/** Of the job's phase, whatever it is by then, and of earlier ones. */
async function expiredRows(
  unit: Unit,
  phaseNow: SelectQueryBuilder<Database, "jobs", { phase: number }>,
  { memory, limit }: ClaimOptions,
): Promise<readonly ChunkRow[]> {
  const rows = await leasedRows(unit.tx, unit.jobId)
    .where("expires_at", "<=", unit.now)
    .where("expires_at", ">=", memory.expiredFrom)
    .where("phase", "<=", phaseNow)
    .orderBy("expires_at")
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
  // Those that are taken now and not kept, since this is undone, are found by whoever has nothing else to do.
  memory.lookedForExpired(rows.length < limit ? unit.now : must(rows.at(-1)?.expires_at, "a leased row"));
  return rows;
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
  return unit.tx
    .selectFrom("chunks")
    .selectAll()
    .where("job_id", "=", unit.jobId)
    .where("phase", "=", phase)
    .where(sql<boolean>`state = 'pending'`);
}

interface Look {
  readonly memory: QueueMemory;
  readonly limit: number;
}

/** Rank by rank, so that each begins where the last look at it ended. */
async function pendingRows(unit: Unit, phase: number, { memory, limit }: Look): Promise<readonly ChunkRow[]> {
  const all: ChunkRow[] = [];
  for (const rank of ranksUsed) {
    const rows = await ofRank(unit, phase, rank, { memory, limit: limit - all.length });
    all.push(...rows);
    if (all.length === limit) break;
  }
  return all;
}

async function ofRank(unit: Unit, phase: number, rank: number, { memory, limit }: Look): Promise<readonly ChunkRow[]> {
  const { queuedAt, id } = memory.floor(phase, rank);
  const rows = await pendingOf(unit, phase)
    .where("rank", "=", rank)
    .where((row) => row(row.refTuple("queued_at", "id"), ">=", row.tuple(queuedAt, id)))
    .orderBy("queued_at")
    .orderBy("id")
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
  memory.looked(phase, rank, rows[0], unit.now);
  return rows;
}

/**
 * Among rows of one rank, those to be read back that another process wrote come first, then another lane; their own
 * order stays.
 * @param othersUntil  what this process wrote is left to others while it has waited since a later moment
 */
function preferOthers(rows: readonly ChunkRow[], worker: WorkerId, othersUntil: Instant): readonly ChunkRow[] {
  const own = processOf(worker);
  const nearness = (row: ChunkRow): number => {
    if (row.rank !== rankOf("verify") || row.writer === null) return 0;
    return row.writer === worker ? 2 : Number(processOf(row.writer) === own);
  };
  return rows
    .filter((row) => nearness(row) === 0 || othersUntil === 0 || row.queued_at <= othersUntil)
    .toSorted((a, b) => a.rank - b.rank || nearness(a) - nearness(b));
}

/** The name of a lane begins with that of its process. */
function processOf(worker: WorkerId): string {
  const [name = worker] = worker.split("/", 1);
  return name;
}

/** Ranges of files in which this process writes go behind what else can be sent, and behind a file that can be begun. */
async function spread(
  unit: Unit,
  phase: number,
  rows: readonly ChunkRow[],
  memory: QueueMemory,
): Promise<readonly ChunkRow[]> {
  if (rows[0]?.stage !== "transfer" || rows[0].parent_id === null) return rows;
  const isBusy = (row: ChunkRow): boolean =>
    row.stage === "transfer" && row.parent_id !== null && memory.isWritten(row.parent_id);
  const free = rows.filter((row) => !isBusy(row));
  const rest = rows.filter(isBusy);
  if (rest.length === 0 || free[0]?.stage === "transfer") return [...free, ...rest];
  const [head] = await ofRank(unit, phase, rankOf("prepare"), { memory, limit: 1 });
  const others = free.filter((row) => row.id !== head?.id);
  return head === undefined ? rows : [head, ...rest, ...others];
}

/** Without a lock: a head's items never change, and its staging place only when its ranges are fenced. */
async function readHeads({ tx, rows }: Unit, found: readonly ChunkRow[]): Promise<ReadonlyMap<ChunkId, string | null>> {
  const ids = [...new Set(found.map(({ parent_id: id }) => id).filter((id) => id !== null))];
  if (ids.length === 0) return new Map();
  const heads = await tx.selectFrom("chunks").select(["id", "stage", "staging"]).where("id", "in", ids).execute();
  await rows.read(heads);
  return new Map(heads.map(({ id, staging }) => [id, staging]));
}

/** Ranges of one file begin to wait some way apart, so that a few may count as claimed before that. */
function waitOf(before: Pick<ChunkRow, "state" | "expires_at" | "queued_at">, now: Instant): ClaimWait {
  const tookOver = before.state === "in_progress";
  const since = tookOver ? (before.expires_at ?? now) : before.queued_at;
  return { ms: Math.max(0, now - since), tookOver };
}

async function taskOf(
  { tx, rows }: Unit,
  row: ChunkRow,
  heads: ReadonlyMap<ChunkId, string | null>,
): Promise<Omit<Task, "wait">> {
  const endings = rows.blob(row.id, "endings");
  const items = rows.blob(row.parent_id ?? row.id, "items");
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
    items: row.parent_id === null ? (items ?? noItems) : encodeSlice(must(items, "a head has items"), row),
    staging: row.parent_id === null ? row.staging : (heads.get(row.parent_id) ?? null),
    receipts: receiptsOf(rows, row),
    endings: endings === null ? [] : decodeEndings(endings),
    prehash: rows.blob(row.id, "prehash"),
    attempt: row.attempt,
    withheldBy: 0,
    ranges: row.kind === "head" ? await rangeReceipts(tx, rows, row) : null,
  };
}

/** Null for a head that was never prepared. */
async function rangeReceipts(tx: Tx, rows: Rows, head: ChunkRow): Promise<readonly RangeReceipts[] | null> {
  const ranges = await tx
    .selectFrom("chunks")
    .select(["id", "stage", "slice_offset", "slice_length"])
    .where("parent_id", "=", head.id)
    .orderBy("id")
    .execute();
  if (ranges.length === 0) return null;
  await rows.read(ranges);
  return ranges.map((row) => ({
    chunkId: row.id,
    offset: row.slice_offset,
    length: row.slice_length,
    receipts: receiptsOf(rows, row),
  }));
}
