import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settledSlowness, slownessAt } from "./latency.ts";

const model = { baseMs: 5, risesAtBytesPerSecond: 1_000, saturatesAtBytesPerSecond: 2_000 };

describe("how slow a source is", () => {
  test("is nothing up to the load at which it rises, and grows without bound towards its end", () => {
    expect(slownessAt(model, 0)).toBe(1);
    expect(slownessAt(model, 1_000)).toBe(1);
    expect(slownessAt(model, 1_500)).toBe(2);
    expect(slownessAt(model, 1_900)).toBe(10);
    expect(slownessAt(model, 3_000)).toBeGreaterThanOrEqual(10_000);
  });

  test("never falls when more is asked of it", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), (a, b) => {
        expect(slownessAt(model, Math.max(a, b))).toBeGreaterThanOrEqual(slownessAt(model, Math.min(a, b)));
      }),
    );
  });

  test("settles where readers ask for just what makes it so slow, and never serves more than it can", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 0, max: 1_900 }), (eager, others) => {
        const demand = (slowness: number): number => eager / slowness;
        const slowness = settledSlowness(model, demand, others);
        const load = demand(slowness) + others;
        expect(load).toBeLessThan(Math.max(2_000, others + 20));
        expect(slownessAt(model, load)).toBeLessThanOrEqual(slowness * 1.000_1);
      }),
    );
  });
});
