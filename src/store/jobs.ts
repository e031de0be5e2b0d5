import type { ErrorRecord } from "../base/errors.ts";
import { GodwitError } from "../base/errors.ts";
import type { Instant, JobId } from "../model/chunk.ts";
import { decodeNews } from "../model/chunk-news.ts";
import {
  isActive,
  isFinal,
  type Job,
  type JobSpec,
  type JobStatus,
  type JobTerms,
  type PaceSample,
  priorities,
  type RunLimit,
  type Wish,
} from "../model/job.ts";
import type { CheckpointedJob, Lead, OpenJob, PlanBatch } from "../ports/store.ts";
import { addChunk } from "./add-chunks.ts";
import { sumJob, sumRows, unknownJob } from "./counters.ts";
import { assertLead, jobRow, lockedJob } from "./lead.ts";
import { measuredAnew, paceOf } from "./pace.ts";
import type { JobRow, Tx } from "./schema.ts";
import { movePhase, type Unit } from "./unit.ts";

export interface NewJob {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly terms: JobTerms;
}

export async function insertJob(tx: Tx, { id, spec, terms }: NewJob, now: Instant): Promise<Job> {
  await tx
    .insertInto("jobs")
    .values({
      id,
      created_at: now,
      started_at: null,
      ended_at: null,
      spec: JSON.stringify(spec),
      status: "pending",
      wish: null,
      runs: 0,
      limits: "[]",
      ...termColumns(terms),
      plan_cursor: null,
      plan_done: 0,
      phase: 0,
      counters: "{}",
      open_rows: "[]",
      failure: null,
      lead_owner: null,
      lead_epoch: 0,
      lead_expires_at: 0,
    })
    .execute();
  return readJob(tx, id);
}

/** Folded counters plus what waits in the inbox. */
async function readJob(tx: Tx, id: JobId): Promise<Job> {
  return jobOf(tx, await jobRow(tx, id));
}

export async function findJob(tx: Tx, id: JobId): Promise<Job | null> {
  const row = await tx.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : jobOf(tx, row);
}

export async function listJobs(tx: Tx): Promise<readonly Job[]> {
  const rows = await tx.selectFrom("jobs").selectAll().orderBy("created_at", "desc").orderBy("id", "desc").execute();
  const jobs: Job[] = [];
  for (const row of rows) jobs.push(await jobOf(tx, row));
  return jobs;
}

export async function jobOf(tx: Tx, row: JobRow): Promise<Job> {
  return {
    id: row.id,
    spec: JSON.parse(row.spec) as JobSpec,
    terms: JSON.parse(row.terms) as JobTerms,
    status: row.status,
    wish: row.wish,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    runs: row.runs,
    limits: JSON.parse(row.limits) as RunLimit[],
    planCursor: row.plan_cursor,
    planDone: row.plan_done === 1,
    phase: row.phase,
    counters: (await sumJob(tx, row.id)).counters,
    pace: JSON.parse(row.pace) as PaceSample[],
    failure: row.failure === null ? null : (JSON.parse(row.failure) as ErrorRecord),
  };
}

/** Keeps what the run that begins with this lead may read. */
export async function noteLimit({ tx, now }: Unit, lead: Lead, bytesPerSecond: number | null): Promise<void> {
  const row = await assertLead(tx, lead);
  const { sourceBytesRead = 0 } = (await sumJob(tx, row.id)).counters;
  const run: RunLimit = { startedAt: now, bytesPerSecond, bytesReadBefore: sourceBytesRead };
  const limits = JSON.stringify([...(JSON.parse(row.limits) as RunLimit[]), run]);
  await tx.updateTable("jobs").set({ limits }).where("id", "=", lead.jobId).execute();
}

/** Inbox into counters, in one transaction: a restart reads these two, never the chunk table. */
export async function foldInbox(tx: Tx, lead: Lead, now: Instant): Promise<CheckpointedJob> {
  const row = await assertLead(tx, lead);
  const deltas = await tx
    .deleteFrom("inbox")
    .where("job_id", "=", row.id)
    .returning(["delta", "open_rows", "news"])
    .execute();
  if (deltas.length > 0) {
    const { counters, open } = sumRows([{ delta: row.counters, open_rows: row.open_rows }, ...deltas]);
    const folded = { counters: JSON.stringify(counters), open_rows: JSON.stringify(open) };
    const pace = paceOf(row, counters, now);
    await tx
      .updateTable("jobs")
      .set({ ...folded, pace })
      .where("id", "=", row.id)
      .execute();
  }
  await movePhase(tx, row.id);
  const news = deltas.map((each) => decodeNews(each.news)).filter((each) => each !== null);
  return { ...(await readJob(tx, row.id)), news };
}

export async function addPlan(unit: Unit, lead: Lead, batch: PlanBatch): Promise<void> {
  await assertLead(unit.tx, lead);
  const plan = { plan_cursor: batch.cursor, plan_done: batch.done ? 1 : 0 };
  await unit.tx.updateTable("jobs").set(plan).where("id", "=", lead.jobId).execute();
  const deletions = batch.chunks.filter(({ kind }) => kind === "extras" || kind === "extra_directories");
  unit.count({
    listedEntries: batch.listed.entries,
    listedBytes: batch.listed.bytes,
    deletionsPlanned: deletions.reduce((sum, { items }) => sum + items.count, 0),
  });
  for (const chunk of batch.chunks) await addChunk(unit, chunk);
}

