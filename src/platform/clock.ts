import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../ports/clock.ts";

/**
 * The machine's own clock: the only place besides connectors and `cli` that asks for the time. `monotonicMs` has the
 * same start in every thread of a process, so that lanes can share a limit.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000 + nanoseconds / 1_000_000;
  },
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
