import { expect, test } from "vitest";
import { simTime } from "../../test/simulation/sim-clock.ts";
import { Pump } from "./pump.ts";
import { SimGate } from "./sim-gate.ts";

const never = new AbortController().signal;

/** One lane that could read 1,000 bytes a second. */
function rig() {
  const time = simTime();
  let isHeldUp = false;
  const gate: SimGate = new SimGate({
    time,
    onChange: () => pump.retune(),
    settle: () => pump.retune(),
    latencyMs: () => 5,
    wanting: () => pump.streams,
  });
  const share = (): number => gate.holds(time.monotonicMs()) ?? Infinity;
  const pump: Pump = new Pump({
    time,
    bytesPerSecond: () => {
      isHeldUp = share() < 1_000;
      return Math.min(1_000, share());
    },
    onFlowed: (bytes) => gate.read(bytes, isHeldUp),
    onRate: () => undefined,
  });
  void pump.flow(1_000_000, never);
  return { time, gate, pump };
}

test("what flows without an event counts as used, so that a share which is used is asked for again", async () => {
  const { time, gate } = rig();
  gate.open(5_000, time.monotonicMs() + 30_000, time.monotonicMs());
  await time.runFor(10_000);
  expect(gate.takeUsage()).toEqual({ bytes: 10_000, waitedBytes: 0, waiting: 0 });
  expect(gate.takeP95Ms()).toBe(5);
  gate.open(100, time.monotonicMs() + 30_000, time.monotonicMs());
  gate.takeUsage();
  await time.runFor(10_000);
  expect(gate.takeUsage()).toEqual({ bytes: 1_000, waitedBytes: 1_000, waiting: 0 });
});

test("a share that runs out, or is closed, lets nothing flow, and who waits is told of", async () => {
  const { time, gate, pump } = rig();
  gate.open(null, time.monotonicMs() + 30_000, time.monotonicMs());
  await time.runFor(60_000);
  expect(gate.takeUsage()).toEqual({ bytes: 30_000, waitedBytes: 0, waiting: 1 });
  expect(pump.rate).toBe(0);
  expect(gate.takeP95Ms()).toBe(5);
  await time.runFor(60_000);
  expect(gate.takeUsage()).toEqual({ bytes: 0, waitedBytes: 0, waiting: 1 });
  expect(gate.takeP95Ms()).toBeNull();
  gate.open(10, time.monotonicMs() + 30_000, time.monotonicMs());
  await time.runFor(10_000);
  gate.close(time.monotonicMs());
  await time.runFor(10_000);
  expect(gate.takeUsage().bytes).toBe(100);
});
