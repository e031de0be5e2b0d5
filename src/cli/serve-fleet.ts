/** What `serve` runs: a coordinator and the API; without a store, a worker too. */
import { systemClock } from "../platform/clock.ts";
import { fleetMetrics } from "../platform/metrics/fleet-metrics.ts";
import { type serveOptions, storeUrl } from "./fleet-options.ts";
import { openFleetState, openServerState } from "./fleet-store.ts";
import { openFleetLog } from "./fleet-log.ts";
import type { Values } from "./job-options.ts";
import { usualLanes } from "./lanes.ts";
import { meteredState, openMetrics } from "./metered-state.ts";
import { startApi } from "./run-api.ts";
import { runCoordinator } from "./run-coordinator.ts";
import { runWorker } from "./run-worker.ts";
import type { Surroundings } from "./surroundings.ts";
import { traced } from "./tracing.ts";

/** A coordinator leads several jobs and answers requests; each of its calls is short. */
const connectionsMax = 10;

export interface ServeFleet {
  readonly values: Values<typeof serveOptions>;
  readonly version: string;
  readonly surroundings: Surroundings;
}

/** Until it is told to end. @throws listen_refused, usage */
export async function serveFleet({ values, version, surroundings }: ServeFleet): Promise<void> {
  const url = storeUrl(values.store);
  using interrupt = surroundings.onInterrupt();
  const { signal } = interrupt;
  const log = openFleetLog(surroundings.stderr, "coordinator");
  const { registry, instruments } = openMetrics(version, url === null ? "coordinator,worker" : "coordinator");
  const onConnection = (what: "opened" | "lost"): void => instruments.storeConnection(what);
  const opened = await (url === null
    ? openServerState(values.state, surroundings)
    : openFleetState({ url, connectionsMax, onConnection }, surroundings));
  await using _store = opened.store;
  await using traces = await traced(opened.store, (message) => log.warn("traces are not sent", { reason: message }));
  const state = meteredState({ ...opened, store: traces.store }, instruments);
  const { store, budget, overview, hints } = state;
  const refresh = fleetMetrics(registry, { store, overview, budget, clock: systemClock });
  const metrics = (): Promise<string> => refresh().then(() => registry.metrics());
  const tell = (line: string): void => void surroundings.stdout.write(`${line}\n`);
  await using _server = await startApi({ state, values, version, log, metrics, tell, signal });
  const coordinating = runCoordinator({ store, budget, hints, log, instruments, signal });
  const lanes = values.lanes ?? usualLanes();
  const working = url === null ? runWorker({ store, budget, hints, lanes, version, log, instruments, signal }) : null;
  await Promise.all([coordinating, working]);
}
