import type { ExternalThreshold } from "../model/threshold.ts";

/** The load of a source, as somebody else measures it. */
export interface Signals {
  /**
   * One value, now. Free of side effects.
   * @throws signal_unreadable when there is no answer in time, or no number in it
   */
  read(threshold: ExternalThreshold, signal: AbortSignal): Promise<number>;
}
