/** Where a process's own numbers go. Calls are cheap, never throw and never wait; nothing is decided by them. */
import type { ErrorCode } from "../base/errors.ts";
import type { SourceId } from "../model/budget.ts";
import type { JobId, Stage } from "../model/chunk.ts";
import type { Counters } from "../model/job.ts";
import type { ReadLatency } from "../model/read-latency.ts";
import type { Task } from "../model/task.ts";

/** How a task ended here: `done`, given back, or by an error (`lease_lost`: it has passed to another, or ran out). */
export type EndingReason = "done" | "released" | ErrorCode;

export interface StoreCalled {
  /** A method of the port. */
  readonly operation: string;
  readonly ms: number;
  readonly error: ErrorCode | null;
}

export interface TaskEnded {
  readonly stage: Stage;
  readonly reason: EndingReason;
  readonly ms: number;
}

export interface Instruments {
  storeCalled(call: StoreCalled): void;
  /** A connection to the Store came about, or broke. */
  storeConnection(what: "opened" | "lost"): void;
  claimed(task: Task): void;
  ended(end: TaskEnded): void;
  /** A read-back found other bytes than were sent. */
  mismatched(stage: Stage): void;
  moved(jobId: JobId, cost: Counters): void;
  /** The job's reads count for this source from now on; null: no source covers it. */
  covered(jobId: JobId, sourceId: SourceId | null): void;
  /** How long reads of the job take, until it is released. */
  reads(jobId: JobId, latency: ReadLatency): { readonly release: () => void };
  /** @param assigned how many of them belong to a job now */
  lanes(configured: number, assigned: () => number): void;
  /** The Store has heard of this worker. @param clockOffMs how far the own clock is ahead of the Store's */
  heartbeat(clockOffMs: number): void;
  led(jobId: JobId): void;
  checkpointed(jobId: JobId): void;
  /** The job is not led by this process any more, for whatever reason. */
  resigned(jobId: JobId): void;
}
