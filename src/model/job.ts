import type { ErrorRecord } from "../base/errors.ts";
import type { Instant, JobId, JobTraits } from "./chunk.ts";
import { isProven, type Outcome, outcomes } from "./entry.ts";

export const jobStatuses = [
  "pending",
  "planning",
  "running",
  "paused",
  "reconciling",
  "complete",
  "failed",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** Somebody plans or works on it, or should. */
export function isActive(status: JobStatus): boolean {
  return status === "planning" || status === "running" || status === "reconciling";
}

export function isFinal(status: JobStatus): boolean {
  return status === "complete" || status === "failed" || status === "cancelled";
}

/** How an S3-compatible store is reached; never a secret. */
export interface S3Options {
  readonly endpoint: string | null;
  readonly region: string | null;
  readonly pathStyle: boolean;
  readonly profile: string | null;
}

export type Durability = "fsync" | "none";

/** What a job is asked to do: stored as JSON with the job; a resumed job must be given the same. */
export interface JobSpec {
  readonly kind: "copy" | "sync" | "check";
  /** URLs in their canonical form; credentials are never part of them. */
  readonly source: string;
  readonly target: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** SHA-256 of the `--files-from` list, so that a resumed job is seen to use another list; null without one. */
  readonly filesFrom: { readonly path: string; readonly sha256: string } | null;
  readonly compare: "content" | "mtime";
  readonly links: "preserve" | "follow" | "skip";
  readonly durability: Durability;
  readonly verify: "readback" | "checksum";
  readonly sourceEvidence:
    | { readonly type: "none" | "store" | "prehash" }
    | { readonly type: "manifest"; readonly path: string; readonly sha256: string };
  readonly fileDigest: boolean;
  readonly reconcile: boolean;
  readonly delete: boolean;
  readonly maxDelete: number | null;
  readonly chunkBytes: number;
  readonly s3: S3Options;
  readonly traits: JobTraits;
}

export const priorities = ["low", "normal", "high"] as const;
export type Priority = (typeof priorities)[number];

/** How a fleet works on a job: may change while it runs, and is no part of what is asked for. */
export interface JobTerms {
  readonly priority: Priority;
  /** What all workers together may read of the source; null: as much as the source allows. */
  readonly limitBytesPerSecond: number | null;
  /** Lanes of all workers together; null: as many as there are. */
  readonly lanesMax: number | null;
}

export const usualTerms: JobTerms = { priority: "normal", limitBytesPerSecond: null, lanesMax: null };

/** Changed from outside while a job runs, by another process on the same state. */
export type Wish = "pause" | "cancel" | null;

/** What one process that led the job was allowed to read. */
export interface RunLimit {
  readonly startedAt: Instant;
  /** Null: no limit. */
  readonly bytesPerSecond: number | null;
  /** What the runs before it had read of the source, as far as they have recorded it. */
  readonly bytesReadBefore: number;
}

/** Where a job stood at one moment. */
export interface PaceSample {
  readonly at: Instant;
  /** Bytes that have landed; of a `check`: bytes of the entries that were compared. */
  readonly landed: number;
  /** Bytes of which it is known that they arrived. */
  readonly proven: number;
}

export interface Job {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly terms: JobTerms;
  readonly status: JobStatus;
  readonly wish: Wish;
  readonly createdAt: Instant;
  readonly startedAt: Instant | null;
  readonly endedAt: Instant | null;
  /** How many processes have led this job: 1 for one that was never resumed. */
  readonly runs: number;
  /** One per run, the oldest first. Runs of a Godwit that did not keep it are missing. */
  readonly limits: readonly RunLimit[];
  readonly planCursor: string | null;
  readonly planDone: boolean;
  readonly phase: number;
  readonly counters: Counters;
  /** How it has moved lately; empty unless it runs and its source is listed. */
  readonly pace: readonly PaceSample[];
  readonly failure: ErrorRecord | null;
}

/**
 * Sums over a job. Additive: a completion appends a delta to the inbox, a checkpoint folds the inbox into the job.
 * `entries` and `bytes` of every outcome together equal `listed`, or the job is not complete.
 */
const counterNames = [
  "listedEntries",
  "listedBytes",
  "chunksTotal",
  "chunksDone",
  "sourceBytesRead",
  "targetBytesWritten",
  "targetBytesRead",
  "bytesTransferred",
  "bytesConfirmed",
  "bytesVerified",
  "retries",
  "mismatches",
  "deletionsPlanned",
  "deleted",
  "deletionsFailed",
  "losses",
  ...outcomes.flatMap((outcome) => [`entries:${outcome}`, `bytes:${outcome}`] as const),
] as const;
export type CounterName =
  | "listedEntries"
  | "listedBytes"
  | "chunksTotal"
  | "chunksDone"
  | "sourceBytesRead"
  | "targetBytesWritten"
  | "targetBytesRead"
  /** Of transfers that have ended. */
  | "bytesTransferred"
  /** Of transfers that have begun and not ended: what stands in their confirmed blocks. 0 once the job is complete. */
  | "bytesConfirmed"
  | "bytesVerified"
  | "retries"
  | "mismatches"
  | "deletionsPlanned"
  | "deleted"
  | "deletionsFailed"
  | "losses"
  | `entries:${Outcome}`
  | `bytes:${Outcome}`;
export type Counters = Readonly<Partial<Record<CounterName, number>>>;

export function addCounters(a: Counters, b: Counters): Counters {
  const sum: Partial<Record<CounterName, number>> = { ...a };
  for (const name of counterNames) {
    const more = b[name];
    if (more !== undefined && more !== 0) sum[name] = (sum[name] ?? 0) + more;
  }
  return sum;
}

const zeros = Object.fromEntries(counterNames.map((name) => [name, 0])) as Readonly<Record<CounterName, number>>;

/** Also those that were never counted. */
export function everyCounter(counters: Counters): Readonly<Record<CounterName, number>> {
  return { ...zeros, ...counters };
}

/** What stands on the target, as far as it is confirmed: of transfers that have ended, and of those that have not. */
export function landedBytes({ bytesTransferred = 0, bytesConfirmed = 0 }: Counters): number {
  return bytesTransferred + bytesConfirmed;
}

export interface Sum {
  readonly entries: number;
  readonly bytes: number;
}

export function listedSum({ listedEntries = 0, listedBytes = 0 }: Counters): Sum {
  return { entries: listedEntries, bytes: listedBytes };
}

export function outcomeSum(counters: Counters, outcome: Outcome): Sum {
  return { entries: counters[`entries:${outcome}`] ?? 0, bytes: counters[`bytes:${outcome}`] ?? 0 };
}

/** Entries that ended otherwise than proven, so far. */
export function unprovenEntries(counters: Counters): number {
  return outcomes.reduce((sum, outcome) => sum + (isProven(outcome) ? 0 : outcomeSum(counters, outcome).entries), 0);
}

/** What the job's end must show; null when the sums explain every entry. */
export function unexplained(counters: Counters): Sum | null {
  let { entries, bytes } = listedSum(counters);
  for (const outcome of outcomes) {
    const sum = outcomeSum(counters, outcome);
    entries -= sum.entries;
    bytes -= sum.bytes;
  }
  return entries === 0 && bytes === 0 ? null : { entries, bytes };
}
