import type { Instant } from "../model/chunk.ts";

/** Time is a value that is passed in: below `cli` nobody asks the machine for it. */
export interface Clock {
  /** Wall time, for records. May jump. */
  now(): Instant;
  /** Milliseconds since some start; never jumps. For leases and rates. */
  monotonicMs(): number;
  /** Resolves after that time; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
