import type { JobId } from "../model/chunk.ts";

/** `job`: there is a new one, or its status, its wish or its terms changed. `idle`: a worker finds nothing more to claim of it. */
export interface Hint {
  readonly about: "job" | "idle";
  readonly jobId: JobId;
}

/**
 * What one process lets the others know at once, so that they look at the Store before they would. Nothing rests on it:
 * a hint may be lost, come late or come twice, and whoever hears none looks by itself, some times a second.
 */
export interface Hints {
  /** Soon, and without a word when it cannot. */
  say(hint: Hint): void;
  /** Until the signal aborts, or until hints do not arrive any more. Hears its own process, too. */
  listen(onHint: (hint: Hint) => void, signal: AbortSignal): Promise<void>;
}
