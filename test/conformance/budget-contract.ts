/** What every engine promises of sources, grants, the throttle and the history of a budget. */
import { describe, expect, test } from "vitest";
import { calmMs, reactionMs } from "../../src/model/aimd.ts";
import type { SourceLimits } from "../../src/model/budget.ts";
import { type JobTerms, priorities, usualTerms } from "../../src/model/job.ts";
import { grantMs, grantMsOfWorker } from "../../src/model/shares.ts";
import type { BudgetedStore } from "./budgeted-store.ts";
import type { BudgetStore, Grant, GrantRequest } from "../../src/ports/budget.ts";
import { Random } from "../../src/simulate/random.ts";
import type { Rig } from "./store-contract.ts";
import { jobSpec, type ManualClock } from "./store-player.ts";

const MB = 1_000_000;
const minuteMs = 60_000;

const archive: SourceLimits = {
  id: "archive",
  location: "file:///source",
  production: true,
  statedPeakBytesPerSecond: null,
  limitBytesPerSecond: 100 * MB,
  timetable: null,
  thresholds: [],
};

async function jobOn(
  store: BudgetedStore,
  source = "file:///source/tree",
  terms: Partial<JobTerms> = {},
): Promise<string> {
  return (await store.createJob({ ...jobSpec(), source }, { ...usualTerms, ...terms })).id;
}

/** A process that keeps to what it was told, for as long as it may. */
class Reader {
  readonly request: GrantRequest;
  readonly #clock: ManualClock;
  #obeys: number | null = 0;
  #untilMs = 0;

  constructor(clock: ManualClock, worker: string, jobId: string, more: Partial<GrantRequest> = {}) {
    this.#clock = clock;
    this.request = {
      worker,
      jobId,
      holds: { bytesPerSecond: 0, lanes: 0 },
      wantsBytesPerSecond: null,
      lanesWanted: 4,
      readLatencyP95Ms: null,
      slowDowns: 0,
      ...more,
    };
  }

  get reads(): number | null {
    return this.#clock.nowMs < this.#untilMs ? this.#obeys : 0;
  }

  async ask(budget: BudgetStore, more: Partial<GrantRequest> = {}, isHeard = true): Promise<Grant> {
    const askedAtMs = this.#clock.nowMs;
    const grant = await budget.grant({ ...this.request, holds: { bytesPerSecond: this.reads, lanes: 0 }, ...more });
    if (isHeard) {
      this.#obeys = grant.bytesPerSecond;
      this.#untilMs = askedAtMs + grant.lifeMs;
    }
    return grant;
  }
}

function total(readers: readonly Reader[]): number {
  return readers.reduce((sum, { reads }) => sum + (reads ?? Infinity), 0);
}

export function budgetContract(make: () => Promise<Rig>): void {
  describe("sources", () => {
    sourceTests(make);
  });
  describe("grants", () => {
    grantTests(make);
  });
  describe("the throttle", () => {
    throttleTests(make);
  });
  describe("the history", () => {
    historyTests(make);
  });
}

function sourceTests(make: () => Promise<Rig>): void {
  test("are kept as they were put, and seen by other processes", async () => {
    const { store, clock, again } = await make();
    const timetable = { timeZone: "Europe/Berlin", lines: ["08:00-20:00 50MB/s"] };
    const thresholds = [{ type: "read_latency", name: "slow", above: 200 } as const];
    const full = { ...archive, statedPeakBytesPerSecond: 2_000 * MB, timetable, thresholds };
    const made = await store.budget.putSource(full);
    expect(made).toEqual({ ...full, lanesAllowed: null, createdAt: clock.nowMs, updatedAt: clock.nowMs });
    await store.budget.putSource({ ...archive, id: "a-bucket", location: "s3://bucket/", limitBytesPerSecond: MB });
    const other = (await again()).budget;
    expect((await other.sources()).map(({ id, location }) => [id, location])).toEqual([
      ["a-bucket", "s3://bucket"],
      ["archive", "file:///source"],
    ]);
    expect(await other.source("archive")).toEqual(made);
    clock.nowMs += 5;
    const changed = await other.putSource(archive);
    expect(changed).toEqual({ ...archive, lanesAllowed: null, createdAt: clock.nowMs - 5, updatedAt: clock.nowMs });
    await other.removeSource("a-bucket");
    expect((await store.budget.sources()).map(({ id }) => id)).toEqual(["archive"]);
  });

  test("that do not exist are named so; nonsense and a location that is taken are refused", async () => {
    const { budget } = (await make()).store;
    await expect(budget.source("none")).rejects.toMatchObject({ code: "source_unknown" });
    await expect(budget.removeSource("none")).rejects.toMatchObject({ code: "source_unknown" });
    await expect(budget.throttle("none", [])).rejects.toMatchObject({ code: "source_unknown" });
    await expect(budget.putSource({ ...archive, limitBytesPerSecond: -1 })).rejects.toMatchObject({
      code: "config_invalid",
    });
    await budget.putSource(archive);
    const twin = { ...archive, id: "twin", location: "file:///source/" };
    await expect(budget.putSource(twin)).rejects.toThrow("archive");
    expect(await budget.sources()).toHaveLength(1);
  });
}

