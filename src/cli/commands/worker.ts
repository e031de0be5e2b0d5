/** `worker`: takes part in a fleet. */
import type { Command } from "commander";
import { z } from "zod";
import { GodwitError } from "../../base/errors.ts";
import { openLog } from "../../platform/log.ts";
import { addCommand } from "../command.ts";
import { openFleetState, storeOption, storeUrl } from "../fleet-store.ts";
import { option } from "../job-options.ts";
import { usualLanes } from "../lanes.ts";
import { runWorker } from "../run-worker.ts";
import { processOwner } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";

/** Beside what lanes claim and record at the same time: heartbeats and the look at the jobs. */
const ownConnections = 3;

export const lanesOption = option(
  "--lanes <n>",
  "tasks that it works on side by side (default: by the machine's cores)",
  z.coerce.number().int().min(1).max(256).nullable().default(null),
);

export function addWorkerCommand(program: Command, surroundings: Surroundings, version: string): void {
  addCommand(
    program,
    {
      name: "worker",
      summary: "work on the jobs of a fleet",
      description:
        "Works on whatever jobs are open in the fleet's store, until it is told to end. Any number of workers, on any machines that see the sources and targets under the same names. It keeps nothing: SIGTERM releases what it holds, with what is confirmed; after a crash others take it up within 60 s.",
      arguments: [],
      options: { store: storeOption, lanes: lanesOption },
      examples: [{ line: "godwit worker --store postgres://godwit@db/godwit" }, { line: "godwit worker --lanes 8" }],
      run: async (_, values) => {
        const url = storeUrl(values.store);
        if (url === null) throw storeMissing();
        const lanes = values.lanes ?? usualLanes();
        using interrupt = surroundings.onInterrupt();
        const log = openLog(surroundings.stderr, { role: "worker", worker: processOwner() });
        const { store: opened, budget } = await openFleetState(url, lanes + ownConnections, surroundings);
        await using store = opened;
        await runWorker({ store, budget, lanes, version, log, signal: interrupt.signal });
        return 0;
      },
    },
    surroundings,
  );
}

function storeMissing(): GodwitError {
  return new GodwitError("usage", {
    disposition: "fatal",
    what: "no store is named",
    hint: "Give --store postgres://…, or set GODWIT_STORE. One machine alone needs no worker: godwit serve, or godwit copy.",
  });
}
