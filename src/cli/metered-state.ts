/** The numbers of a fleet's process: where they are kept, and the state whose calls they count. */
import { meteredBudget, meteredStore } from "../decorators/metering.ts";
import { systemClock } from "../platform/clock.ts";
import { type ProcessMetrics, processMetrics } from "../platform/metrics/process-metrics.ts";
import type { Instruments } from "../ports/instruments.ts";
import type { State } from "../store/state.ts";

export function openMetrics(version: string, role: string): ProcessMetrics {
  return processMetrics({ clock: systemClock, version, role });
}

export function meteredState(state: State, instruments: Instruments): State {
  return {
    ...state,
    store: meteredStore(state.store, instruments, systemClock),
    budget: meteredBudget(state.budget, instruments, systemClock),
  };
}
