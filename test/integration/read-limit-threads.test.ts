/** A limit that is set in one thread and waited for in others. */
import { Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import { systemClock } from "../../src/platform/clock.ts";

const MB = 1_000_000;
const threads: Worker[] = [];

afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
});

interface Lanes {
  readonly limit: SharedLimit;
  /** When one of them was let through, by the clock that all threads share. */
  readonly passes: number[];
}

async function lanes(count: number, bytes: number): Promise<Lanes> {
  const buffer = new SharedArrayBuffer(SharedLimit.byteLength);
  const limit = new SharedLimit(buffer);
  limit.close(systemClock.monotonicMs());
  const passes: number[] = [];
  await Promise.all(
    Array.from({ length: count }, () => {
      const thread = new Worker(new URL("../testbed/limit-thread.ts", import.meta.url), {
        workerData: { buffer, bytes },
      });
      threads.push(thread);
      return new Promise<void>((resolve, reject) => {
        thread.on("error", reject);
        thread.on("message", (message: "waits" | number) => {
          if (message === "waits") resolve();
          else passes.push(message);
        });
      });
    }),
  );
  return { limit, passes };
}

test("threads that wait at a closed gate are woken when it opens, and none passes its end", async () => {
  const { limit, passes } = await lanes(3, 50_000);
  await expect.poll(() => limit.takeUsage().waiting).toBe(3);
  expect(passes).toEqual([]);
  const openedAtMs = systemClock.monotonicMs();
  limit.open(10 * MB, openedAtMs + 1_500, openedAtMs);
  await expect.poll(() => limit.holds(systemClock.monotonicMs()), { timeout: 5_000 }).toBe(0);
  await expect.poll(() => limit.takeUsage().waiting).toBe(3);
  expect(Math.min(...passes) - openedAtMs).toBeLessThan(500);
  expect(Math.max(...passes)).toBeLessThan(openedAtMs + 1_500);
  const again = passes.length;
  const reopenedAtMs = systemClock.monotonicMs();
  limit.open(10 * MB, reopenedAtMs + 60_000, reopenedAtMs);
  await expect.poll(() => passes.length, { timeout: 5_000 }).toBeGreaterThan(again);
});

test("in no second do several threads read more than 1.05 of the limit, and they use it", async () => {
  const bytes = 50_000;
  const { limit, passes } = await lanes(4, bytes);
  await expect.poll(() => limit.takeUsage().waiting).toBe(4);
  const openedAtMs = systemClock.monotonicMs();
  limit.open(5 * MB, openedAtMs + 5_000, openedAtMs);
  await expect.poll(() => limit.holds(systemClock.monotonicMs()), { timeout: 10_000 }).toBe(0);
  await expect.poll(() => limit.takeUsage().waiting).toBe(4);
  const sorted = passes.toSorted((a, b) => a - b);
  const worst = Math.max(...sorted.map((atMs) => sorted.filter((one) => one >= atMs && one < atMs + 1_000).length));
  expect(worst * bytes).toBeLessThanOrEqual(1.05 * 5 * MB);
  // Another machine's load may take some of it: a tenth is left for that.
  expect(sorted.length * bytes).toBeGreaterThanOrEqual(0.9 * 25 * MB);
});
