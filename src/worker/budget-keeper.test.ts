import { expect, test } from "vitest";
import { SimProcess } from "../simulate/sim-process.ts";
import { simTime } from "../../test/simulation/sim-clock.ts";
import { GodwitError } from "../base/errors.ts";
import { grantMs } from "../model/shares.ts";
import type { Grant, GrantRequest, GateUsage, ReadGate } from "../ports/budget.ts";
import { type BudgetAccount, BudgetKeeper } from "./budget-keeper.ts";

const MB = 1_000_000;

interface Asked {
  readonly atMs: number;
  readonly request: GrantRequest;
}

/** A gate that remembers what it was told, and tells what the test says that was used. */
class Gate implements ReadGate {
  rate: number | null = null;
  untilMs = 0;
  usage: GateUsage = { bytes: 0, waitedBytes: 0, waiting: 0 };
  burstUntilMs = 0;
  heldInHeaps: number | null = null;

  open(bytesPerSecond: number | null, untilMs: number): void {
    [this.rate, this.untilMs] = [bytesPerSecond, untilMs];
  }

  close(): void {
    this.untilMs = 0;
  }

  holds(nowMs: number): number | null {
    return nowMs < this.untilMs ? this.rate : 0;
  }

  heldLately(nowMs: number): number | null {
    return nowMs < this.burstUntilMs ? this.heldInHeaps : this.holds(nowMs);
  }

  takeUsage(): GateUsage {
    return this.usage;
  }

  takeP95Ms(): number | null {
    return 12;
  }
}

function given(bytesPerSecond: number | null, more: Partial<Grant> = {}): Grant {
  const aim = { bytesPerSecond, lanes: null };
  return { sourceId: "archive", bytesPerSecond, lanes: null, lifeMs: grantMs, renewMs: 10_000, aim, ...more };
}

/** @param answer to each request in turn; the last one is repeated */
function rig(...answers: readonly ((asked: Asked) => Grant | Promise<Grant>)[]) {
  const time = simTime();
  const { clock } = new SimProcess("process-1", time);
  const [gate, asked, released, errors, lanes] = [
    new Gate(),
    [] as Asked[],
    [] as string[],
    [] as unknown[],
    [] as (number | null)[],
  ];
  const counts = { slowDowns: 0, needed: 4, running: 3, releasing: Promise.resolve() };
  const budget = {
    grant: async (request: GrantRequest) => {
      asked.push({ atMs: time.monotonicMs(), request });
      const answer = answers[Math.min(asked.length, answers.length) - 1] as (typeof answers)[number];
      return answer(asked.at(-1) as Asked);
    },
    release: async (worker: string, jobId: string) => {
      released.push(`${worker} ${jobId}`);
      await counts.releasing;
    },
  };
  const keeper = new BudgetKeeper({ budget, clock, worker: "worker-1", onError: (error) => errors.push(error) });
  const account: BudgetAccount = {
    jobId: "job-1",
    gate,
    lanes: () => ({ wanted: 4, needed: counts.needed, running: counts.running }),
    slowDowns: () => counts.slowDowns,
    onLanes: (allowed) => lanes.push(allowed),
  };
  return { time, gate, asked, released, errors, lanes, counts, hold: () => keeper.hold(account) };
}

const busy = new GodwitError("store_busy", { disposition: "retry", what: "no answer", hint: "wait" });

test("a gate is closed until there is a grant, and open from then on for what was granted", async () => {
  const answer = Promise.withResolvers<Grant>();
  const { time, gate, asked, lanes, hold } = rig(() => answer.promise);
  gate.open(null, 1e9);
  hold();
  expect(gate.holds(0)).toBe(0);
  await time.runFor(5_000);
  answer.resolve(given(10 * MB, { lanes: 2 }));
  await time.runFor(1);
  expect(gate.holds(5_001)).toBe(10 * MB);
  expect(lanes).toEqual([2]);
  expect(asked.map(({ request }) => request)).toEqual([
    {
      worker: "worker-1",
      jobId: "job-1",
      holds: { bytesPerSecond: 0, lanes: 0 },
      wantsBytesPerSecond: null,
      lanesWanted: 4,
      readLatencyP95Ms: 12,
      slowDowns: 0,
    },
  ]);
});

