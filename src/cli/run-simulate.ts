/** What `simulate` runs. Loaded by that command alone. */
import { setImmediate } from "node:timers/promises";
import { GodwitError } from "../base/errors.ts";
import { systemClock } from "../platform/clock.ts";
import { predict } from "../simulate/predict.ts";
import { answer } from "./answer.ts";
import { chartOf } from "./simulate/chart.ts";
import { documentOf } from "./simulate/document.ts";
import { tellProgress } from "./simulate/progress.ts";
import { readScenario } from "./simulate/scenario-file.ts";
import { durationText, tableOf } from "./simulate/table.ts";
import type { Surroundings } from "./surroundings.ts";

export interface RunSimulate {
  readonly path: string;
  readonly seed: number;
  readonly json: boolean;
  readonly plain: boolean;
  readonly surroundings: Surroundings;
}

/** @returns 1 when a deadline is not met. @throws config_invalid, usage, interrupted */
export async function runSimulate({ path, seed, json, plain, surroundings }: RunSimulate): Promise<number> {
  const scenario = readScenario(path);
  using interrupt = surroundings.onInterrupt();
  const { signal } = interrupt;
  const onTime = tellProgress({ stderr: surroundings.stderr, name: scenario.name ?? path, clock: systemClock });
  const prediction = await predict({
    scenario,
    seed,
    turn: () => setImmediate(),
    signal,
    ...(!json && { onTime }),
  }).catch((error: unknown) => {
    throw signal.aborted ? stopped() : error;
  });
  if (json) {
    answer(surroundings, documentOf(prediction));
  } else {
    const { stretches, durationMs } = prediction;
    const chart = chartOf({ stretches, durationText: durationText(durationMs), plain });
    surroundings.stdout.write(`${tableOf(prediction, plain)}\n\n${chart}\n`);
  }
  return prediction.deadline?.isMet === false ? 1 : 0;
}

function stopped(): GodwitError {
  return new GodwitError("interrupted", {
    disposition: "cancelled",
    what: "the simulation was stopped",
    hint: "It keeps nothing: begin it again. Fewer workers or lanes make it shorter.",
  });
}
