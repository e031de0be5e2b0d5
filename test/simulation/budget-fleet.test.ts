/**
 * Invariant 6 on simulated time: four workers with real keepers, gates and lanes on one Store, and a source that counts
 * what is read of it, every second of it, whatever happens to them.
 */
import { describe, expect, test } from "vitest";
import { limitReads } from "../../src/decorators/rate-limit.ts";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import type { SourceLimits } from "../../src/model/budget.ts";
import { type JobTerms, usualTerms } from "../../src/model/job.ts";
import type { BudgetStore } from "../../src/ports/budget.ts";
import type { ReadBudget, Source } from "../../src/ports/source.ts";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import { BudgetKeeper } from "../../src/worker/budget-keeper.ts";
import { budgeted, type BudgetedStore } from "../conformance/budgeted-store.ts";
import { jobSpec } from "../conformance/store-player.ts";
import { Random } from "../../src/simulate/random.ts";
import { SimProcess } from "../../src/simulate/sim-process.ts";
import type { SimTime } from "../../src/simulate/sim-time.ts";
import { simTime } from "./sim-clock.ts";

const MB = 1_000_000;
const cap = 50 * MB;
const never = new AbortController().signal;

const source: SourceLimits = {
  id: "archive",
  location: "file:///source",
  production: true,
  statedPeakBytesPerSecond: null,
  limitBytesPerSecond: cap,
  timetable: null,
  thresholds: [],
};

interface Read {
  readonly atMs: number;
  readonly bytes: number;
  readonly worker: string;
}

class Fleet {
  readonly time = simTime();
  readonly reads: Read[] = [];
  readonly workers: Worker[] = [];
  /** The Store answers. */
  isUp = true;
  readonly store: BudgetedStore;
  readonly random: Random;

  private constructor(store: BudgetedStore, time: SimTime, seed: number) {
    this.store = store;
    this.time = time;
    this.random = new Random(seed);
  }

  static async open(seed = 1): Promise<Fleet> {
    const time = simTime();
    const { clock } = new SimProcess("store", time);
    let jobs = 0;
    const store = budgeted(await openSqliteState({ path: ":memory:", clock, newJobId: () => `job-${(jobs += 1)}` }));
    await store.budget.putSource(source);
    return new Fleet(store, time, seed);
  }

  async job(terms: Partial<JobTerms> = {}): Promise<string> {
    const spec = { ...jobSpec(), source: "file:///source" };
    return (await this.store.createJob(spec, { ...usualTerms, ...terms })).id;
  }

  worker(jobId: string, options: WorkerOptions = {}): Worker {
    const worker = new Worker(this, `worker-${this.workers.length + 1}`, { jobId, ...options });
    this.workers.push(worker);
    return worker;
  }

  async run(ms: number): Promise<void> {
    await this.time.runFor(ms);
  }

  total(fromMs: number, toMs: number, worker?: Worker): number {
    return this.reads.reduce((sum, read) => {
      const counts = read.atMs >= fromMs && read.atMs < toMs && (worker === undefined || read.worker === worker.name);
      return sum + (counts ? read.bytes : 0);
    }, 0);
  }

  /** The most that was read in any second that begins in that time. */
  worstSecond(fromMs = 0, toMs = Infinity): number {
    let worst = 0;
    let sum = 0;
    let last = 0;
    for (const { atMs, bytes } of this.reads) {
      while (last < this.reads.length && (this.reads[last] as Read).atMs < atMs + 1_000) {
        sum += (this.reads[last] as Read).bytes;
        last += 1;
      }
      if (atMs >= fromMs && atMs < toMs) worst = Math.max(worst, sum);
      sum -= bytes;
    }
    return worst;
  }
}

interface WorkerOptions {
  readonly lanes?: number;
  /** What a lane does between two reads, at most. */
  readonly workMs?: number;
}

class Worker {
  readonly name: string;
  readonly process: SimProcess;
  lanesAllowed: number | null = null;
  /** From the Store: requests and answers are lost. */
  isCut = false;
  readonly #fleet: Fleet;
  readonly #limit = new SharedLimit(new SharedArrayBuffer(SharedLimit.byteLength));
  readonly #release: () => Promise<void>;
  readonly errors: unknown[] = [];

  constructor(
    fleet: Fleet,
    name: string,
    { jobId, lanes = 4, workMs = 8 }: WorkerOptions & { readonly jobId: string },
  ) {
    this.#fleet = fleet;
    this.name = name;
    this.process = new SimProcess(name, fleet.time);
    const keeper = new BudgetKeeper({
      budget: this.#reached(fleet.store.budget),
      clock: this.process.clock,
      worker: name,
      onError: (error) => this.errors.push(error),
    });
    const { release } = keeper.hold({
      jobId,
      gate: this.#limit,
      lanes: () => ({ wanted: lanes, needed: lanes, running: lanes }),
      slowDowns: () => 0,
      onLanes: (allowed) => (this.lanesAllowed = allowed),
    });
    this.#release = release;
    for (let lane = 0; lane < lanes; lane += 1) void this.#read(workMs);
  }

