/** How a job's end is told: to a person, to a machine, and to the shell. */
import { formatBytes, formatDuration } from "../base/sizes.ts";
import { isProven, outcomes } from "../model/entry.ts";
import type { Job, JobStatus } from "../model/job.ts";
import type { JobDocument } from "./json-shapes.ts";
import { placeText } from "./place.ts";

/** 0 complete and proven; 1 finished with exceptions; 3 interrupted and resumable; 4 the job failed. */
export function exitCodeOf(job: Job): number {
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

export function isClean(job: Job): boolean {
  return outcomes.every((outcome) => isProven(outcome) || (job.counters[`entries:${outcome}`] ?? 0) === 0);
}

/** What runs: nobody says so but the process that leads it. */
function isActive(status: JobStatus): boolean {
  return status === "planning" || status === "running" || status === "reconciling";
}

/** Says that it runs, but its process is gone. */
export function isInterrupted(job: Job, leader: string | null): boolean {
  return leader === null && isActive(job.status);
}

/** @param leader who runs it now, from the Store */
export function jobJson(job: Job, leader: string | null): JobDocument {
  const { counters } = job;
  return {
    job_id: job.id,
    kind: job.spec.kind,
    source: job.spec.source,
    target: job.spec.target,
    status: job.status,
    interrupted: isInterrupted(job, leader),
    led_by: leader,
    exit_code: exitCodeOf(job),
    created_at: new Date(job.createdAt).toISOString(),
    ended_at: job.endedAt === null ? null : new Date(job.endedAt).toISOString(),
    runs: job.runs,
    listed: { entries: counters.listedEntries ?? 0, bytes: counters.listedBytes ?? 0 },
    outcomes: Object.fromEntries(
      outcomes.map((outcome) => [
        outcome,
        { entries: counters[`entries:${outcome}`] ?? 0, bytes: counters[`bytes:${outcome}`] ?? 0 },
      ]),
    ) as JobDocument["outcomes"],
    chunks_total: counters.chunksTotal ?? 0,
    chunks_complete: counters.chunksDone ?? 0,
    bytes_transferred: counters.bytesTransferred ?? 0,
    bytes_verified: counters.bytesVerified ?? 0,
    source_bytes_read: counters.sourceBytesRead ?? 0,
    target_bytes_written: counters.targetBytesWritten ?? 0,
    target_bytes_read: counters.targetBytesRead ?? 0,
    retries: counters.retries ?? 0,
    mismatches: counters.mismatches ?? 0,
    losses: counters.losses ?? 0,
    deleted: counters.deleted ?? 0,
    last_failure_reason: job.failure,
  };
}

export function jobText(job: Job, elapsedMs: number): string {
  const { counters, spec } = job;
  const parts = outcomeParts(job);
  const lines = [
    `${spec.kind} ${job.id}: ${placeText(spec.source)} to ${placeText(spec.target)}`,
    `  ${verdictText(job, formatDuration(elapsedMs))}: ${parts.length === 0 ? "nothing to do" : parts.join(", ")}`,
  ];
  if ((counters.mismatches ?? 0) > 0 || (counters.retries ?? 0) > 0) {
    lines.push(`  ${counters.mismatches ?? 0} mismatches found, ${counters.retries ?? 0} retries`);
  }
  return lines.join("\n");
}

/** `3 verified (1.20 MB)`, for each outcome that occurred. */
export function outcomeParts({ counters }: Job): readonly string[] {
  const parts = outcomes.flatMap((outcome) => {
    const entries = counters[`entries:${outcome}`] ?? 0;
    return entries === 0 ? [] : [`${entries} ${outcome} (${formatBytes(counters[`bytes:${outcome}`] ?? 0)})`];
  });
  if ((counters.deleted ?? 0) > 0) parts.push(`${counters.deleted} deleted`);
  return parts;
}

function verdictText(job: Job, elapsed: string): string {
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
