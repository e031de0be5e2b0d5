import { setImmediate } from "node:timers/promises";
import { SimTime } from "../../src/simulate/sim-time.ts";

/** Simulated time as tests use it: a turn of the event loop settles every promise that can settle. */
export function simTime(): SimTime {
  return new SimTime(() => setImmediate());
}
