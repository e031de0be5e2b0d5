import { expect, test } from "vitest";
import { ReadLatency } from "./read-latency.ts";

test("the 95th percentile is that of what was counted since it was last asked for, to 6 %", () => {
  const latency = new ReadLatency(new SharedArrayBuffer(ReadLatency.byteLength));
  expect(latency.takeP95Ms()).toBeNull();
  for (let at = 1; at <= 100; at += 1) latency.add(at);
  const p95 = latency.takeP95Ms() ?? 0;
  expect(p95).toBeGreaterThanOrEqual(95);
  expect(p95).toBeLessThan(95 * 1.06);
  expect(latency.takeP95Ms()).toBeNull();
});

test("what two threads count is counted once each, and nothing is too short or too long to be counted", () => {
  const buffer = new SharedArrayBuffer(ReadLatency.byteLength + 8);
  const [one, other] = [new ReadLatency(buffer, 8), new ReadLatency(buffer, 8)];
  one.add(0);
  expect(other.takeP95Ms()).toBeCloseTo(0.1);
  expect(one.takeP95Ms()).toBeNull();
  other.add(1e9);
  expect(one.takeP95Ms()).toBeGreaterThan(100_000);
});
