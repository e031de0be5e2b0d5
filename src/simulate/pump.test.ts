import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { simTime } from "../../test/simulation/sim-clock.ts";
import { Pump } from "./pump.ts";

const never = new AbortController().signal;

function pumpOf(bytesPerSecond: (streams: number) => number) {
  const time = simTime();
  const seen = { flowed: 0, rate: 0 };
  const pump = new Pump({
    time,
    bytesPerSecond,
    onFlowed: (bytes) => (seen.flowed += bytes),
    onRate: (change) => (seen.rate += change),
  });
  return { time, pump, seen };
}

describe("streams of a pump", () => {
  test("share its rate in equal parts, and the rest is faster when one has ended", async () => {
    const { time, pump } = pumpOf(() => 1_000);
    const ends: [string, number][] = [];
    const flow = (name: string, bytes: number): void =>
      void pump.flow(bytes, never).done.then(() => ends.push([name, time.monotonicMs()]));
    flow("short", 1_000);
    flow("long", 3_000);
    await time.runFor(10_000);
    expect(ends).toEqual([
      ["short", 2_000],
      ["long", 4_000],
    ]);
  });

  test("stand still at rate 0, and go on when there is one again", async () => {
    let rate = 0;
    const { time, pump } = pumpOf(() => rate);
    const { done, left } = pump.flow(1_000, never);
    let isDone = false;
    void done.then(() => (isDone = true));
    await time.runFor(5_000);
    expect(left()).toBe(1_000);
    rate = 500;
    pump.retune();
    await time.runFor(1_000);
    expect(left()).toBe(500);
    await time.runFor(1_001);
    expect(isDone).toBe(true);
    expect(pump.rate).toBe(0);
  });

  test("keep what has flowed when one is aborted", async () => {
    const { time, pump, seen } = pumpOf(() => 1_000);
    const stop = new AbortController();
    const { done, left } = pump.flow(10_000, stop.signal);
    const failed = done.then(
      () => null,
      (error: unknown) => error,
    );
    await time.runFor(4_000);
    stop.abort(new Error("enough"));
    expect(await failed).toEqual(new Error("enough"));
    expect(left()).toBe(6_000);
    await time.runFor(4_000);
    expect(left()).toBe(6_000);
    expect(seen.flowed).toBe(4_000);
    expect(seen.rate).toBe(0);
  });

  test("end with all their bytes, whenever they begin", async () => {
    const begin = fc.record({ afterMs: fc.nat(3_000), bytes: fc.integer({ min: 1, max: 100_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(begin, { minLength: 1, maxLength: 8 }), async (begins) => {
        const { time, pump, seen } = pumpOf((streams) => 10_000 * Math.min(streams, 3));
        let ended = 0;
        let total = 0;
        for (const { afterMs, bytes } of begins) {
          await time.runFor(afterMs);
          total += bytes;
          void pump.flow(bytes, never).done.then(() => (ended += 1));
        }
        await time.runFor(1_000_000);
        expect(ended).toBe(begins.length);
        expect(seen.flowed).toBeGreaterThan(total - begins.length);
        expect(seen.flowed).toBeLessThan(total + begins.length);
        expect(seen.rate).toBeCloseTo(0, 6);
      }),
      { numRuns: 30 },
    );
  });
});
