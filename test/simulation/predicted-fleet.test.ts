/** `godwit simulate` from within: what it leaves out to be quick, held to what it would have seen. */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { predict, type Prediction, type PredictOptions } from "../../src/simulate/predict.ts";
import { noFailures, type Scenario } from "../../src/simulate/scenario.ts";

const MB = 1e6;
const minuteMs = 60_000;

const small: Scenario = {
  name: null,
  start: Date.parse("2026-01-05T00:00:00Z"),
  data: { bytes: 1e12, meanEntryBytes: 1e9 },
  workers: {
    count: 3,
    lanes: 2,
    bytesPerSecond: 100 * MB,
    laneBytesPerSecond: 100 * MB,
    entryMs: 0,
    replacedAfterMs: minuteMs,
    shifts: [],
  },
  coordinators: 2,
  source: {
    statedPeakBytesPerSecond: null,
    limitBytesPerSecond: 150 * MB,
    timetable: null,
    latency: null,
    readLatencyAboveMs: null,
    others: null,
  },
  verification: { bytesPerSecond: 200 * MB },
  failures: { ...noFailures, workerDeathsPerWeek: 2_000, coordinatorDeathsPerWeek: 500 },
  deadlineMs: null,
  chunkBytes: null,
  isInDetail: false,
};

function run(scenario: Scenario, bring: Pick<PredictOptions, "callsMax" | "onTime"> = {}): Promise<Prediction> {
  const { signal } = new AbortController();
  return predict({
    scenario,
    seed: 3,
    turn: () => setImmediate(),
    signal,
    ...bring,
  });
}

test("what is left out beyond the effort is about what comes out of all of it", async () => {
  const whole = await run(small);
  const part = await run(small, { callsMax: 12_000 });
  expect(whole.simulatedUntilMs).toBe(whole.durationMs);
  expect(part.simulatedUntilMs).toBeLessThan(0.5 * (part.durationMs ?? 0));
  expect(Math.abs((part.durationMs ?? 0) / (whole.durationMs ?? 1) - 1)).toBeLessThan(0.1);
  expect(part.workerDeaths).toBeGreaterThan(0.4 * whole.workerDeaths);
  expect(part.workerDeaths).toBeLessThan(2.5 * whole.workerDeaths);
  const read = part.stretches.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
  expect(read / part.sourceBytes).toBeCloseTo(1, 2);
});

test("the cap holds in every second, whoever dies, and nothing of the source is lost", async () => {
  const { peakSecond, failedEntries, workerDeaths, coordinatorDeaths, troubles, sourceBytes, retries } =
    await run(small);
  expect(peakSecond.ofCap).toBeLessThanOrEqual(1.000_1);
  expect(workerDeaths).toBeGreaterThan(10);
  expect(coordinatorDeaths).toBeGreaterThan(2);
  expect(failedEntries).toBe(0);
  expect([...troubles]).toEqual([]);
  expect(sourceBytes).toBe(small.data.bytes + retries.worker_lost.bytes);
});

test("each of its simulations tells how far it is", async () => {
  const told = new Map<string, number[]>();
  const onTime: PredictOptions["onTime"] = (simulation, simulatedMs) => {
    told.set(simulation, [...(told.get(simulation) ?? []), simulatedMs]);
  };
  const quick = { ...small, data: { ...small.data, bytes: 2e10 }, deadlineMs: minuteMs };
  await run(quick, { onTime });
  expect([...told.keys()]).toEqual(["as_given", "without_failures", "as_needed"]);
  const [first = []] = told.values();
  expect(first.length).toBeGreaterThan(10);
  expect(first).toEqual(first.toSorted((a, b) => a - b));
});
