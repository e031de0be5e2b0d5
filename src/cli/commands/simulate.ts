/** `simulate`: what a fleet will take, before there is one. */
import type { Command } from "commander";
import { z } from "zod";
import { addCommand } from "../command.ts";
import { generalOptions, option } from "../job-options.ts";
import type { Surroundings } from "../surroundings.ts";

const seedMax = 2 ** 32 - 1;

export function addSimulateCommand(program: Command, surroundings: Surroundings): void {
  addCommand(
    program,
    {
      name: "simulate",
      summary: "predict how long a fleet takes, and what its source must bear",
      description:
        "Runs the fleet's own coordinators, leases, budget and throttle on a simulated clock, with the workers, failures and limits of a scenario file: predicts duration, retries and the peak load of the source. Exit code 1 when the scenario's deadline is not met. docs/operate/simulate.md says what is modelled.",
      arguments: [{ name: "scenario", help: "a YAML or JSON file; examples/simulate/ has some" }],
      options: {
        seed: option(
          "--seed <n>",
          "decides every chance; the same seed gives the same answer (default: 1)",
          z.coerce.number().int().min(0).max(seedMax).default(1),
        ),
        plain: option("--plain", "a table and a chart of ASCII alone", z.boolean().default(false)),
        json: generalOptions.json,
      },
      examples: [
        { line: "godwit simulate examples/simulate/full-pipeline.yaml" },
        { line: "godwit simulate examples/simulate/capped.yaml", says: "400 GB/h against a deadline" },
        { line: "godwit simulate fleet.yaml --seed 7 --json" },
      ],
      run: async ([path = ""], { seed, json, plain }) => {
        const { runSimulate } = await import("../run-simulate.ts");
        return runSimulate({ path, seed, json, plain, surroundings });
      },
    },
    surroundings,
  );
}
