/** `serve`: leads the jobs of a fleet and answers its API; without a store, works on them too. */
import type { Command } from "commander";
import { addCommand } from "../command.ts";
import { serveOptions } from "../fleet-options.ts";
import type { Surroundings } from "../surroundings.ts";

export function addServeCommand(program: Command, surroundings: Surroundings, version: string): void {
  addCommand(
    program,
    {
      name: "serve",
      summary: "lead the jobs of a fleet, and answer its API",
      description:
        "Leads the jobs of the fleet's store: plans, watches, folds counters, ends. It never touches data: that is what `godwit worker` is for. Several may run; they share the jobs, and when one dies another goes on. Each answers the API (its reference: /docs). Without a store it keeps its jobs in a file and works on them itself.",
      arguments: [],
      options: serveOptions,
      examples: [
        { line: "godwit serve", says: "one machine: nothing else to start" },
        { line: "godwit serve --store postgres://godwit@db/godwit" },
        { line: "godwit serve --listen 0.0.0.0:443 --tls-cert fleet.pem --tls-key fleet.key" },
      ],
      run: async (_, values) => {
        const { serveFleet } = await import("../serve-fleet.ts");
        await serveFleet({ values, version, surroundings });
        return 0;
      },
    },
    surroundings,
  );
}
