/** `serve`: leads the jobs of a fleet and answers its API; without a store, works on them too. */
import type { Command } from "commander";
import { openLog } from "../../platform/log.ts";
import { addCommand } from "../command.ts";
import { openFleetState, openServerState, storeOption, storeUrl } from "../fleet-store.ts";
import { generalOptions } from "../job-options.ts";
import { usualLanes } from "../lanes.ts";
import { apiOptions, startApi } from "../run-api.ts";
import { runCoordinator } from "../run-coordinator.ts";
import { runWorker } from "../run-worker.ts";
import { processOwner } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";
import { lanesOption } from "./worker.ts";

/** A coordinator leads several jobs and answers requests; each of its calls is short. */
const connections = 10;

export function addServeCommand(program: Command, surroundings: Surroundings, version: string): void {
  addCommand(
    program,
    {
      name: "serve",
      summary: "lead the jobs of a fleet, and answer its API",
      description:
        "Leads the jobs of the fleet's store: plans, watches, folds counters, ends. It never touches data: that is what `godwit worker` is for. Several may run; they share the jobs, and when one dies another goes on. Each answers the API (its reference: /docs). Without a store it keeps its jobs in a file and works on them itself.",
      arguments: [],
      options: { store: storeOption, ...apiOptions, lanes: lanesOption, state: generalOptions.state },
      examples: [
        { line: "godwit serve", says: "one machine: nothing else to start" },
        { line: "godwit serve --store postgres://godwit@db/godwit" },
        { line: "godwit serve --listen 0.0.0.0:443 --tls-cert fleet.pem --tls-key fleet.key" },
      ],
      run: async (_, values) => {
        const url = storeUrl(values.store);
        using interrupt = surroundings.onInterrupt();
        const { signal } = interrupt;
        const log = openLog(surroundings.stderr, { role: "coordinator", worker: processOwner() });
        const opening =
          url === null ? openServerState(values.state, surroundings) : openFleetState(url, connections, surroundings);
        const state = await opening;
        const { budget } = state;
        await using store = state.store;
        const tell = (line: string): void => void surroundings.stdout.write(`${line}\n`);
        await using _server = await startApi({ state, values, version, log, tell, signal });
        const coordinating = runCoordinator({ store, budget, log, signal });
        const lanes = values.lanes ?? usualLanes();
        const working = url === null ? runWorker({ store, budget, lanes, version, log, signal }) : null;
        await Promise.all([coordinating, working]);
        return 0;
      },
    },
    surroundings,
  );
}