test("a grant's life counts from the moment at which it was asked for; it is renewed soon at first, then as told", async () => {
  const { time, gate, asked, hold } = rig(async () => given(10 * MB));
  gate.usage = { bytes: 10 * MB, waitedBytes: 10 * MB, waiting: 2 };
  hold();
  await time.runFor(25_000);
  expect(asked.map(({ atMs }) => atMs)).toEqual([0, 1_000, 11_000, 21_000]);
  expect(gate.untilMs).toBe(21_000 + grantMs);
  expect(asked[1]?.request.holds.bytesPerSecond).toBe(10 * MB);
});

test("an answer that comes after the end of its own grant opens nothing", async () => {
  const late = Promise.withResolvers<Grant>();
  const { time, gate, hold } = rig(
    () => late.promise,
    () => new Promise(() => {}),
  );
  hold();
  await time.runFor(grantMs + 1);
  late.resolve(given(10 * MB));
  await time.runFor(1);
  expect(gate.holds(time.monotonicMs())).toBe(0);
});

test("without an answer nothing is read past the end of the last grant; it is asked again all the time", async () => {
  const { time, gate, asked, errors, hold } = rig(
    () => given(10 * MB),
    () => Promise.reject(busy),
  );
  gate.usage = { bytes: 10 * MB, waitedBytes: 10 * MB, waiting: 0 };
  hold();
  await time.runFor(40_000);
  expect(gate.untilMs).toBe(grantMs);
  expect(asked.length).toBeGreaterThan(25);
  expect(errors).toHaveLength(asked.length - 1);
  expect(asked.at(-1)?.request.holds.bytesPerSecond).toBe(0);
});

test("a share that shrank is given up by name at once, so that others can have it", async () => {
  const { time, asked, hold } = rig(
    () => given(100 * MB),
    () => given(25 * MB),
  );
  hold();
  await time.runFor(1_500);
  expect(asked.map(({ atMs, request }) => [atMs, request.holds.bytesPerSecond])).toEqual([
    [0, 0],
    [1_000, 100 * MB],
    [1_000, 25 * MB],
  ]);
});

test("whoever has less than its part asks again soon", async () => {
  const short = { aim: { bytesPerSecond: 50 * MB, lanes: null } };
  const whole = () => given(50 * MB);
  const { time, asked, hold } = rig(
    ...Array<typeof whole>(2).fill(whole),
    () => given(0, short),
    () => given(20 * MB, short),
    () => given(49 * MB, short),
  );
  hold();
  await time.runFor(20_000);
  // The second one says that it gave up what it had before.
  expect(asked.map(({ atMs }) => atMs).slice(2)).toEqual([11_000, 11_000, 12_000]);
});

test("whoever is not held up by its share says what it uses, and asks for much more as soon as it is", async () => {
  const { time, gate, asked, hold } = rig(() => given(50 * MB));
  gate.usage = { bytes: MB, waitedBytes: 0.1 * MB, waiting: 0 };
  hold();
  await time.runFor(13_500);
  // A look each second, the first one at the beginning.
  const modest = Math.ceil(1.1 * MB);
  expect(asked.map(({ request }) => request.wantsBytesPerSecond)).toEqual([null, modest, modest]);
  gate.usage = { bytes: 50 * MB, waitedBytes: 50 * MB, waiting: 3 };
  await time.runFor(1_000);
  expect(asked.at(-1)).toMatchObject({ atMs: 14_000, request: { wantsBytesPerSecond: 4 * 50 * MB } });
});

test("whoever reads nothing keeps enough to begin with, unless it waits to begin", async () => {
  const { time, gate, asked, hold } = rig(() => given(50 * MB));
  hold();
  await time.runFor(10_500);
  expect(asked.at(-1)?.request.wantsBytesPerSecond).toBe(64 * 1024);
  gate.usage = { bytes: 0, waitedBytes: 0, waiting: 1 };
  await time.runFor(1_000);
  expect(asked.at(-1)?.request.wantsBytesPerSecond).toBe(4 * 50 * MB);
});

