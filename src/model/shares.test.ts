import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countedBytes, type Holding, renewHolding } from "./holding.ts";
import { priorities, type Priority } from "./job.ts";
import { type Claimant, grantFor, grantMs } from "./shares.ts";

const MB = 1_000_000;

/** One worker of the test: what it needs, and what it really keeps to (`obeys`), known to nobody else. */
interface Worker {
  readonly name: string;
  readonly jobId: string;
  priority: Priority;
  jobLimit: number | null;
  wants: number | null;
  lanes: number;
  obeys: number | null;
  untilMs: number;
}

/** What a Store does, without rows: asks the model, keeps what it says. Time is the test's. */
class Ledger {
  now = 1_800_000_000_000;
  cap: number | null;
  lanes: number | null = null;
  readonly #kept = new Map<Worker, { holding: Holding; lanes: number }>();

  constructor(cap: number | null) {
    this.cap = cap;
  }

  #claimantOf(worker: Worker, holding: Holding | null, lanes: number): Claimant {
    return {
      worker: worker.name,
      jobId: worker.jobId,
      priority: worker.priority,
      jobLimitBytesPerSecond: worker.jobLimit,
      wantsBytesPerSecond: worker.wants,
      lanesWanted: worker.lanes,
      counted: { bytesPerSecond: holding === null ? 0 : countedBytes(holding, this.now), lanes },
    };
  }

  /** @param isHeard the answer reaches the worker */
  ask(worker: Worker, isHeard = true): void {
    const others = [...this.#kept]
      .filter(([other, { holding }]) => other !== worker && Math.max(holding.givenUntil, holding.heldUntil) > this.now)
      .map(([other, { holding, lanes }]) => this.#claimantOf(other, holding, lanes));
    const caps = { bytesPerSecond: this.cap, lanes: this.lanes, now: this.now };
    const granted = grantFor(this.#claimantOf(worker, null, 0), others, caps);
    const renewal = { given: granted.bytesPerSecond, holds: this.used(worker), now: this.now };
    const holding = renewHolding(this.#kept.get(worker)?.holding ?? null, renewal);
    this.#kept.set(worker, { holding, lanes: granted.lanes ?? worker.lanes });
    if (!isHeard) return;
    worker.obeys = granted.bytesPerSecond;
    worker.untilMs = this.now + grantMs;
  }

  /** What the worker may read now, in truth. */
  used(worker: Worker): number | null {
    return worker.untilMs > this.now ? worker.obeys : 0;
  }

  total(workers: readonly Worker[]): number {
    return workers.reduce((sum, worker) => sum + (this.used(worker) ?? Infinity), 0);
  }

  lanesOf(worker: Worker): number {
    return this.#kept.get(worker)?.lanes ?? 0;
  }
}

function workerOf(name: string, jobId: string, priority: Priority = "normal", wants: number | null = null): Worker {
  return { name, jobId, priority, jobLimit: null, wants, lanes: 4, obeys: 0, untilMs: 0 };
}

/** Everybody asks so many times, 10 s apart. */
function settle(ledger: Ledger, workers: readonly Worker[], rounds = 3): void {
  for (let round = 0; round < rounds; round += 1) {
    for (const worker of workers) ledger.ask(worker);
    for (const worker of workers) ledger.ask(worker);
    ledger.now += 10_000;
  }
}

function ofJob(ledger: Ledger, workers: readonly Worker[], jobId: string): number {
  return ledger.total(workers.filter((worker) => worker.jobId === jobId));
}

const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("ask" as const), who: fc.nat(5), isHeard: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 35_000 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("die" as const), who: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("cap" as const), cap: fc.option(fc.nat(1_000)) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("limit" as const), job: fc.nat(1), limit: fc.option(fc.nat(500)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("want" as const), who: fc.nat(5), wants: fc.option(fc.nat(400)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("lanes" as const), lanes: fc.option(fc.integer({ min: 1, max: 30 })) }),
  },
);

describe("at every instant", () => {
  test("what all may read is within every cap of the last grant's life, whoever asks, dies, or hears no answer", () => {
    fc.assert(
      fc.property(fc.option(fc.nat(1_000)), fc.array(act, { maxLength: 120 }), (firstCap, acts) => {
        const ledger = new Ledger(firstCap);
        let workers = Array.from({ length: 6 }, (_, at) =>
          workerOf(`worker-${at}`, `job-${at % 2}`, priorities[at % 3]),
        );
        const everybody = [...workers];
        /** Caps and when they ended. */
        const caps: { readonly cap: number; readonly untilMs: number }[] = [];
        for (const one of acts) {
          switch (one.type) {
            case "ask":
              ledger.ask(workers[one.who] as Worker, one.isHeard);
              break;
            case "wait":
              ledger.now += one.ms;
              break;
            case "die": {
              // It may go on reading for as long as its grant lasts; another process takes its place.
              const old = workers[one.who] as Worker;
              const next = { ...workerOf(`${old.name}'`, old.jobId, old.priority), jobLimit: old.jobLimit };
              workers = workers.with(one.who, next);
              everybody.push(next);
              break;
            }
            case "cap":
              caps.push({ cap: ledger.cap ?? Infinity, untilMs: ledger.now });
              ledger.cap = one.cap;
              break;
            case "limit":
              for (const worker of workers) if (worker.jobId === `job-${one.job}`) worker.jobLimit = one.limit;
              break;
            case "want":
              (workers[one.who] as Worker).wants = one.wants;
              break;
            case "lanes":
              ledger.lanes = one.lanes;
              break;
          }
          const lately = caps.filter(({ untilMs }) => untilMs + grantMs > ledger.now).map(({ cap }) => cap);
          expect(ledger.total(everybody)).toBeLessThanOrEqual(Math.max(ledger.cap ?? Infinity, ...lately));
        }
      }),
      { numRuns: 600 },
    );
  });

  test("a lowered cap binds a worker when it asks again, and all of them after one life", () => {
    const ledger = new Ledger(100 * MB);
    const workers = ["a", "b"].map((name) => workerOf(name, "job-1"));
    settle(ledger, workers);
    ledger.cap = 20 * MB;
    const [first, second] = workers as [Worker, Worker];
    ledger.ask(first);
    expect(ledger.used(first)).toBe(0);
    ledger.now += grantMs - 10_000;
    expect(ledger.used(second)).toBe(0);
    ledger.ask(first);
    expect(ledger.total(workers)).toBeLessThanOrEqual(20 * MB);
    settle(ledger, workers);
    expect(workers.map((worker) => ledger.used(worker))).toEqual([10 * MB, 10 * MB]);
  });

  test("a share whose answer was lost counts until it has run out, or was given up by name", () => {
    const ledger = new Ledger(100 * MB);
    const [first, second] = [workerOf("a", "job-1"), workerOf("b", "job-1")];
    ledger.ask(first);
    expect(ledger.used(first)).toBe(100 * MB);
    ledger.ask(second);
    ledger.ask(first, false);
    ledger.ask(second);
    expect(ledger.used(second), "the first still keeps to all of it").toBe(0);
    ledger.ask(first);
    ledger.ask(second);
    expect(ledger.used(second), "the answer is under way").toBe(0);
    ledger.ask(first);
    ledger.ask(second);
    expect([first, second].map((worker) => ledger.used(worker))).toEqual([50 * MB, 50 * MB]);
  });

  test("a limit of a job that one worker knows binds them all", () => {
    const ledger = new Ledger(null);
    const workers = ["a", "b"].map((name) => workerOf(name, "job-1"));
    settle(ledger, workers);
    expect(workers.map((worker) => ledger.used(worker))).toEqual([null, null]);
    for (const worker of workers) worker.jobLimit = 10 * MB;
    ledger.ask(workers[0] as Worker);
    expect(ledger.used(workers[0] as Worker), "the other reads without a limit still").toBe(0);
    settle(ledger, workers);
    expect(ledger.total(workers)).toBe(10 * MB);
  });
});

describe("shares", () => {
  test("of jobs that could use all stand as 9:3:1, however many workers each has", () => {
    const ledger = new Ledger(130 * MB);
    const workers = [
      workerOf("a", "high", "high"),
      workerOf("b", "normal", "normal"),
      workerOf("c", "normal", "normal"),
      ...[1, 2, 3, 4, 5].map((at) => workerOf(`d${at}`, "low", "low")),
    ];
    settle(ledger, workers);
    expect(["high", "normal", "low"].map((job) => ofJob(ledger, workers, job))).toEqual([90 * MB, 30 * MB, 10 * MB]);
    expect(ledger.used(workers[7] as Worker)).toBe(2 * MB);
  });

  test("no job starves: a low one has at least a ninth of an equal part, beside however many others", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...priorities), { maxLength: 12 }), (others) => {
        const ledger = new Ledger(1_000 * MB);
        const workers = [
          workerOf("own", "own", "low"),
          ...others.map((priority, at) => workerOf(`w${at}`, `j${at}`, priority)),
        ];
        settle(ledger, workers);
        expect(ledger.used(workers[0] as Worker)).toBeGreaterThanOrEqual(Math.floor((1_000 * MB) / workers.length / 9));
      }),
    );
  });

  test("what one does not need goes to the others, and comes back when it is needed", () => {
    const ledger = new Ledger(100 * MB);
    const workers = [workerOf("a", "job-1", "high", 5 * MB), workerOf("b", "job-2", "low")];
    settle(ledger, workers);
    expect(workers.map((worker) => ledger.used(worker))).toEqual([5 * MB, 95 * MB]);
    (workers[0] as Worker).wants = null;
    settle(ledger, workers);
    expect(workers.map((worker) => ledger.used(worker))).toEqual([90 * MB, 10 * MB]);
  });

  test("a job's own limit is kept, and what it leaves is the others'", () => {
    const ledger = new Ledger(100 * MB);
    const workers = [workerOf("a", "job-1", "high"), workerOf("b", "job-1", "high"), workerOf("c", "job-2", "low")];
    for (const worker of workers.slice(0, 2)) worker.jobLimit = 20 * MB;
    settle(ledger, workers);
    expect(workers.map((worker) => ledger.used(worker))).toEqual([10 * MB, 10 * MB, 80 * MB]);
  });

  test("with needs that stay as they are, 95 % of what can be used is given out after three heartbeats", () => {
    const worker = fc.record({
      job: fc.nat(4),
      priority: fc.constantFrom(...priorities),
      needs: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(worker, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 800 }), (all, cap) => {
        const ledger = new Ledger(cap * MB);
        const workers = all.map(({ job, priority, needs }, at) => workerOf(`w${at}`, `j${job}`, priority, needs * MB));
        settle(ledger, workers);
        const needed = all.reduce((sum, { needs }) => sum + needs * MB, 0);
        const inUse = workers.reduce((sum, one) => sum + Math.min(ledger.used(one) ?? 0, one.wants ?? Infinity), 0);
        expect(inUse).toBeGreaterThanOrEqual(0.95 * Math.min(cap * MB, needed));
        expect(inUse).toBeLessThanOrEqual(cap * MB);
      }),
    );
  });
});

