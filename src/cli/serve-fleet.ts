/** What `serve` runs: a coordinator and the API; without a store, a worker too. */
import { openLog } from "../platform/log.ts";
import { type serveOptions, storeUrl } from "./fleet-options.ts";
import { openFleetState, openServerState } from "./fleet-store.ts";
import type { Values } from "./job-options.ts";
import { usualLanes } from "./lanes.ts";
import { startApi } from "./run-api.ts";
import { runCoordinator } from "./run-coordinator.ts";
import { runWorker } from "./run-worker.ts";
import { processOwner } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

/** A coordinator leads several jobs and answers requests; each of its calls is short. */
const connections = 10;

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
  const log = openLog(surroundings.stderr, { role: "coordinator", worker: processOwner() });
  const state = await (url === null
    ? openServerState(values.state, surroundings)
    : openFleetState(url, connections, surroundings));
  const { budget, hints } = state;
  await using store = state.store;
  const tell = (line: string): void => void surroundings.stdout.write(`${line}\n`);
  await using _server = await startApi({ state, values, version, log, tell, signal });
  const coordinating = runCoordinator({ store, budget, hints, log, signal });
  const lanes = values.lanes ?? usualLanes();
  const working = url === null ? runWorker({ store, budget, hints, lanes, version, log, signal }) : null;
  await Promise.all([coordinating, working]);
}
