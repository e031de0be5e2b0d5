/** `worker`: takes part in a fleet. */
import type { Command } from "commander";
import { GodwitError } from "../../base/errors.ts";
import { addCommand } from "../command.ts";
import { storeUrl, workerOptions } from "../fleet-options.ts";
import type { Surroundings } from "../surroundings.ts";

export function addWorkerCommand(program: Command, surroundings: Surroundings, version: string): void {
  addCommand(
    program,
    {
      name: "worker",
      summary: "work on the jobs of a fleet",
      description:
        "Works on whatever jobs are open in the fleet's store, until it is told to end. Any number of workers, on any machines that see the sources and targets under the same names. It keeps nothing: SIGTERM releases what it holds, with what is confirmed; after a crash others take it up when its leases have run out, within 60 s.",
      arguments: [],
      options: workerOptions,
      examples: [
        { line: "godwit worker --store postgres://godwit@db/godwit" },
        { line: "godwit worker --lanes 8 --metrics-listen 127.0.0.1:9464", says: "its metrics for Prometheus" },
      ],
      run: async (_, values) => {
        const url = storeUrl(values.store);
        if (url === null) throw storeMissing();
        const { joinFleet } = await import("../join-fleet.ts");
        await joinFleet({ url, values, version, surroundings });
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