describe("lanes", () => {
  test("are shared out whole, never more than are allowed, and all of them", () => {
    const worker = fc.record({
      job: fc.nat(3),
      priority: fc.constantFrom(...priorities),
      lanes: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(
        fc.array(worker, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 60 }),
        (all, allowed) => {
          const ledger = new Ledger(100 * MB);
          ledger.lanes = allowed;
          const workers = all.map(({ job, priority, lanes }, at) => ({
            ...workerOf(`w${at}`, `j${job}`, priority),
            lanes,
          }));
          settle(ledger, workers, 1);
          const given = workers.reduce((sum, one) => sum + ledger.lanesOf(one), 0);
          const wanted = all.reduce((sum, { lanes }) => sum + lanes, 0);
          expect(given).toBeLessThanOrEqual(allowed);
          expect(given).toBe(Math.min(allowed, wanted));
        },
      ),
    );
  });

  test("where there are fewer than workers, each has its turn, and who has none leaves its bytes to the others", () => {
    const ledger = new Ledger(100 * MB);
    ledger.lanes = 1;
    const workers = ["a", "b", "c"].map((name) => workerOf(name, `job-${name}`));
    const turns = new Map(workers.map((worker) => [worker.name, 0]));
    for (let minute = 0; minute < 30; minute += 1) {
      for (let round = 0; round < 3; round += 1) settle(ledger, workers, 2);
      const running = workers.filter((worker) => ledger.lanesOf(worker) > 0);
      expect(running).toHaveLength(1);
      expect(ledger.used(running[0] as Worker)).toBe(100 * MB);
      const { name } = running[0] as Worker;
      turns.set(name, (turns.get(name) ?? 0) + 1);
    }
    for (const [name, count] of turns) expect(count, name).toBeGreaterThanOrEqual(7);
  });

  test("bind a worker also where no cap does: without a lane it reads nothing", () => {
    const ledger = new Ledger(null);
    ledger.lanes = 1;
    const workers = ["a", "b"].map((name) => workerOf(name, `job-${name}`));
    settle(ledger, workers, 4);
    expect(workers.map((worker) => ledger.lanesOf(worker)).toSorted((a, b) => a - b)).toEqual([0, 1]);
    for (const worker of workers) expect(ledger.used(worker)).toBe(ledger.lanesOf(worker) === 0 ? 0 : null);
  });

  test("that another has not given up yet are waited for, without bytes: lanes in the middle of a chunk would read", () => {
    const claimant = {
      jobId: "job",
      priority: "normal",
      jobLimitBytesPerSecond: null,
      wantsBytesPerSecond: null,
    } as const;
    const own = { ...claimant, worker: "a", lanesWanted: 4, counted: { bytesPerSecond: 0, lanes: 0 } };
    const other = { ...claimant, worker: "b", lanesWanted: 4, counted: { bytesPerSecond: 20 * MB, lanes: 2 } };
    const caps = { bytesPerSecond: 100 * MB, now: 1_800_000_000_000 };
    const waiting = grantFor(own, [other], { ...caps, lanes: 2 });
    expect(waiting).toMatchObject({ bytesPerSecond: 0, lanes: 0, aim: { bytesPerSecond: 50 * MB, lanes: 1 } });
    expect(grantFor(own, [other], { ...caps, lanes: 3 })).toMatchObject({ bytesPerSecond: 50 * MB, lanes: 1 });
  });

  test("do not bind a listing, which has none", () => {
    const ledger = new Ledger(100 * MB);
    ledger.lanes = 1;
    const workers = [workerOf("a", "job-1"), { ...workerOf("listing", "job-1"), lanes: 0, wants: 4 * MB }];
    settle(ledger, workers);
    expect(workers.map((worker) => ledger.used(worker))).toEqual([96 * MB, 4 * MB]);
  });
});