export async function setStatus(
  tx: Tx,
  lead: Lead,
  change: { status: JobStatus; failure: ErrorRecord | null; now: Instant },
): Promise<void> {
  const job = await assertLead(tx, lead);
  const { status, failure, now } = change;
  // Why somebody wants it to pause is told when it does.
  const isAsked = job.wish !== null && isActive(status);
  await tx
    .updateTable("jobs")
    .set({
      status,
      failure: isAsked ? job.failure : failure === null ? null : JSON.stringify(failure),
      ended_at: isFinal(status) ? now : null,
      ...(!isActive(status) && measuredAnew),
      ...(isObeyed(job.wish, status) && { wish: null }),
    })
    .where("id", "=", lead.jobId)
    .execute();
}

/** Also one that came too late for a job that ended by itself. A cancellation of a job that only paused is yet to come. */
function isObeyed(wish: Wish, status: JobStatus): boolean {
  return isFinal(status) || (status === "paused" && wish === "pause");
}

/** @throws job_unknown, job_state */
export async function setTerms(tx: Tx, id: JobId, change: Partial<JobTerms>): Promise<void> {
  const { status, terms } = await lockedJob(tx, id);
  if (status === "complete" || status === "cancelled")
    throw new GodwitError("job_state", {
      disposition: "rejected",
      what: `job ${id} is ${status} and cannot be changed`,
      hint: "It has ended. To copy once more, submit another.",
    });
  const before = JSON.parse(terms) as JobTerms;
  const all = { ...before, ...change };
  const isOther = all.limitBytesPerSecond !== before.limitBytesPerSecond || all.lanesMax !== before.lanesMax;
  await tx
    .updateTable("jobs")
    .set({ ...termColumns(all), ...(isOther && measuredAnew) })
    .where("id", "=", id)
    .execute();
}

function termColumns(terms: JobTerms): Pick<JobRow, "terms" | "priority"> {
  return { terms: JSON.stringify(terms), priority: priorities.indexOf(terms.priority) };
}

/** @throws job_state */
export async function requeueJob(tx: Tx, id: JobId): Promise<void> {
  const { status } = await lockedJob(tx, id);
  if (status !== "paused" && status !== "failed") {
    throw new GodwitError("job_state", {
      disposition: "rejected",
      what: `job ${id} is ${status}`,
      hint: "Only a job that is paused or has failed can be resumed.",
    });
  }
  await tx
    .updateTable("jobs")
    .set({ status: "pending", wish: null, failure: null, ended_at: null })
    .where("id", "=", id)
    .execute();
}

/** The first reason stays; a wish that is there already, too. */
export async function objectTo(tx: Tx, id: JobId, error: ErrorRecord): Promise<void> {
  const { wish, status } = await lockedJob(tx, id);
  if (wish !== null || !isActive(status)) return;
  await tx
    .updateTable("jobs")
    .set({ wish: "pause", failure: JSON.stringify(error) })
    .where("id", "=", id)
    .execute();
}

export async function openJobs(tx: Tx, isLed: (row: JobRow) => boolean): Promise<readonly OpenJob[]> {
  const rows = await tx
    .selectFrom("jobs")
    .selectAll()
    .where("status", "in", ["pending", "planning", "running", "reconciling"])
    .orderBy("priority", "desc")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    status: row.status,
    wish: row.wish,
    terms: JSON.parse(row.terms) as JobTerms,
    isLed: isLed(row),
  }));
}

export async function setWish(tx: Tx, id: JobId, wish: Wish): Promise<void> {
  const [result] = await tx.updateTable("jobs").set({ wish }).where("id", "=", id).execute();
  if (result?.numUpdatedRows !== 1n) throw unknownJob(id);
}

/** @throws job_state unless the job has ended */
export async function removeJob(tx: Tx, id: JobId): Promise<void> {
  const { status } = await lockedJob(tx, id);
  if (!isFinal(status)) {
    const idle = status === "pending" || status === "paused";
    throw new GodwitError("job_state", {
      disposition: "rejected",
      what: `job ${id} is ${status}`,
      hint: idle ? `Cancel it first: godwit cancel ${id}` : "Wait for its end, or cancel it first.",
    });
  }
  const chunks = tx.selectFrom("chunks").select("id").where("job_id", "=", id);
  await tx.deleteFrom("blobs").where("chunk_id", "in", chunks).execute();
  await tx.deleteFrom("progress").where("chunk_id", "in", chunks).execute();
  for (const table of ["chunks", "inbox", "verdicts", "attempts", "exceptions", "grants", "queue_floors"] as const) {
    await tx.deleteFrom(table).where("job_id", "=", id).execute();
  }
  await tx.deleteFrom("jobs").where("id", "=", id).execute();
}
