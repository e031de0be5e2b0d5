/** `serve`: leads the jobs of a fleet; without a store, works on them too. */
import type { Command } from "commander";
import { openLog } from "../../platform/log.ts";
import { addCommand } from "../command.ts";
import { openFleetStore, openServerState, storeOption, storeUrl } from "../fleet-store.ts";
import { generalOptions } from "../job-options.ts";
import { runCoordinator } from "../run-coordinator.ts";
import { runWorker } from "../run-worker.ts";
import { processOwner } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";
import { usualLanes } from "../lanes.ts";
import { lanesOption } from "./worker.ts";

/** A coordinator leads several jobs, and each of its calls is short. */
const coordinatorConnections = 5;

export function addServeCommand(program: Command, surroundings: Surroundings, version: string): void {
  addCommand(
    program,
    {
      name: "serve",
      summary: "lead the jobs of a fleet",
      description:
        "Leads the jobs of the fleet's store: plans, watches, folds counters, ends. It never touches data: that is what `godwit worker` is for. Several may run; they share the jobs, and when one dies another goes on. Without a store it keeps its jobs in a file and works on them itself.",
      arguments: [],
      options: { store: storeOption, lanes: lanesOption, state: generalOptions.state },
      examples: [
        { line: "godwit serve --store postgres://godwit@db/godwit" },
        { line: "godwit serve", says: "one machine: nothing else to start" },
      ],
      run: async (_, values) => {
        const url = storeUrl(values.store);
        using interrupt = surroundings.onInterrupt();
        const { signal } = interrupt;
        const log = openLog(surroundings.stderr, { role: "coordinator", worker: processOwner() });
        if (url !== null) {
          await using store = await openFleetStore(url, coordinatorConnections, surroundings);
          await runCoordinator({ store, log, signal });
          return 0;
        }
        await using store = await openServerState(values.state, surroundings);
        const lanes = values.lanes ?? usualLanes();
        await Promise.all([runCoordinator({ store, log, signal }), runWorker({ store, lanes, version, log, signal })]);
        return 0;
      },
    },
    surroundings,
  );
}