function grantTests(make: () => Promise<Rig>): void {
  test("a worker gets the cap of the nearest source above its job; a job that none covers is free", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    await store.budget.putSource({
      ...archive,
      id: "deep",
      location: "file:///source/deep",
      limitBytesPerSecond: 7 * MB,
    });
    const grants = [];
    for (const place of ["file:///source/tree", "file:///source/deep/er", "file:///elsewhere"])
      grants.push(await new Reader(clock, "w", await jobOn(store, place)).ask(store.budget));
    expect(grants.map(({ sourceId, bytesPerSecond }) => [sourceId, bytesPerSecond])).toEqual([
      ["archive", 100 * MB],
      ["deep", 7 * MB],
      [null, null],
    ]);
    expect(grants.every(({ lifeMs, lanes }) => lifeMs === grantMsOfWorker && lanes === null)).toBe(true);
    await expect(new Reader(clock, "w", "none").ask(store.budget)).rejects.toMatchObject({ code: "job_unknown" });
  });

  test("the sum of what was granted is within the cap, and workers and jobs come to their parts", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    const low = await jobOn(store, "file:///source/tree", { priority: "low" });
    const high = await jobOn(store, "file:///source", { priority: "high" });
    const readers = [new Reader(clock, "w1", low), new Reader(clock, "w1", high), new Reader(clock, "w2", high)];
    for (let round = 0; round < 6; round += 1) {
      for (const reader of readers) {
        await reader.ask(store.budget);
        expect(total(readers)).toBeLessThanOrEqual(100 * MB);
      }
      clock.nowMs += 5_000;
    }
    expect(readers.map(({ reads }) => reads)).toEqual([10 * MB, 45 * MB, 45 * MB]);
    const rows = await store.budget.grants("archive");
    expect(rows.map(({ worker, jobId, bytesPerSecond }) => [worker, jobId, bytesPerSecond])).toEqual([
      ["w1", low, 10 * MB],
      ["w1", high, 45 * MB],
      ["w2", high, 45 * MB],
    ]);
  });

  test("a worker that dies keeps its share until it has run out; one that gives it back does not", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    const jobId = await jobOn(store);
    const [dead, other] = [new Reader(clock, "dead", jobId), new Reader(clock, "other", jobId)];
    await dead.ask(store.budget);
    clock.nowMs += grantMs - 1;
    expect((await other.ask(store.budget)).bytesPerSecond).toBe(0);
    clock.nowMs += 1;
    expect(await other.ask(store.budget)).toMatchObject({
      bytesPerSecond: 100 * MB,
      aim: { bytesPerSecond: 100 * MB },
    });
    await store.budget.release("other", jobId);
    await store.budget.release("other", jobId);
    expect((await dead.ask(store.budget)).bytesPerSecond).toBe(100 * MB);
  });

  test("a share whose smaller renewal was not heard counts until it was given up by name", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    const jobId = await jobOn(store);
    const [first, second] = [new Reader(clock, "a", jobId), new Reader(clock, "b", jobId)];
    await first.ask(store.budget);
    await second.ask(store.budget);
    expect((await first.ask(store.budget, {}, false)).bytesPerSecond).toBe(50 * MB);
    expect((await second.ask(store.budget)).bytesPerSecond).toBe(0);
    await first.ask(store.budget);
    await first.ask(store.budget);
    expect((await second.ask(store.budget)).bytesPerSecond).toBe(50 * MB);
  });

  test("a window of the timetable binds from its first moment, a changed limit after one life at the latest", async () => {
    const { store, clock } = await make();
    const timetable = { timeZone: "UTC", lines: ["08:00-20:00 30MB/s", "20:00-21:00 closed"] };
    await store.budget.putSource({ ...archive, timetable });
    const reader = new Reader(clock, "w", await jobOn(store));
    const at = async (time: string): Promise<number | null> => {
      clock.nowMs = Date.parse(`2027-01-20T${time}Z`);
      return (await reader.ask(store.budget)).bytesPerSecond;
    };
    expect(await at("07:59:29")).toBe(100 * MB);
    expect(await at("07:59:31")).toBe(30 * MB);
    expect(await at("19:59:40")).toBe(0);
    expect(await at("20:59:59")).toBe(0);
    expect(await at("21:00:00")).toBe(100 * MB);
    await store.budget.putSource({ ...archive, limitBytesPerSecond: 10 * MB });
    expect(await at("21:00:01")).toBe(10 * MB);
  });

  test("nothing is granted on a production source that nobody has limited", async () => {
    const { store, clock } = await make();
    await store.budget.putSource({ ...archive, limitBytesPerSecond: null });
    expect((await new Reader(clock, "w", await jobOn(store)).ask(store.budget)).bytesPerSecond).toBe(0);
  });

  test("a job's own limit holds over its workers, with or without a source", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    for (const place of ["file:///source", "file:///elsewhere"]) {
      const jobId = await jobOn(store, place, { limitBytesPerSecond: 6 * MB });
      const readers = ["a", "b", "c"].map((name) => new Reader(clock, name, jobId));
      for (let round = 0; round < 4; round += 1) {
        for (const reader of readers) await reader.ask(store.budget);
        expect(total(readers)).toBeLessThanOrEqual(6 * MB);
      }
      expect(readers.map(({ reads }) => reads)).toEqual([2 * MB, 2 * MB, 2 * MB]);
      await store.setTerms(jobId, { ...usualTerms, limitBytesPerSecond: 3 * MB });
      for (let round = 0; round < 3; round += 1) for (const reader of readers) await reader.ask(store.budget);
      expect(readers.map(({ reads }) => reads)).toEqual([MB, MB, MB]);
    }
  });

  test("a removed job leaves no grant, a removed source no cap", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    const jobId = await jobOn(store);
    await new Reader(clock, "w", jobId).ask(store.budget);
    const lead = await store.lead(jobId, "host:1:1");
    await store.setStatus(lead, "cancelled", null);
    await store.removeJob(jobId);
    expect(await store.budget.grants("archive")).toEqual([]);
    await store.budget.removeSource("archive");
    const reader = new Reader(clock, "w", await jobOn(store));
    expect((await reader.ask(store.budget)).bytesPerSecond).toBeNull();
  });

  test("whatever happens in which order, no more is read than the cap allows", async () => {
    const { store, clock, again } = await make();
    const stores = [store, await again()];
    for (let seed = 1; seed <= 4; seed += 1) {
      const random = new Random(seed);
      await store.budget.putSource(archive);
      const jobs: string[] = [];
      for (const priority of priorities) jobs.push(await jobOn(store, "file:///source", { priority }));
      const readers: Reader[] = [];
      const join = (at: number): Reader => {
        const reader = new Reader(clock, `${seed}-${at}`, random.pick(jobs));
        readers.push(reader);
        return reader;
      };
      const living = Array.from({ length: 4 }, (_, at) => join(at));
      for (let step = 0; step < 60; step += 1) {
        const at = random.below(living.length);
        const reader = living[at] as Reader;
        if (random.chance(10)) living[at] = join(step + 10);
        else if (random.chance(20)) clock.nowMs += random.between(1, 20_000);
        else if (random.chance(5))
          await store.budget.putSource({ ...archive, limitBytesPerSecond: random.between(100, 140) * MB });
        else {
          const wantsBytesPerSecond = random.chance(40) ? random.below(80) * MB : null;
          await reader.ask(random.pick(stores).budget, { wantsBytesPerSecond }, !random.chance(15));
        }
        expect(total(readers), `seed ${seed}, step ${step}`).toBeLessThanOrEqual(140 * MB);
      }
      clock.nowMs += grantMs;
    }
  });
}

