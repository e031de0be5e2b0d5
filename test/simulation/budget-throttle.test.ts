/**
 * A source that gets slower the more is asked of it, on simulated time: the fleet's own reads tell it, the real throttle
 * takes lanes back, and gives them again when others ask less.
 */
import { expect, test } from "vitest";
import { throttle } from "../../src/coordinator/throttle.ts";
import { limitReads } from "../../src/decorators/rate-limit.ts";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import type { BudgetStore } from "../../src/ports/budget.ts";
import type { ReadBudget, Source } from "../../src/ports/source.ts";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import { BudgetKeeper } from "../../src/worker/budget-keeper.ts";
import { jobSpec } from "../conformance/store-player.ts";
import { SimProcess } from "../../src/simulate/sim-process.ts";
import type { SimTime } from "../../src/simulate/sim-time.ts";
import { simTime } from "./sim-clock.ts";

const never = new AbortController().signal;
const minuteMs = 60_000;
const workers = 4;
const thresholdMs = 200;
const readsOfChunk = 40;

/** A read takes longer the more of them there are; others' count too. */
class BusySource {
  readonly #time: SimTime;
  readonly #process: SimProcess;
  active = 0;
  outside = 0;
  /** Reads that have ended. */
  served = 0;

  constructor(time: SimTime) {
    this.#time = time;
    this.#process = new SimProcess("source", time);
  }

  latencyMs(): number {
    return 10 * (this.active + this.outside);
  }

  async read(): Promise<void> {
    this.active += 1;
    await this.#process.clock.sleep(this.latencyMs() + (this.#time.monotonicMs() % 7));
    this.active -= 1;
    this.served += 1;
  }
}

function budgetOf(limit: SharedLimit, process: SimProcess): ReadBudget {
  const budgets: ReadBudget[] = [];
  const plain = {
    read: ({ budget }: { readonly budget: ReadBudget }) => {
      budgets.push(budget);
      return (async function* () {})();
    },
  } as unknown as Source;
  limitReads(plain, limit, process.clock).read({} as never, never);
  return budgets[0] as ReadBudget;
}

/** Runs as many of its lanes as it may. */
function runWorker(
  name: string,
  jobId: string,
  parts: { time: SimTime; budget: BudgetStore; source: BusySource; lanesEach: number; hasWork: () => boolean },
): void {
  const { time, budget, source, lanesEach, hasWork } = parts;
  const process = new SimProcess(name, time);
  const limit = new SharedLimit(new SharedArrayBuffer(SharedLimit.byteLength));
  let allowed = lanesEach;
  let running = 0;
  new BudgetKeeper({ budget, clock: process.clock, worker: name, onError: (error) => expect(error).toBeNull() }).hold({
    jobId,
    gate: limit,
    lanes: () => ({ wanted: lanesEach, needed: hasWork() ? lanesEach : 0, running }),
    slowDowns: () => 0,
    onLanes: (lanes) => (allowed = lanes ?? lanesEach),
  });
  const lane = async (): Promise<void> => {
    const reads = budgetOf(limit, process);
    for (;;) {
      if (running >= allowed || !hasWork()) {
        await process.clock.sleep(100);
        continue;
      }
      running += 1;
      // A lane that has begun a chunk keeps it.
      for (let read = 0; read < readsOfChunk; read += 1) {
        using pending = await reads.request(2 ** 20, never);
        await source.read();
        pending.answered();
      }
      running -= 1;
    }
  };
  for (let count = 0; count < lanesEach; count += 1) void lane();
}

interface Throttled {
  readonly time: SimTime;
  readonly budget: BudgetStore;
  readonly source: BusySource;
}

