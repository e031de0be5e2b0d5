import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LoadMeter } from "./load-meter.ts";

const start = 1_000_000;
const free = (): null => null;

describe("the peak of a source", () => {
  test("in a second is what a second held, not what a moment did", () => {
    const meter = new LoadMeter(start, free);
    meter.add(start, start + 10_000, 10_000);
    meter.add(start + 10_000, start + 10_500, 5_000);
    meter.add(start + 10_500, start + 80_000, 0);
    expect(meter.peakSecond.bytesPerSecond).toBeCloseTo(5_500, 0);
    expect(meter.peakMinute.bytesPerSecond).toBeCloseTo(15_000 / 60, 0);
    expect(meter.totalBytes).toBe(15_000);
  });

  test("is held to the highest cap of its window", () => {
    const cap = (at: number): number => (at < start + 10_000 ? 2_000 : 1_000);
    const meter = new LoadMeter(start, cap);
    meter.add(start, start + 10_000, 20_000);
    meter.add(start + 10_000, start + 70_000, 60_000);
    expect(meter.peakSecond.ofCap).toBeCloseTo(1, 6);
    meter.add(start + 70_000, start + 71_000, 1_500);
    meter.advance(start + 140_000);
    expect(meter.peakSecond.ofCap).toBeCloseTo(1.5, 6);
  });

  test("is the same for a steady day that is not walked through", () => {
    const dayMs = 24 * 3_600_000;
    const meter = new LoadMeter(start, free);
    meter.addSteady(start, start + dayMs, 700);
    meter.add(start + dayMs, start + dayMs + 1_000, 900);
    meter.advance(start + dayMs + 2_000);
    expect(meter.peakSecond.bytesPerSecond).toBeCloseTo(900, 3);
    expect(meter.peakMinute.bytesPerSecond).toBeLessThan(704);
    expect(meter.totalBytes).toBeCloseTo(700 * 86_400 + 900, 3);
  });

  test("loses no byte, and no window holds more than was read", () => {
    const piece = fc.tuple(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 10_000 }));
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 40 }), (pieces) => {
        const meter = new LoadMeter(start, free);
        let at = start;
        let total = 0;
        for (const [ms, bytes] of pieces) {
          meter.add(at, at + ms, bytes);
          at += ms;
          total += bytes;
        }
        meter.advance(at + 61_000);
        expect(meter.totalBytes).toBe(total);
        expect(meter.peakSecond.bytesPerSecond).toBeLessThanOrEqual(total + 1e-6);
        expect(meter.peakMinute.bytesPerSecond).toBeLessThanOrEqual(meter.peakSecond.bytesPerSecond + 1e-6);
        expect(60 * meter.peakMinute.bytesPerSecond).toBeGreaterThanOrEqual(
          total * Math.min(1, 59_000 / (at - start)) * 0.999 - 1e-6,
        );
      }),
    );
  });
});