  release(): Promise<void> {
    return this.#release();
  }

  /** Over a network that takes its time, both ways, and is sometimes cut. */
  #reached(budget: BudgetStore): Pick<BudgetStore, "grant" | "release"> {
    const { random, time } = this.#fleet;
    const hop = async (): Promise<void> => {
      await new Promise<void>((resolve) => void time.after(random.between(1, 40), resolve));
      await this.process.pass();
      if (!this.#fleet.isUp || this.isCut) throw new Error("the Store does not answer");
    };
    return {
      grant: async (request) => {
        await hop();
        const grant = await budget.grant(request);
        await hop();
        return grant;
      },
      release: async (worker, jobId) => {
        await hop();
        await budget.release(worker, jobId);
      },
    };
  }

  async #read(workMs: number): Promise<void> {
    const { time, reads, random } = this.#fleet;
    const { clock } = this.process;
    const budgets: ReadBudget[] = [];
    const plain = {
      read: ({ budget }: { readonly budget: ReadBudget }) => {
        budgets.push(budget);
        return (async function* () {})();
      },
    } as unknown as Source;
    limitReads(plain, this.#limit, clock).read({} as never, never);
    const budget = budgets[0] as ReadBudget;
    for (;;) {
      const bytes = budget.stepBytes(2 ** 20);
      {
        using pending = await budget.request(bytes, never);
        await this.process.pass();
        reads.push({ atMs: time.monotonicMs(), bytes, worker: this.name });
        pending.answered();
      }
      await clock.sleep(random.chance(2) ? 10 * workMs : random.below(workMs + 1));
    }
  }
}

