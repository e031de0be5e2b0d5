import type { Clock } from "../ports/clock.ts";
import type { Hints } from "../ports/hints.ts";

/** A server that is down is down for some seconds; hints are no reason to ask it more often. */
const againMs = 5_000;

/** The same hints, heard until the signal aborts, over as many connections as that takes. */
export function keepListening(hints: Hints, clock: Clock): Hints {
  return {
    say: (hint) => hints.say(hint),
    listen: async (onHint, signal) => {
      while (!signal.aborted) {
        await hints.listen(onHint, signal);
        // Rejects when the signal aborts, which ends the loop.
        await clock.sleep(againMs, signal).catch(() => undefined);
      }
    },
  };
}
