import type { z } from "zod";
import type { ErrorRecord } from "../base/errors.ts";
import { outcomes } from "../model/entry.ts";
import { everyCounter, type Job, landedBytes, outcomeSum } from "../model/job.ts";
import type { Glance } from "../ports/overview.ts";
import type { errorShape, migration } from "./shapes.ts";
import { gigabytesPerHourOf, instantOrNull, instantText } from "./units.ts";

type Told = Pick<Glance, "leader" | "lastFailure">;

/** @param estimatedEnd from what was measured */
export function migrationAnswer(job: Job, told: Told, estimatedEnd: number | null): z.input<typeof migration> {
  const counters = everyCounter(job.counters);
  const { spec, terms } = job;
  return {
    job_id: job.id,
    status: job.status,
    total_bytes: counters.listedBytes,
    bytes_transferred: landedBytes(counters),
    bytes_verified: counters.bytesVerified,
    chunks_total: counters.chunksTotal,
    chunks_complete: counters.chunksDone,
    estimated_completion_at: instantOrNull(estimatedEnd),
    last_failure_reason: failureReason(job.failure, told.lastFailure),
    kind: spec.kind,
    wish: job.wish,
    source_path: spec.source,
    target_path: spec.target,
    throughput_limit_gb_per_hour:
      terms.limitBytesPerSecond === null ? null : gigabytesPerHourOf(terms.limitBytesPerSecond),
    max_parallel_workers: terms.lanesMax,
    priority: terms.priority,
    plan_complete: job.planDone,
    led_by: told.leader,
    created_at: instantText(job.createdAt),
    started_at: instantOrNull(job.startedAt),
    ended_at: instantOrNull(job.endedAt),
    runs: job.runs,
    total_entries: counters.listedEntries,
    outcomes: Object.fromEntries(outcomes.map((outcome) => [outcome, outcomeSum(counters, outcome)])),
    source_bytes_read: counters.sourceBytesRead,
    target_bytes_written: counters.targetBytesWritten,
    target_bytes_read: counters.targetBytesRead,
    retries: counters.retries,
    mismatches: counters.mismatches,
    losses: counters.losses,
    deleted: counters.deleted,
    deletions_failed: counters.deletionsFailed,
    failure: errorAnswer(job.failure),
  };
}

export function errorAnswer(error: ErrorRecord | null): z.input<typeof errorShape> | null {
  if (error === null) return null;
  const { code, disposition, what, hint } = error;
  return { code, disposition, what: what.toWellFormed(), hint: hint.toWellFormed() };
}

function failureReason(failure: ErrorRecord | null, last: Glance["lastFailure"]): string | null {
  if (failure !== null) return `${failure.code}: ${failure.what}`.toWellFormed();
  return last === null ? null : last.why.toWellFormed();
}
