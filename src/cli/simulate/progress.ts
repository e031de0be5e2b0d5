/** What is told while a simulation runs: large fleets take a minute or more. */
import { visible } from "../../base/visible.ts";
import type { Clock } from "../../ports/clock.ts";
import type { PredictOptions, SimulatedRun } from "../../simulate/predict.ts";
import { durationText } from "./table.ts";

const lineEveryMs = 10_000;

/** A prediction simulates its scenario more than once. */
const runTexts: Readonly<Record<SimulatedRun, string>> = {
  as_given: "",
  without_failures: ", without failures",
  as_needed: ", with what the deadline needs",
};

export interface TellProgress {
  readonly stderr: { write(text: string): unknown };
  /** Of the scenario. */
  readonly name: string;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** A line every 10 s that says which simulation it is. */
export function tellProgress({ stderr, name, clock }: TellProgress): NonNullable<PredictOptions["onTime"]> {
  let toldAtMs = clock.monotonicMs();
  return (run, simulatedMs) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - toldAtMs < lineEveryMs) return;
    toldAtMs = nowMs;
    stderr.write(
      `simulating ${visible(name)}${runTexts[run]}: ${durationText(simulatedMs)} of the fleet's time is over\n`,
    );
  };
}
