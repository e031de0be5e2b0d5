import { describe, expect, test } from "vitest";
import { ByBytes, Calendar } from "./calendar.ts";
import { Random } from "./random.ts";
import { noFailures, type Scenario } from "./scenario.ts";

const weekMs = 7 * 24 * 3_600_000;

function scenario(failures: Partial<Scenario["failures"]>, shifts: Scenario["workers"]["shifts"] = []): Scenario {
  const workers = { shifts } as unknown as Scenario["workers"];
  return { start: 0, failures: { ...noFailures, ...failures }, workers } as Scenario;
}

describe("a calendar", () => {
  test("brings what comes by chance about as often as it is said to", () => {
    const calendar = new Calendar(scenario({ workerDeathsPerWeek: 10, slowDownsPerWeek: 2 }), new Random(1));
    const happened = calendar.take(200 * weekMs).map(({ type }) => type);
    const deaths = happened.filter((type) => type === "worker_dies").length;
    const slowDowns = happened.filter((type) => type === "slow_down").length;
    // Four standard deviations of a Poisson count.
    expect(Math.abs(deaths - 2_000)).toBeLessThan(4 * Math.sqrt(2_000));
    expect(Math.abs(slowDowns - 400)).toBeLessThan(4 * Math.sqrt(400));
    expect(calendar.nextAt).toBeGreaterThan(200 * weekMs);
  });

  test("is empty where nothing is said, and the same for the same seed", () => {
    expect(new Calendar(scenario({}), new Random(1)).nextAt).toBe(Infinity);
    const first = (seed: number): number => new Calendar(scenario({ workerDeathsPerWeek: 1 }), new Random(seed)).nextAt;
    expect(first(7)).toBe(first(7));
    expect(first(7)).not.toBe(first(8));
  });

  test("has shifts begin worker by worker, and end at once", () => {
    const calendar = new Calendar(scenario({}, [{ count: 2, fromMs: 10, untilMs: 30 }]), new Random(1));
    expect(calendar.take(9)).toEqual([]);
    expect(calendar.take(10)).toEqual([
      { type: "worker_starts", shift: 0 },
      { type: "worker_starts", shift: 0 },
    ]);
    expect(calendar.take(1_000)).toEqual([{ type: "shift_ends", shift: 0 }]);
  });
});

test("what comes by bytes comes as often, however they are counted", () => {
  const [fine, coarse] = [new ByBytes(new Random(3), 50), new ByBytes(new Random(3), 50)];
  let few = 0;
  for (let step = 0; step < 1_000; step += 1) few += fine.pass(1e13);
  expect(few).toBe(coarse.pass(1e16));
  expect(Math.abs(few - 500)).toBeLessThan(4 * Math.sqrt(500));
  expect(new ByBytes(new Random(3), 0).pass(1e18)).toBe(0);
});