test("answers that asked to slow down are told until they were heard, each once", async () => {
  const { time, asked, counts, hold } = rig(
    () => given(MB),
    () => Promise.reject(busy),
    () => given(MB),
  );
  counts.slowDowns = 2;
  hold();
  await time.runFor(500);
  counts.slowDowns = 5;
  await time.runFor(20_000);
  expect(asked.map(({ request }) => request.slowDowns).slice(0, 4)).toEqual([2, 3, 3, 0]);
});

test("what is given back is closed at once, asked for no more, and said to the Store", async () => {
  const answer = Promise.withResolvers<Grant>();
  const { time, gate, asked, released, hold } = rig(
    () => given(10 * MB),
    () => answer.promise,
  );
  const { release } = hold();
  await time.runFor(10_500);
  const done = release();
  expect(gate.holds(time.monotonicMs())).toBe(0);
  expect(released).toEqual([]);
  answer.resolve(given(10 * MB));
  await done;
  expect(gate.holds(time.monotonicMs())).toBe(0);
  expect(released).toEqual(["worker-1 job-1"]);
  await time.runFor(60_000);
  expect(asked).toHaveLength(2);
});

test("a share is not asked for while the same one is held or being given back: both are one row", async () => {
  const answer = Promise.withResolvers<void>();
  const { time, gate, asked, released, counts, hold } = rig(() => given(10 * MB));
  counts.releasing = answer.promise;
  const first = hold();
  await time.runFor(500);
  const second = hold();
  await time.runFor(5_000);
  // One's alone.
  expect(asked.map(({ atMs }) => atMs)).toEqual([0, 1_000]);
  const done = first.release();
  await time.runFor(20_000);
  expect(released).toHaveLength(1);
  expect(asked).toHaveLength(2);
  expect(gate.holds(time.monotonicMs())).toBe(0);
  answer.resolve();
  await done;
  await time.runFor(100);
  expect(asked).toHaveLength(3);
  expect(gate.holds(time.monotonicMs())).toBe(10 * MB);
  await first.release();
  expect(gate.holds(time.monotonicMs()), "given back once").toBe(10 * MB);
  await second.release();
  expect(released).toHaveLength(2);
});

test("a share that shrank is named as what it was while reads come in bursts, and by its size once that is over", async () => {
  const { time, gate, asked, hold } = rig(
    async () => given(50 * MB),
    async () => {
      [gate.burstUntilMs, gate.heldInHeaps] = [time.monotonicMs() + 1_000, 50 * MB];
      return given(10 * MB);
    },
    async () => given(10 * MB),
  );
  hold();
  await time.runFor(3_500);
  const named = asked.map(({ atMs, request }) => [atMs, request.holds.bytesPerSecond]);
  expect(named).toEqual([
    [0, 0],
    [1_000, 50 * MB],
    [1_000, 50 * MB],
    [2_000, 10 * MB],
  ]);
});

test("where lanes are few, a process without work asks for none, nor for bytes, and asks at once when it has some", async () => {
  const few = { aim: { bytesPerSecond: 0, lanes: 0 } };
  const { time, asked, counts, hold } = rig(
    async () => given(10 * MB),
    async () => given(10 * MB, { lanes: 2 }),
    async () => given(0, { lanes: 0, ...few }),
  );
  hold();
  counts.needed = 0;
  await time.runFor(2_000);
  const told = () => asked.map(({ request }) => [request.lanesWanted, request.wantsBytesPerSecond === 0]);
  expect(told(), "while there are enough, it counts with all").toEqual([
    [4, false],
    [4, false],
  ]);
  await time.runFor(12_000);
  expect(told().at(-1)).toEqual([0, true]);
  const before = asked.length;
  counts.needed = 1;
  await time.runFor(1_100);
  expect(told().slice(before)).toEqual([[1, false]]);
});
