/** What a simulation has seen: counts, times, and how the job went on over the hours. */
import type { GodwitError } from "../base/errors.ts";
import type { Instant } from "../model/chunk.ts";

/** Why something is done twice. */
export const retryReasons = ["worker_lost", "worker_left", "read_error", "corrupt_chunk", "slow_down"] as const;
export type RetryReason = (typeof retryReasons)[number];

export interface RetryCount {
  /** Of chunks; of requests where a store asked to slow down. */
  count: number;
  /** Read again from the source. */
  bytes: number;
}

/** A stretch of the job's time. */
export interface Stretch {
  readonly from: Instant;
  readonly ms: number;
  readonly sourceBytes: number;
  readonly verifiedBytes: number;
  /** At its beginning; null: none. */
  readonly capBytesPerSecond: number | null;
}

export class Tally {
  readonly retries: Record<RetryReason, RetryCount> = {
    worker_lost: { count: 0, bytes: 0 },
    worker_left: { count: 0, bytes: 0 },
    read_error: { count: 0, bytes: 0 },
    corrupt_chunk: { count: 0, bytes: 0 },
    slow_down: { count: 0, bytes: 0 },
  };
  workerDeaths = 0;
  workerStalls = 0;
  coordinatorDeaths = 0;
  /** From a worker's death until another had its last chunk; of each death whose chunks were all taken over. */
  readonly takeoversMs: number[] = [];
  /** From the end of a chunk's transfer to its proof. */
  readonly lagsMs: number[] = [];
  verifiedBytes = 0;
  /** Errors that no failure of the scenario explains, by their codes. */
  readonly troubles = new Map<string, number>();
  readonly stretches: Stretch[] = [];

  retry(reason: RetryReason, bytes: number, count = 1): void {
    this.retries[reason].count += count;
    this.retries[reason].bytes += bytes;
  }

  get wastedBytes(): number {
    return Object.values(this.retries).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  trouble({ code }: GodwitError): void {
    this.troubles.set(code, (this.troubles.get(code) ?? 0) + 1);
  }
}

/** @param part 0.5 is the median. @returns null of nothing */
export function percentile(values: readonly number[], part: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? null;
}