function throttleTests(make: () => Promise<Rig>): void {
  const slow = { ...archive, thresholds: [{ type: "read_latency", name: "slow", above: 200 } as const] };

  async function rigOf(): Promise<
    Rig & { readonly readers: readonly Reader[]; readonly turn: (p95Ms: number) => Promise<number | null> }
  > {
    const rig = await make();
    const { store, clock } = rig;
    await store.budget.putSource(slow);
    const jobId = await jobOn(store);
    const readers = ["a", "b"].map((name) => new Reader(clock, name, jobId, { lanesWanted: 8 }));
    const turn = async (p95Ms: number): Promise<number | null> => {
      for (const [at, reader] of readers.entries())
        await reader.ask(store.budget, { readLatencyP95Ms: at === 0 ? p95Ms : 1 });
      return (await store.budget.throttle("archive", [])).lanesAllowed;
    };
    return { ...rig, readers, turn };
  }

  test("halves the lanes for the worst latency of any worker, once, whoever else looks; workers learn of it", async () => {
    const { store, clock, again, readers, turn } = await rigOf();
    expect(await turn(200)).toBeNull();
    expect(await turn(200.5)).toBe(8);
    const other = await again();
    expect((await other.budget.throttle("archive", [])).lanesAllowed).toBe(8);
    for (const reader of readers) await reader.ask(store.budget);
    const grants = await Promise.all(readers.map((reader) => reader.ask(store.budget)));
    expect(grants.map(({ lanes }) => lanes)).toEqual([4, 4]);
    clock.nowMs += reactionMs - 1;
    expect(await turn(900)).toBe(8);
    clock.nowMs += 1;
    expect(await turn(900)).toBe(4);
    const [cut] = await store.budget.history("archive", 1);
    expect(cut).toMatchObject({ lanesAllowed: 4, why: expect.stringContaining("slow: reads take 900 ms") as unknown });
  });

  test("counts the lanes of a process once, however many jobs it works on, and gives none to one without work", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    const jobs = [await jobOn(store), await jobOn(store), await jobOn(store)];
    const readers = jobs.map((jobId) => new Reader(clock, "w", jobId, { lanesWanted: 8 }));
    for (const reader of readers) await reader.ask(store.budget);
    const cpu = { name: "cpu", isAbove: true, text: "high" };
    expect((await store.budget.throttle("archive", [cpu])).lanesAllowed).toBe(4);
    const nothing = { lanesWanted: 0, wantsBytesPerSecond: 0 };
    for (const [at, reader] of [...readers, ...readers].entries())
      await reader.ask(store.budget, at % 3 === 0 ? {} : nothing);
    const grants = await Promise.all(readers.map((reader, at) => reader.ask(store.budget, at === 0 ? {} : nothing)));
    expect(grants.map(({ lanes, bytesPerSecond }) => [lanes, bytesPerSecond === 0])).toEqual([
      [4, false],
      [0, true],
      [0, true],
    ]);
  });

  test("gives lanes back one by one after five quiet minutes, also after its limits were changed", async () => {
    const { store, clock, again, turn } = await rigOf();
    expect(await turn(900)).toBe(8);
    await store.budget.putSource({ ...slow, limitBytesPerSecond: 5 * MB });
    const lanes: (number | null)[] = [await turn(1)];
    for (let minute = 0; minute < 10; minute += 1) {
      clock.nowMs += minuteMs;
      lanes.push(await turn(1));
    }
    expect(calmMs).toBe(5 * minuteMs);
    expect(lanes).toEqual([8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 10]);
    expect((await (await again()).budget.source("archive")).lanesAllowed).toBe(10);
  });

  test("reacts to answers that asked to slow down, each of them once", async () => {
    const { store, clock, readers, turn } = await rigOf();
    expect(await turn(1)).toBeNull();
    await readers[0]?.ask(store.budget, { slowDowns: 3 });
    expect((await store.budget.throttle("archive", [])).lanesAllowed).toBe(8);
    clock.nowMs += reactionMs;
    expect(await turn(1)).toBe(8);
    const [last, cut] = await store.budget.history("archive", 2);
    expect([last?.why, cut?.why]).toEqual([
      "all below their thresholds again",
      "lanes halved: slow_down: 3 answers asked to slow down",
    ]);
  });

  test("reacts to what was observed outside, and says what it was", async () => {
    const { store, turn } = await rigOf();
    await turn(1);
    const cpu = { name: "cpu", isAbove: true, text: "0.93, above 0.8" };
    const lag = { name: "lag", isAbove: false, text: "2, above 30" };
    expect((await store.budget.throttle("archive", [cpu, lag])).lanesAllowed).toBe(8);
    const gone = { name: "lag", isAbove: true, text: "cannot be read, and counts as above: no answer" };
    await store.budget.throttle("archive", [cpu, gone]);
    await store.budget.throttle("archive", [cpu, gone]);
    const whys = (await store.budget.history("archive", 10)).map(({ why }) => why);
    expect(whys).toEqual([
      "above the threshold: cpu: 0.93, above 0.8; lag: cannot be read, and counts as above: no answer",
      "lanes halved: cpu: 0.93, above 0.8",
      "first grant",
    ]);
  });
}

