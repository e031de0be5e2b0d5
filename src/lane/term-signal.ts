import { GodwitError } from "../base/errors.ts";
import type { LeaseTerm } from "../model/lease-term.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * The controller's signal, which looks at the lease whenever it is asked: `throwIfAborted` throws `lease_lost` from the
 * moment on at which the lease is over, also where no event was handled since. `aborted` says so from then on.
 */
export function termSignal(
  controller: AbortController,
  term: LeaseTerm,
  clock: Pick<Clock, "monotonicMs">,
): AbortSignal {
  const { signal } = controller;
  const throwIfAborted = signal.throwIfAborted.bind(signal);
  signal.throwIfAborted = (): void => {
    if (!signal.aborted && clock.monotonicMs() >= term.untilMs) controller.abort(leaseOver());
    throwIfAborted();
  };
  return signal;
}

function leaseOver(): GodwitError {
  return new GodwitError("lease_lost", {
    disposition: "fenced",
    what: "the lease ran out while its task was at work",
    hint: "This worker was silent for too long. The chunk goes on elsewhere; nothing is lost.",
  });
}
