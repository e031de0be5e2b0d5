import { expect, test } from "vitest";
import { addCounters, type Counters } from "./job.ts";
import { costsOf, Meter } from "./meter.ts";

/** A lane that reads a MiB whenever somebody looks. */
class BusyMeter extends Meter {
  looks = 0;
  override read(name: "sourceBytesRead" | "targetBytesWritten" | "targetBytesRead" | "retries"): number {
    const value = super.read(name);
    if (name === "sourceBytesRead") {
      this.looks += 1;
      this.add(name, 2 ** 20);
    }
    return value;
  }
}

test("each byte is told once, though the lane reads on while it is asked", () => {
  const meter = new BusyMeter();
  const cost = costsOf(meter);
  let told: Counters = {};
  for (let times = 0; times < 10; times += 1) told = addCounters(told, cost());
  expect(meter.looks).toBe(10);
  expect(told.sourceBytesRead).toBe(9 * 2 ** 20);
});
