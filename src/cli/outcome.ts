/** How a job's end is told: to a person, to a machine, and to the shell. */
import type { ErrorRecord, GodwitError } from "../base/errors.ts";
import { formatBytes, formatDuration } from "../base/sizes.ts";
import { visible } from "../base/visible.ts";
import { outcomes } from "../model/entry.ts";
import {
  everyCounter,
  type Job,
  type JobSpec,
  type JobStatus,
  landedBytes,
  listedSum,
  outcomeSum,
  unprovenEntries,
} from "../model/job.ts";
import { exitCodeOfError } from "./exit-code.ts";
import type { JobDocument } from "./json-shapes.ts";
import { placeText } from "../model/place.ts";

/** As much of a job as is told about it: what a store knows, and what a server says. */
export interface ToldJob extends Pick<
  Job,
  "id" | "status" | "counters" | "createdAt" | "endedAt" | "runs" | "planDone" | "failure"
> {
  readonly spec: Pick<JobSpec, "kind" | "source" | "target">;
  /** Where it runs on a server: as the command line names that. Its coordinators take over from each other by themselves. */
  readonly server?: string;
}

/** What a further command on this job needs, to be put behind it. */
export function whereOption({ server }: Pick<ToldJob, "server">): string {
  return server === undefined ? "" : ` --server ${server}`;
}

/**
 * 0 complete and proven; 1 finished with exceptions; 3 interrupted and resumable; 4 the job failed.
 * @param reportFailure why its report could not be written: the end of a command that is otherwise fine
 */
export function exitCodeOf(
  job: Pick<ToldJob, "status" | "counters">,
  reportFailure: Pick<ErrorRecord, "code"> | null = null,
): number {
  const own = exitCodeOfJob(job);
  return own === 0 && reportFailure !== null ? exitCodeOfError(reportFailure.code) : own;
}

function exitCodeOfJob(job: Pick<ToldJob, "status" | "counters">): number {
  switch (job.status) {
    case "complete":
      return isClean(job) ? 0 : 1;
    case "failed":
      return 4;
    case "cancelled":
      return 4;
    default:
      return 3;
  }
}

export function isClean(job: Pick<ToldJob, "counters">): boolean {
  return exceptionsOf(job) === 0;
}

/** Entries that did not end well, and what was to be deleted and is still there. */
export function exceptionsOf({ counters }: Pick<ToldJob, "counters">): number {
  return unprovenEntries(counters) + (counters.deletionsFailed ?? 0);
}

/** What runs: nobody says so but the process that leads it. */
function isActive(status: JobStatus): boolean {
  return status === "planning" || status === "running" || status === "reconciling";
}

/** Says that it runs, but its process is gone. */
export function isInterrupted(job: ToldJob, leader: string | null): boolean {
  return job.server === undefined && leader === null && isActive(job.status);
}

/** @param leader who runs it now, from the Store. @param reportFailure as for `exitCodeOf` */
export function jobJson(job: ToldJob, leader: string | null, reportFailure: GodwitError | null = null): JobDocument {
  const counters = everyCounter(job.counters);
  return {
    job_id: job.id,
    kind: job.spec.kind,
    source: job.spec.source,
    target: job.spec.target,
    status: job.status,
    interrupted: isInterrupted(job, leader),
    led_by: leader,
    exit_code: exitCodeOf(job, reportFailure),
    created_at: new Date(job.createdAt).toISOString(),
    ended_at: job.endedAt === null ? null : new Date(job.endedAt).toISOString(),
    runs: job.runs,
    listed: listedSum(counters),
    outcomes: Object.fromEntries(
      outcomes.map((outcome) => [outcome, outcomeSum(counters, outcome)]),
    ) as JobDocument["outcomes"],
    chunks_total: counters.chunksTotal,
    chunks_complete: counters.chunksDone,
    bytes_transferred: landedBytes(counters),
    bytes_verified: counters.bytesVerified,
    source_bytes_read: counters.sourceBytesRead,
    target_bytes_written: counters.targetBytesWritten,
    target_bytes_read: counters.targetBytesRead,
    retries: counters.retries,
    mismatches: counters.mismatches,
    losses: counters.losses,
    deleted: counters.deleted,
    deletions_failed: counters.deletionsFailed,
    last_failure_reason: job.failure,
    ...(reportFailure !== null && { report_failure: reportFailure.toJSON() }),
  };
}

export function jobText(job: ToldJob, elapsedMs: number): string {
  const { spec } = job;
  const { mismatches, retries, bytesVerified } = everyCounter(job.counters);
  const landed = landedBytes(job.counters);
  const parts = outcomeParts(job);
  const nothing =
    job.status === "complete" ? "nothing to do" : landed > 0 ? "no entry is done yet" : "nothing is done yet";
  const lines = [
    visible(`${spec.kind} ${job.id}: ${placeText(spec.source)} to ${placeText(spec.target)}`),
    `  ${verdictText(job, formatDuration(elapsedMs))}: ${parts.length === 0 ? nothing : parts.join(", ")}`,
  ];
  if (exitCodeOf(job) === 3 && landed > 0)
    lines.push(`  ${formatBytes(landed)} are copied, ${formatBytes(bytesVerified)} of them verified: they are kept`);
  if (mismatches > 0 || retries > 0) lines.push(`  ${mismatches} mismatches found, ${retries} retries`);
  return lines.join("\n");
}

/** `3 verified (1.20 MB)`, for each outcome that occurred. */
export function outcomeParts({ counters }: Pick<ToldJob, "counters">): readonly string[] {
  const parts = outcomes.flatMap((outcome) => {
    const { entries, bytes } = outcomeSum(counters, outcome);
    return entries === 0 ? [] : [`${entries} ${outcome} (${formatBytes(bytes)})`];
  });
  const { deleted, deletionsFailed } = everyCounter(counters);
  if (deleted > 0) parts.push(`${deleted} deleted`);
  if (deletionsFailed > 0) parts.push(`${deletionsFailed} not deleted`);
  return parts;
}

function verdictText(job: ToldJob, elapsed: string): string {
  switch (job.status) {
    case "complete":
      if (job.spec.kind === "check") return `${isClean(job) ? "equal" : "NOT equal"}, in ${elapsed}`;
      return `${isClean(job) ? "complete and proven" : "finished, with exceptions"}, in ${elapsed}`;
    case "failed":
      return `FAILED after ${elapsed}`;
    case "cancelled":
      return `cancelled after ${elapsed}`;
    default:
      return `stopped after ${elapsed}, the same command resumes it`;
  }
}
