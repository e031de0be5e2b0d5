import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { neededFor, withNeeded } from "./predict.ts";
import { noFailures, type Scenario } from "./scenario.ts";
import { fleetRate } from "./simulate.ts";

const dayMs = 24 * 3_600_000;

function scenario(source: Partial<Scenario["source"]>, count = 50): Scenario {
  return {
    name: null,
    start: Date.parse("2026-01-05T00:00:00Z"),
    data: { bytes: 1e15, meanEntryBytes: 1e9 },
    workers: {
      count,
      lanes: 4,
      bytesPerSecond: 200e6,
      laneBytesPerSecond: 200e6,
      entryMs: 0,
      replacedAfterMs: 0,
      shifts: [],
    },
    coordinators: 1,
    source: {
      statedPeakBytesPerSecond: null,
      limitBytesPerSecond: null,
      timetable: null,
      latency: null,
      readLatencyAboveMs: null,
      others: null,
      ...source,
    },
    verification: { bytesPerSecond: 400e6 },
    failures: noFailures,
    deadlineMs: null,
    chunkBytes: null,
    isInDetail: false,
  };
}

describe("what a deadline needs", () => {
  test("is a higher cap where the cap is short, and more workers where they are", () => {
    const capped = neededFor(scenario({ limitBytesPerSecond: 111e6 }), 30 * dayMs, { durationMs: null, idealMs: null });
    expect(capped.workers).toBeNull();
    expect(((capped.capBytesPerSecond ?? 0) * 3_600) / 1e12).toBeCloseTo(1.39, 2);
    const few = neededFor(scenario({}, 1), 30 * dayMs, { durationMs: null, idealMs: null });
    expect(few).toEqual({ capBytesPerSecond: null, workers: 2 });
    const both = neededFor(scenario({ statedPeakBytesPerSecond: 1e9 }, 1), 30 * dayMs, {
      durationMs: null,
      idealMs: null,
    });
    expect(both.workers).toBe(2);
    expect(both.capBytesPerSecond).toBeGreaterThan(385e6);
  });

  test("is an even cap where the hours of the caps are the trouble", () => {
    const closed = { timetable: { timeZone: "UTC", lines: ["00:00-23:00 closed"] }, limitBytesPerSecond: null };
    const needed = neededFor(scenario(closed, 3), 40 * dayMs, { durationMs: 500 * dayMs, idealMs: 500 * dayMs });
    expect(needed.capBytesPerSecond).toBeGreaterThan(280e6);
    expect(withNeeded(scenario(closed, 3), needed).source).toMatchObject({ timetable: null });
  });

  test("always names something, and with it the division comes out", () => {
    const days = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(
        days,
        days,
        fc.integer({ min: 1, max: 60 }),
        fc.option(fc.integer({ min: 1e6, max: 1e11 })),
        (deadline, took, count, cap) => {
          fc.pre(took > deadline);
          const asked = scenario({ limitBytesPerSecond: cap }, count);
          const needed = neededFor(asked, deadline * dayMs, { durationMs: took * dayMs, idealMs: took * dayMs });
          expect(needed.capBytesPerSecond ?? needed.workers).not.toBeNull();
          const then = withNeeded(asked, needed);
          const rate = Math.min(fleetRate(then), then.source.limitBytesPerSecond ?? Infinity);
          expect(rate * deadline * 86_400).toBeGreaterThanOrEqual(1e15 * 0.999);
        },
      ),
    );
  });
});