function historyTests(make: () => Promise<Rig>): void {
  test("has a row for each change of the cap, and one for each minute; the samples of a week", async () => {
    const { store, clock } = await make();
    await store.budget.putSource(archive);
    const start = Math.ceil(clock.nowMs / minuteMs) * minuteMs;
    clock.nowMs = start;
    const reader = new Reader(clock, "w", await jobOn(store));
    const ask = async (afterMs: number): Promise<void> => {
      clock.nowMs = start + afterMs;
      await reader.ask(store.budget);
    };
    for (const afterMs of [0, 10_000, 59_999, 60_000, 90_000]) await ask(afterMs);
    await store.budget.putSource({ ...archive, limitBytesPerSecond: 5 * MB });
    await ask(95_000);
    const rows = await store.budget.history("archive", 10);
    expect(rows.map(({ at, capBytesPerSecond, why }) => [at - start, capBytesPerSecond, why])).toEqual([
      [95_000, 5 * MB, "the cap has changed"],
      [60_000, 100 * MB, "minute"],
      [0, 100 * MB, "first grant"],
    ]);
    expect(rows[0]).toMatchObject({
      sourceId: "archive",
      grantedBytesPerSecond: 5 * MB,
      workers: 1,
      lanesAllowed: null,
    });
    await ask(8 * 24 * 60 * minuteMs);
    const kept = (await store.budget.history("archive", 10)).map(({ why }) => why);
    expect(kept).toEqual(["minute", "the cap has changed", "first grant"]);
    expect(await store.budget.history("archive", 1)).toHaveLength(1);
    await store.budget.removeSource("archive");
    expect(await store.budget.history("archive", 10)).toEqual([]);
  });
}

