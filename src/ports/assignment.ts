import type { Item, Work } from "../model/chunk.ts";
import type { Progress, Task } from "../model/task.ts";

/** A task as the roles see it: with its items decoded, inside the lane that runs it. */
export interface Assignment {
  readonly task: Task;
  readonly items: readonly Item[];
  readonly work: Work;
  /** Items that ended in earlier stages or attempts. */
  readonly skip: ReadonlySet<number>;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}
