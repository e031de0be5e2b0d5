/** What `worker` runs: one worker on the store of a fleet. */
import type { Log } from "../platform/log.ts";
import type { State } from "../store/state.ts";
import { openFleetLog } from "./fleet-log.ts";
import type { workerOptions } from "./fleet-options.ts";
import { openFleetState } from "./fleet-store.ts";
import type { Values } from "./job-options.ts";
import { usualLanes } from "./lanes.ts";
import { runWorker } from "./run-worker.ts";
import type { Surroundings } from "./surroundings.ts";
import { traced } from "./tracing.ts";

/** Beside what lanes claim and record at the same time: heartbeats and the look at the jobs. */
const ownConnections = 3;

export interface JoinFleet {
  readonly url: string;
  readonly values: Values<typeof workerOptions>;
  readonly version: string;
  readonly surroundings: Surroundings;
}

/** Until it is told to end. @throws listen_refused, usage */
export async function joinFleet({ url, values, version, surroundings }: JoinFleet): Promise<void> {
  const lanes = values.lanes ?? usualLanes();
  using interrupt = surroundings.onInterrupt();
  const { signal } = interrupt;
  const log = openFleetLog(surroundings.stderr, "worker");
  const measured = await measuredWorker(values, version);
  const onConnection = (what: "opened" | "lost"): void => measured?.instruments.storeConnection(what);
  const connectionsMax = lanes + ownConnections;
  const opened = await openFleetState({ url, connectionsMax, onConnection }, surroundings);
  await using _store = opened.store;
  await using traces = await traced(opened.store, (message) => log.warn("traces are not sent", { reason: message }));
  const plain = { ...opened, store: traces.store };
  const state = measured?.meter(plain) ?? plain;
  await using _server = await measured?.listen(state, log);
  const { store, budget, hints } = state;
  await runWorker({ store, budget, hints, lanes, version, log, instruments: measured?.instruments ?? null, signal });
}

/** Null where nobody asks for its numbers: then nothing is counted, and nothing of it is loaded. */
async function measuredWorker(values: JoinFleet["values"], version: string) {
  const { metricsListen: listenAt } = values;
  if (listenAt === null) return null;
  const [{ meteredState, openMetrics }, { startMetricsApi }] = await Promise.all([
    import("./metered-state.ts"),
    import("./run-api.ts"),
  ]);
  const { registry, instruments } = openMetrics(version, "worker");
  const metrics = (): Promise<string> => registry.metrics();
  return {
    instruments,
    meter: (state: State) => meteredState(state, instruments),
    listen: async (state: State, log: Log) => {
      const server = await startMetricsApi({ state, listenAt, values, version, log, metrics });
      log.info("metrics are answered", { address: server.address });
      return server;
    },
  };
}
