import type { LeaseTerm } from "../model/lease-term.ts";
import type { Meter } from "../model/meter.ts";
import type { Progress, Task, TaskResult } from "../model/task.ts";

/**
 * Where a task runs: a thread of its own in the product, the caller's own thread in a simulation. One task at a time.
 * Data never leaves a lane; digests and outcomes do.
 */
export interface Lane extends AsyncDisposable {
  readonly name: string;
  /** Grows while a task runs. */
  readonly meter: Meter;
  /**
   * @param onProgress blocks became durable on the target: to be recorded before the task's result is
   * @param term of the task's lease: past its end nothing more is written. Absent: the lane hears of it by the signal alone
   * @throws GodwitError the task as a whole failed; confirmed progress stays
   */
  run(task: Task, onProgress: (progress: Progress) => void, signal: AbortSignal, term?: LeaseTerm): Promise<TaskResult>;
}
