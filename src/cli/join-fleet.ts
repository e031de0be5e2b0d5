/** What `worker` runs: one worker on the store of a fleet. */
import { openLog } from "../platform/log.ts";
import { openFleetState } from "./fleet-store.ts";
import { usualLanes } from "./lanes.ts";
import { runWorker } from "./run-worker.ts";
import { processOwner } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

/** Beside what lanes claim and record at the same time: heartbeats and the look at the jobs. */
const ownConnections = 3;

export interface JoinFleet {
  readonly url: string;
  /** Null: by the machine's cores. */
  readonly lanes: number | null;
  readonly version: string;
  readonly surroundings: Surroundings;
}

/** Until it is told to end. */
export async function joinFleet({ url, lanes: wanted, version, surroundings }: JoinFleet): Promise<void> {
  const lanes = wanted ?? usualLanes();
  using interrupt = surroundings.onInterrupt();
  const log = openLog(surroundings.stderr, { role: "worker", worker: processOwner() });
  const { store: opened, budget, hints } = await openFleetState(url, lanes + ownConnections, surroundings);
  await using store = opened;
  await runWorker({ store, budget, hints, lanes, version, log, signal: interrupt.signal });
}
