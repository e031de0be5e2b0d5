/** Requests that make a job: once for each key, never a second one for places that an unfinished job has. */
import { GodwitError } from "../base/errors.ts";
import { checkSubmission } from "../model/budget.ts";
import type { Instant, JobId } from "../model/chunk.ts";
import { isFinal, type Job, type JobSpec, type JobStatus } from "../model/job.ts";
import { differingOptions } from "../model/job-spec.ts";
import { JobOptionsDiffer, type Submission, type SubmitRequest } from "../ports/access.ts";
import { listSources } from "./budget-sources.ts";
import { pass } from "./gates.ts";
import { findJob, insertJob } from "./jobs.ts";
import type { Tx } from "./schema.ts";

const keysKeptMs = 30 * 24 * 3_600_000;

export interface SubmitTime {
  readonly now: Instant;
  readonly newJobId: (now: Instant) => JobId;
}

/** @throws idempotency_conflict, job_exists, job_options_differ, source_unlimited */
export async function submit(tx: Tx, request: SubmitRequest, { now, newJobId }: SubmitTime): Promise<Submission> {
  await pass(tx, "submit");
  const { key, digest, spec, terms } = request;
  const known = key === null ? undefined : await submission(tx, key);
  if (known !== undefined) return { job: await replayed(tx, known, digest), isReplayed: true };
  const standing = await unfinished(tx, request);
  if (standing === null) {
    // Nobody marks a source production between this look and the job.
    await pass(tx, "sources");
    checkSubmission(await listSources(tx), spec.source);
  }
  const job = standing ?? (await insertJob(tx, { id: newJobId(now), spec, terms }, now));
  if (key !== null) {
    await tx
      .insertInto("submissions")
      .values({ ...key, digest, job_id: job.id, at: now })
      .execute();
    await tx
      .deleteFrom("submissions")
      .where("at", "<", now - keysKeptMs)
      .execute();
  }
  return { job, isReplayed: false, isAttached: standing !== null };
}

interface Known {
  readonly digest: string;
  readonly job_id: JobId;
}

function submission(tx: Tx, { owner, key }: NonNullable<SubmitRequest["key"]>): Promise<Known | undefined> {
  return tx
    .selectFrom("submissions")
    .select(["digest", "job_id"])
    .where("owner", "=", owner)
    .where("key", "=", key)
    .executeTakeFirst();
}

async function replayed(tx: Tx, known: Known, digest: string): Promise<Job> {
  if (known.digest !== digest) throw conflict(`the key was given before with another request (job ${known.job_id})`);
  const job = await findJob(tx, known.job_id);
  if (job === null) throw conflict(`the job ${known.job_id} that this key made was removed`);
  return job;
}

/**
 * The job to which the request is attached; null where a new one is to be made. Two jobs that write the same names at
 * once would prove each other's bytes, so a job that has not ended stands in the way of every other of its places. One
 * that failed does not, and yet is what is taken up.
 */
async function unfinished(tx: Tx, { spec, onUnfinished }: SubmitRequest): Promise<Job | null> {
  const rows = await tx
    .selectFrom("jobs")
    .select(["id", "status", "wish", "spec"])
    .where("status", "not in", onUnfinished === "attach" ? over : [...over, "failed"])
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .execute();
  for (const row of rows) {
    const other = JSON.parse(row.spec) as JobSpec;
    if (!hasSamePlaces(other, spec)) continue;
    const mayAttach = onUnfinished === "attach" && other.kind === spec.kind && row.wish !== "cancel";
    if (mayAttach) {
      const options = differingOptions(other, spec);
      if (options.length > 0) throw new JobOptionsDiffer(row.id, options);
      return findJob(tx, row.id);
    }
    if (!isFinal(row.status)) throw exists(row);
  }
  return null;
}

const over: readonly JobStatus[] = ["complete", "cancelled"];

function hasSamePlaces(a: JobSpec, b: JobSpec): boolean {
  return a.source === b.source && a.target === b.target && a.s3.endpoint === b.s3.endpoint;
}

function exists({ id, status, wish }: Pick<Job, "id" | "status" | "wish">): GodwitError {
  return new GodwitError("job_exists", {
    disposition: "rejected",
    what: `job ${id} moves the same source to the same target and has not ended (${status}${wish === "cancel" ? ", to be cancelled" : ""})`,
    hint: "Wait for its end, resume it, or cancel it before you submit another.",
  });
}

function conflict(what: string): GodwitError {
  return new GodwitError("idempotency_conflict", {
    disposition: "rejected",
    what,
    hint: "Use a new Idempotency-Key for each new request, and the same one only to repeat the same request.",
  });
}