describe("four workers on a source with a cap", () => {
  test("read no more than 1.05 of it in any second, and 0.95 of it on average, from the first second on", async () => {
    const fleet = await Fleet.open();
    const job = await fleet.job();
    const workers = [1, 2, 3, 4].map(() => fleet.worker(job));
    await fleet.run(61_000);
    expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
    expect(fleet.total(0, 60_000)).toBeGreaterThanOrEqual(0.95 * 60 * cap);
    const late = workers.map((worker) => fleet.total(30_000, 60_000, worker) / (30 * cap));
    for (const share of late) expect(share).toBeCloseTo(0.25, 1);
    expect(Math.max(...fleet.reads.filter(({ atMs }) => atMs > 30_000).map(({ bytes }) => bytes))).toBeLessThanOrEqual(
      0.0101 * (cap / 4),
    );
  });

  for (const seed of [2, 3, 4, 5, 6, 7]) {
    test(`whatever becomes of them (seed ${seed})`, async () => {
      const fleet = await Fleet.open(seed);
      const jobs = [await fleet.job({ priority: "high" }), await fleet.job({ priority: "low" }), await fleet.job()];
      const random = new Random(seed * 1_000);
      for (let worker = 0; worker < 4; worker += 1) fleet.worker(random.pick(jobs));
      for (let turn = 0; turn < 25; turn += 1) {
        await fleet.run(random.between(500, 12_000));
        const worker = random.pick(fleet.workers);
        switch (random.below(6)) {
          case 0:
            worker.process.kill();
            fleet.worker(random.pick(jobs));
            break;
          case 1:
            worker.process.stop(random.between(100, 60_000));
            break;
          case 2:
            worker.isCut = !worker.isCut;
            break;
          case 3:
            void worker.release();
            fleet.worker(random.pick(jobs));
            break;
          default:
            worker.isCut = false;
        }
      }
      for (const each of fleet.workers) each.isCut = false;
      await fleet.run(90_000);
      const nowMs = fleet.time.monotonicMs();
      expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
      expect(fleet.total(nowMs - 31_000, nowMs - 1_000)).toBeGreaterThanOrEqual(0.95 * 30 * cap);
    });
  }

  test("that are late when their share shrinks read nothing on top of what the others get", async () => {
    for (const lanes of [2, 4])
      for (let offsetMs = 0; offsetMs <= 320; offsetMs += 20) {
        const fleet = await Fleet.open(3);
        const first = fleet.worker(await fleet.job({ priority: "high" }), { lanes });
        await fleet.run(10_000);
        fleet.worker(await fleet.job({ priority: "low" }), { lanes });
        await fleet.run(lanes === 2 ? 1_000 + offsetMs : offsetMs);
        first.process.stop(300);
        await fleet.run(4_000);
        expect(fleet.worstSecond(), `${lanes} lanes, ${offsetMs} ms`).toBeLessThanOrEqual(1.05 * cap);
      }
  });

  test("stop within a grant's life when the Store is gone, and go on when it is back", async () => {
    const fleet = await Fleet.open();
    const job = await fleet.job();
    for (let worker = 0; worker < 4; worker += 1) fleet.worker(job);
    await fleet.run(40_000);
    fleet.isUp = false;
    await fleet.run(30_000);
    const stoppedAtMs = fleet.time.monotonicMs();
    await fleet.run(120_000);
    expect(fleet.total(stoppedAtMs, fleet.time.monotonicMs())).toBe(0);
    fleet.isUp = true;
    const backAtMs = fleet.time.monotonicMs();
    await fleet.run(30_000);
    expect(fleet.total(backAtMs + 5_000, backAtMs + 30_000)).toBeGreaterThanOrEqual(0.95 * 25 * cap);
    expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
  });

  test("follow a lowered cap within a grant's life, and a raised one", async () => {
    const fleet = await Fleet.open();
    const job = await fleet.job();
    for (let worker = 0; worker < 4; worker += 1) fleet.worker(job);
    await fleet.run(40_000);
    await fleet.store.budget.putSource({ ...source, limitBytesPerSecond: cap / 5 });
    await fleet.run(60_000);
    expect(fleet.worstSecond(70_000, 99_000)).toBeLessThanOrEqual(1.05 * (cap / 5));
    expect(fleet.total(70_000, 100_000)).toBeGreaterThanOrEqual(0.95 * 30 * (cap / 5));
    await fleet.store.budget.putSource({ ...source, limitBytesPerSecond: cap });
    await fleet.run(61_000);
    expect(fleet.total(120_000, 150_000)).toBeGreaterThanOrEqual(0.95 * 30 * cap);
    expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
  });

  test("keep to a timetable to the second", async () => {
    const fleet = await Fleet.open();
    const startMs = fleet.time.now();
    const minutes = (ms: number): string => new Date(startMs + ms).toISOString().slice(11, 16);
    const nextMs = Math.ceil(startMs / 60_000) * 60_000 - startMs + 60_000;
    const timetable = { timeZone: "UTC", lines: [`${minutes(nextMs)}-${minutes(nextMs + 120_000)} 5MB/s`] };
    await fleet.store.budget.putSource({ ...source, timetable });
    const job = await fleet.job();
    for (let worker = 0; worker < 4; worker += 1) fleet.worker(job);
    await fleet.run(nextMs + 200_000);
    expect(fleet.worstSecond(nextMs, nextMs + 119_000)).toBeLessThanOrEqual(1.05 * 5 * MB);
    expect(fleet.total(nextMs + 30_000, nextMs + 110_000)).toBeGreaterThanOrEqual(0.95 * 80 * 5 * MB);
    expect(fleet.total(nextMs + 150_000, nextMs + 180_000)).toBeGreaterThanOrEqual(0.95 * 30 * cap);
    expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
  });

  test("share it nine to one between a high job and a low one, and the low one takes what the high one leaves", async () => {
    const fleet = await Fleet.open();
    const [high, low] = [await fleet.job({ priority: "high" }), await fleet.job({ priority: "low" })];
    const eager = [fleet.worker(high), fleet.worker(high)];
    const patient = [fleet.worker(low), fleet.worker(low)];
    const shareOf = (workers: readonly Worker[], fromMs: number): number =>
      workers.reduce((sum, worker) => sum + fleet.total(fromMs, fromMs + 30_000, worker), 0) / (30 * cap);
    await fleet.run(61_000);
    expect(shareOf(eager, 30_000)).toBeCloseTo(0.9, 1);
    expect(shareOf(patient, 30_000)).toBeCloseTo(0.1, 1);
    for (const worker of eager) worker.process.kill();
    await fleet.run(100_000);
    expect(shareOf(patient, 120_000)).toBeGreaterThanOrEqual(0.95);
  });

  test("leave to others what they cannot use, and get it back when they can", async () => {
    const fleet = await Fleet.open();
    const job = await fleet.job();
    // Each of its lanes does something else for most of the time.
    const slow = fleet.worker(job, { lanes: 1, workMs: 200 });
    const others = [1, 2, 3].map(() => fleet.worker(job));
    await fleet.run(121_000);
    const used = fleet.total(60_000, 120_000, slow);
    expect(used).toBeLessThan(0.1 * 60 * cap);
    const theirs = others.reduce((sum, worker) => sum + fleet.total(60_000, 120_000, worker), 0);
    expect(theirs + used).toBeGreaterThanOrEqual(0.9 * 60 * cap);
    expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
  });

  test("do not wait long for one that came a moment earlier and reads next to nothing, as a listing does", async () => {
    const fleet = await Fleet.open();
    const job = await fleet.job();
    fleet.worker(job, { lanes: 0 });
    await fleet.run(500);
    for (let worker = 0; worker < 4; worker += 1) fleet.worker(job);
    await fleet.run(61_000);
    expect(fleet.total(0, 60_000)).toBeGreaterThanOrEqual(0.95 * 60 * cap);
    expect(fleet.worstSecond()).toBeLessThanOrEqual(1.05 * cap);
  });
});
