import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/testbed/temp-dir.ts";
import { predict, type SimulatedRun } from "../../simulate/predict.ts";
import { tellProgress } from "./progress.ts";
import { readScenario } from "./scenario-file.ts";
import { tableOf } from "./table.ts";

test("each line names the scenario, and which of its simulations runs", () => {
  const lines: string[] = [];
  let nowMs = 5_000;
  const stderr = { write: (text: string) => lines.push(text) };
  const tell = tellProgress({ stderr, name: "one petabyte", clock: { monotonicMs: () => nowMs } });
  const after = (ms: number, ...told: Parameters<typeof tell>): void => {
    nowMs += ms;
    tell(...told);
  };
  after(9_999, "as_given", 3_600_000);
  expect(lines).toEqual([]);
  after(1, "as_given", 10 * 3_600_000);
  after(9_000, "without_failures", 3_600_000);
  after(1_000, "without_failures", 5 * 3_600_000);
  after(10_000, "as_needed", 6 * 3_600_000);
  expect(lines).toEqual([
    "simulating one petabyte: 10.0 h of the fleet's time is over\n",
    "simulating one petabyte, without failures: 5.0 h of the fleet's time is over\n",
    "simulating one petabyte, with what the deadline needs: 6.0 h of the fleet's time is over\n",
  ]);
});

test("a prediction says which of its simulations is under way, and does not call a closed source one without a cap", async () => {
  const file = join(tempDir("scenario"), "closed.yaml");
  const lines = [
    "data: { bytes: 1GB }",
    "workers: { count: 1, rate: 200MB/s }",
    "source: { timetable: [00:00-00:01 closed] }",
    "failures: { worker_deaths_per_week: 1 }",
    "deadline: 30s",
  ];
  writeFileSync(file, lines.join("\n"));
  const runs = new Set<SimulatedRun>();
  const prediction = await predict({
    scenario: readScenario(file),
    seed: 1,
    turn: () => setImmediate(),
    signal: new AbortController().signal,
    onTime: (run) => void runs.add(run),
  });
  expect([...runs]).toEqual(["as_given", "without_failures", "as_needed"]);
  expect(prediction.budgetUsed).toBeNull();
  expect(tableOf(prediction, true)).toMatch(/^budget used +closed at times, no cap at others$/m);
});
