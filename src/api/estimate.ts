/** When a job will have moved its last byte, from what was measured. Where nothing was, nothing is said. */
import type { Instant } from "../model/chunk.ts";
import { outcomes } from "../model/entry.ts";
import { type Job, outcomeSum } from "../model/job.ts";

/** What is to be done and what is done, in bytes: each byte that moves counts when it is sent and when it is verified. */
export interface WorkDone {
  readonly done: number;
  readonly total: number;
}

export interface Sample {
  readonly at: Instant;
  readonly done: number;
}

/** Less than this tells more of chance than of speed. */
const measuredMsMin = 10_000;
/** So far in the future no estimate means anything. */
const horizonMs = 100 * 365 * 24 * 3_600_000;

export function workOf({ spec, counters }: Pick<Job, "spec" | "counters">): WorkDone {
  const { listedBytes = 0, bytesTransferred = 0, bytesVerified = 0 } = counters;
  const ended = outcomes.reduce((sum, outcome) => sum + outcomeSum(counters, outcome).bytes, 0);
  if (spec.kind === "check") return { done: ended, total: listedBytes };
  const settled = ended - outcomeSum(counters, "verified").bytes;
  return { done: bytesTransferred + bytesVerified, total: 2 * Math.max(0, listedBytes - settled) };
}

/**
 * @param earlier what was seen of this job before, the oldest first
 * @returns null while the listing goes on, while nothing moves, and when all bytes are done
 */
export function estimate(job: Job, now: Instant, earlier: readonly Sample[]): Instant | null {
  if (job.status !== "running" || !job.planDone) return null;
  const { done, total } = workOf(job);
  const left = total - done;
  if (left <= 0) return null;
  const perMs = seenRate({ at: now, done }, earlier) ?? runRate(job, now);
  if (perMs === null || perMs <= 0) return null;
  const inMs = left / perMs;
  return inMs > horizonMs ? null : Math.round(now + inMs);
}

function seenRate(last: Sample, earlier: readonly Sample[]): number | null {
  const first = earlier.find(({ at }) => last.at - at >= measuredMsMin);
  return first === undefined ? null : (last.done - first.done) / (last.at - first.at);
}

/** By what this run has read of the source: known to the store, so also to a server that has just started. */
function runRate({ limits, counters, spec }: Job, now: Instant): number | null {
  const run = limits.at(-1);
  if (run === undefined || now - run.startedAt < measuredMsMin) return null;
  const read = (counters.sourceBytesRead ?? 0) - run.bytesReadBefore;
  const counted = spec.kind === "check" ? read : 2 * read;
  return counted / (now - run.startedAt);
}
