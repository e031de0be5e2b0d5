/**
 * What passes between a lane and its thread. The thread says `ready` once its connections are open, or `error`. Then
 * `run` is answered by any number of `progress` and one `result` or `error`. `abort` makes the running task end soon.
 */
import type { ErrorRecord } from "../base/errors.ts";
import type { Progress, Task, TaskResult } from "../model/task.ts";
import type { LaneSetup } from "./setup.ts";

export interface ThreadData {
  readonly setup: LaneSetup;
  readonly meterBuffer: SharedArrayBuffer;
  readonly limitBuffer: SharedArrayBuffer;
}

export type ToLane =
  | { readonly type: "run"; readonly task: Task; readonly termBuffer: SharedArrayBuffer | null }
  | { readonly type: "abort"; readonly reason: ErrorRecord }
  | { readonly type: "close" };

export type FromLane =
  | { readonly type: "ready" }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "result"; readonly result: TaskResult }
  | { readonly type: "error"; readonly error: ErrorRecord };