async function throttledFleet(
  lanesEach: number,
  limitBytesPerSecond: number | null,
  hasWork: (worker: number) => boolean = () => true,
): Promise<Throttled> {
  const time = simTime();
  const { clock } = new SimProcess("coordinator", time);
  const { store, budget } = await openSqliteState({ path: ":memory:", clock, newJobId: () => "job-1" });
  const thresholds = [{ type: "read_latency", name: "slow", above: thresholdMs } as const];
  const limits = { production: false, statedPeakBytesPerSecond: null, limitBytesPerSecond, timetable: null };
  await budget.putSource({ id: "archive", location: "file:///source", ...limits, thresholds });
  await store.createJob({ ...jobSpec(), source: "file:///source" });
  const source = new BusySource(time);
  for (let worker = 1; worker <= workers; worker += 1)
    runWorker(`worker-${worker}`, "job-1", { time, budget, source, lanesEach, hasWork: () => hasWork(worker) });
  void throttle({
    budget,
    signals: { read: () => Promise.reject(new Error("there is none")) },
    clock,
    onError: (error) => expect(error).toBeNull(),
    signal: never,
  });
  return { time, budget, source };
}

test("a fleet backs off from a source that gets slow, and takes its lanes again when it is quick", async () => {
  const lanesEach = 4;
  const { time, budget, source } = await throttledFleet(lanesEach, null);
  const lanes = async (): Promise<number | null> => (await budget.source("archive")).lanesAllowed;

  await time.runFor(2 * minuteMs);
  expect(await lanes(), "160 ms are well").toBeNull();
  source.outside = 16;
  await time.runFor(2 * minuteMs);
  const afterStorm = await lanes();
  expect(afterStorm).toBeLessThanOrEqual(4);
  expect(source.active).toBeLessThanOrEqual(4);
  expect(source.latencyMs()).toBeLessThanOrEqual(thresholdMs);
  await time.runFor(3 * minuteMs);
  expect(await lanes(), "one cut for one cause, and no more").toBe(afterStorm);

  source.outside = 0;
  await time.runFor(10 * minuteMs);
  const recovering = (await lanes()) ?? 0;
  expect(recovering - (afterStorm ?? 0)).toBeGreaterThanOrEqual(2);
  expect(recovering - (afterStorm ?? 0)).toBeLessThanOrEqual(3);
  const whys = (await budget.history("archive", 1_000)).map(({ why }) => why).filter((why) => why !== "minute");
  expect(whys[0]).toBe("one more lane after five quiet minutes");
  expect(whys.filter((why) => why.startsWith("lanes halved: slow: reads take")).length).toBeGreaterThanOrEqual(2);
  await time.runFor(80 * minuteMs);
  expect(await lanes(), "all of them again").toBeNull();
  expect(source.active).toBeGreaterThanOrEqual(workers * lanesEach - 2);
});

for (const limitBytesPerSecond of [null, 500 * 2 ** 20])
  test(`lanes that have begun and may not read now keep nobody from reading (limit ${limitBytesPerSecond})`, async () => {
    const { time, budget, source } = await throttledFleet(1, limitBytesPerSecond);
    source.outside = 20;
    await time.runFor(2 * minuteMs);
    expect((await budget.source("archive")).lanesAllowed).toBe(1);
    for (let minute = 0; minute < 10; minute += 1) {
      const before = source.served;
      await time.runFor(minuteMs);
      expect(source.served - before, `in minute ${minute}`).toBeGreaterThan(100);
    }
  });

test("workers that have nothing to read keep no lane from the one that has", async () => {
  let isLast = false;
  const { time, budget, source } = await throttledFleet(1, null, (worker) => !isLast || worker === 1);
  source.outside = 20;
  await time.runFor(2 * minuteMs);
  expect((await budget.source("archive")).lanesAllowed).toBe(1);
  isLast = true;
  await time.runFor(minuteMs);
  for (let minute = 0; minute < 10; minute += 1) {
    const before = source.served;
    await time.runFor(minuteMs);
    expect(source.served - before, `in minute ${minute}`).toBeGreaterThan(200);
  }
  isLast = false;
  await time.runFor(12 * minuteMs);
  const shares = await budget.grants("archive");
  expect(
    shares.map(({ lanesWanted }) => lanesWanted),
    "all have work again",
  ).toEqual([1, 1, 1, 1]);
});