/** For engines that many processes write to at once. */
export function budgetParallelContract(make: () => Promise<Rig>): void {
  test("eight connections that ask at once are never granted more than the cap together", async () => {
    const { store, clock, again } = await make();
    await store.budget.putSource(archive);
    const jobs = [await jobOn(store), await jobOn(store)];
    const stores = await Promise.all(Array.from({ length: 8 }, () => again()));
    const readers = stores.map((_, at) => new Reader(clock, `w${at}`, jobs[at % 2] as string));
    const caps = [100 * MB];
    let asked = 0;
    await Promise.all(
      readers.map(async (reader, at) => {
        const random = new Random(at + 1);
        for (let round = 0; round < 40; round += 1) {
          const wantsBytesPerSecond = random.chance(30) ? random.below(60) * MB : null;
          await reader.ask((stores[at] as BudgetedStore).budget, { wantsBytesPerSecond }, !random.chance(10));
          expect(total(readers)).toBeLessThanOrEqual(Math.max(...caps));
          clock.nowMs += random.between(1, 1_000);
          asked += 1;
          if (asked === 160) {
            caps.push(60 * MB);
            await store.budget.putSource({ ...archive, limitBytesPerSecond: 60 * MB });
          }
        }
      }),
    );
    clock.nowMs += grantMs;
    caps.shift();
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(readers.map((reader, at) => reader.ask((stores[at] as BudgetedStore).budget)));
      expect(total(readers)).toBeLessThanOrEqual(60 * MB);
    }
    await Promise.all(readers.map((reader, at) => reader.ask((stores[at] as BudgetedStore).budget)));
    expect(total(readers)).toBeGreaterThanOrEqual(0.95 * 60 * MB);
  });

  test("two coordinators that look at once cut once", async () => {
    const { store, clock, again } = await make();
    await store.budget.putSource(archive);
    const reader = new Reader(clock, "w", await jobOn(store), { lanesWanted: 16 });
    await reader.ask(store.budget);
    const stores = await Promise.all(Array.from({ length: 4 }, () => again()));
    const cpu = { name: "cpu", isAbove: true, text: "high" };
    const seen = await Promise.all(stores.map(({ budget }) => budget.throttle("archive", [cpu])));
    expect(seen.map(({ lanesAllowed }) => lanesAllowed)).toEqual([8, 8, 8, 8]);
  });
}
