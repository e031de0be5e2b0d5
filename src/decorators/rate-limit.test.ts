import { describe, expect, test, vi } from "vitest";
import { Random } from "../simulate/random.ts";
import { MB, never, rig, sum, worstSecond } from "../../test/simulation/limit-rig.ts";
import type { PlanPage, ReadBudget, Source } from "../ports/source.ts";
import { limitReads } from "./rate-limit.ts";

describe("a limit for as long as the process lives", () => {
  test("of zero is none: nobody waits, and a read is as large as it may be", () => {
    const { limit, lane } = rig();
    const budget = lane();
    expect(budget.request(1_000 * MB, never)).not.toBeInstanceOf(Promise);
    expect(budget.stepBytes(2 ** 20)).toBe(2 ** 20);
    limit.bytesPerSecond = 0;
    expect(budget.request(1_000 * MB, never)).not.toBeInstanceOf(Promise);
    expect(limit.holds(0)).toBeNull();
  });

  test("is kept over all lanes and used up, in small reads", async () => {
    const { time, limit, reads, busy } = rig();
    limit.bytesPerSecond = 50 * MB;
    for (let lane = 0; lane < 4; lane += 1) busy();
    await time.runFor(10_000);
    expect(Math.max(...reads.map(({ bytes }) => bytes))).toBe(0.01 * 50 * MB);
    expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * 50 * MB);
    expect(sum(reads)).toBeGreaterThanOrEqual(0.99 * 500 * MB);
  });

  test("leaves what is not used in time: nothing is caught up after a pause, or a stop of the process", async () => {
    const { time, process, limit, reads, busy } = rig();
    limit.bytesPerSecond = 10 * MB;
    for (let lane = 0; lane < 16; lane += 1) busy();
    await time.runFor(2_000);
    process.stop(20_000);
    await time.runFor(30_000);
    expect(sum(reads, 2_000, 22_000)).toBe(0);
    expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * 10 * MB);
    expect(sum(reads, 23_000, 32_000)).toBeGreaterThanOrEqual(0.95 * 90 * MB);
  });

  test("is kept by lanes that are late now and then, and nearly used up", async () => {
    const { time, limit, reads, busy } = rig();
    const random = new Random(7);
    limit.bytesPerSecond = 20 * MB;
    for (let lane = 0; lane < 6; lane += 1) busy({ workMs: () => (random.chance(5) ? 200 : random.below(20)) });
    await time.runFor(20_000);
    expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * 20 * MB);
    expect(sum(reads)).toBeGreaterThanOrEqual(0.95 * 400 * MB);
  });

  test("makes up for a stop of a fifth of a second, and for no more than a quarter, within the same bound", async () => {
    for (const [stopMs, lostMs] of [
      [200, 0],
      [2_000, 1_750],
    ] as const) {
      const { time, process, limit, reads, busy } = rig();
      limit.bytesPerSecond = 50 * MB;
      for (let lane = 0; lane < 4; lane += 1) busy();
      await time.runFor(3_000);
      process.stop(stopMs);
      await time.runFor(stopMs + 17_000);
      const all = ((20_000 + stopMs - lostMs) / 1_000) * 50 * MB;
      expect(sum(reads)).toBeGreaterThanOrEqual(0.995 * all);
      expect(sum(reads)).toBeLessThanOrEqual(1.001 * all);
      expect(worstSecond(reads)).toBeLessThanOrEqual(1.02 * 50 * MB);
    }
  });

  test("a lane that reads much at a time is not passed over by those that read little", async () => {
    const { time, limit, lane, busy } = rig();
    limit.bytesPerSecond = MB;
    for (let small = 0; small < 4; small += 1) busy({ bytes: 100 });
    const budget = lane();
    let hasRead = false;
    void Promise.resolve(budget.request(200_000, never)).then(() => (hasRead = true));
    await time.runFor(300);
    expect(hasRead).toBe(true);
  });
});

describe("a grant", () => {
  test("ends by itself: nothing is read past its end, whoever had booked", async () => {
    const { time, limit, reads, busy } = rig();
    limit.open(10 * MB, 5_000, 0);
    for (let lane = 0; lane < 3; lane += 1) busy();
    await time.runFor(20_000);
    expect(reads.every(({ atMs }) => atMs < 5_000)).toBe(true);
    expect(sum(reads)).toBeGreaterThanOrEqual(0.97 * 50 * MB);
    expect(limit.holds(20_000)).toBe(0);
  });

  test("that ends without a limit ends all the same", async () => {
    const { time, limit, reads, busy } = rig();
    limit.open(null, 1_000, 0);
    expect(limit.holds(999)).toBeNull();
    busy({ workMs: () => 100 });
    await time.runFor(5_000);
    expect(reads).toHaveLength(10);
  });

  test("is kept by a process that was stopped past its end", async () => {
    const { time, process, limit, reads, busy } = rig();
    limit.open(10 * MB, 5_000, 0);
    for (let lane = 0; lane < 3; lane += 1) busy();
    await time.runFor(3_000);
    process.stop(4_000);
    await time.runFor(10_000);
    expect(sum(reads, 3_000)).toBe(0);
  });

  test("that is opened again wakes those who wait at once; a closed gate lets nobody through", async () => {
    const { time, limit, reads, busy } = rig();
    limit.close(0);
    expect(limit.holds(0)).toBe(0);
    busy();
    await time.runFor(60_000);
    expect(reads).toEqual([]);
    limit.open(10 * MB, 90_000, time.monotonicMs());
    await time.runFor(1_000);
    expect(reads[0]?.atMs).toBeLessThanOrEqual(60_011);
    expect(sum(reads)).toBeGreaterThanOrEqual(0.98 * 10 * MB);
    limit.open(0, 90_000, time.monotonicMs());
    const before = reads.length;
    await time.runFor(5_000);
    expect(reads).toHaveLength(before);
  });

  test("that grows wakes those who wait for a small one; one that shrinks holds for what is booked", async () => {
    const { time, limit, reads, busy, lane } = rig();
    limit.open(1_000, 600_000, 0);
    let wokeAtMs = Infinity;
    void Promise.resolve(lane().request(16_384, never)).then((pending) => {
      wokeAtMs = time.monotonicMs();
      pending[Symbol.dispose]();
    });
    await time.runFor(10_000);
    expect(wokeAtMs).toBe(Infinity);
    limit.open(10 * MB, 600_000, 10_000);
    busy();
    await time.runFor(2_000);
    expect(wokeAtMs).toBeLessThanOrEqual(10_002);
    expect(sum(reads)).toBeGreaterThanOrEqual(0.97 * 20 * MB);
    limit.open(MB, 600_000, 12_000);
    await time.runFor(10_000);
    expect(sum(reads, 12_000)).toBeLessThanOrEqual(1.05 * 10 * MB);
    expect(worstSecond(reads.filter(({ atMs }) => atMs >= 12_000))).toBeLessThanOrEqual(1.05 * MB + 100_000);
  });

  test("that grows makes up for what was not used under the small one as if it had not grown", async () => {
    const { time, limit, reads, busy } = rig();
    limit.open(MB, 600_000, 0);
    await time.runFor(5_000);
    limit.open(50 * MB, 600_000, 5_000);
    busy();
    await time.runFor(100);
    expect(sum(reads)).toBeLessThanOrEqual(0.25 * MB + 0.1 * 50 * MB + 500_000);
  });

  test("that shrank counts for a second longer where reads came in a burst; else the smaller one counts at once", async () => {
    for (const stopMs of [0, 200]) {
      const { time, process, limit, busy } = rig();
      limit.open(50 * MB, 600_000, 0);
      for (let lane = 0; lane < 4; lane += 1) busy();
      await time.runFor(3_000);
      if (stopMs > 0) process.stop(stopMs);
      await time.runFor(stopMs + 10);
      const shrunkAtMs = time.monotonicMs();
      expect(limit.heldLately(shrunkAtMs)).toBe(50 * MB);
      limit.open(10 * MB, 600_000, shrunkAtMs);
      expect(limit.heldLately(shrunkAtMs), `after a stop of ${stopMs} ms`).toBe((stopMs > 0 ? 50 : 10) * MB);
      await time.runFor(1_000);
      expect(limit.heldLately(time.monotonicMs())).toBe(10 * MB);
    }
  });

  test("that follows none counts as none for a second, unless nothing was read", async () => {
    for (const hasRead of [false, true]) {
      const { time, limit, busy } = rig();
      if (hasRead) busy({ workMs: () => 10 });
      await time.runFor(1_500);
      limit.open(10 * MB, 600_000, time.monotonicMs());
      expect(limit.heldLately(time.monotonicMs())).toBe(hasRead ? null : 10 * MB);
      await time.runFor(1_000);
      expect(limit.heldLately(time.monotonicMs())).toBe(10 * MB);
    }
  });

  test("that is renewed loses nothing and gives nothing twice", async () => {
    const { time, limit, reads, busy } = rig();
    limit.open(10 * MB, 1_000, 0);
    for (let lane = 0; lane < 3; lane += 1) busy();
    for (let turn = 0; turn < 100; turn += 1) {
      await time.runFor(100);
      limit.open(10 * MB, time.monotonicMs() + 1_000, time.monotonicMs());
    }
    expect(sum(reads)).toBeGreaterThanOrEqual(0.99 * 100 * MB);
    expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * 10 * MB);
  });

  test("no timer fires while everybody waits for it", async () => {
    const { time, limit, busy } = rig();
    limit.close(0);
    for (let lane = 0; lane < 8; lane += 1) busy();
    await time.runFor(1);
    let turns = 0;
    await time.run(() => (turns += 1) > 0 && time.monotonicMs() >= 600_000);
    expect(turns).toBeLessThan(10);
  });
});

describe("whoever waits", () => {
  test("stops with its signal, in whatever state the limit is; those behind it go on", async () => {
    const { time, limit, lane } = rig();
    for (const open of [0, 1_000]) {
      limit.open(open, 600_000, time.monotonicMs());
      const budget = lane();
      const stop = new AbortController();
      const first = budget.request(50_000, stop.signal);
      const second = budget.request(100, never);
      stop.abort(new Error("asked to stop"));
      await expect(first).rejects.toThrow("asked to stop");
      limit.open(10 * MB, 600_000, time.monotonicMs());
      await time.runFor(1_000);
      (await second)[Symbol.dispose]();
      expect(limit.takeUsage().waiting).toBe(0);
    }
  });

  test("is told apart from who finds room", async () => {
    const { time, limit, lane } = rig();
    limit.open(MB, 600_000, 0);
    await time.runFor(100);
    const budget = lane();
    expect(budget.request(20_000, never)).not.toBeInstanceOf(Promise);
    void budget.request(500_000, never);
    expect(limit.takeUsage()).toEqual({ bytes: 20_000, waitedBytes: 0, waiting: 0 });
    await time.runFor(1);
    expect(limit.takeUsage()).toEqual({ bytes: 0, waitedBytes: 0, waiting: 1 });
    await time.runFor(1_000);
    expect(limit.takeUsage()).toEqual({ bytes: 500_000, waitedBytes: 500_000, waiting: 0 });
  });
});

describe("a source under a limit", () => {
  test("tells how long its requests take", async () => {
    const { time, limit, lane } = rig();
    const budget = lane();
    using pending = await budget.request(20_000, never);
    await time.runFor(80);
    pending.answered();
    expect(limit.takeP95Ms()).toBeGreaterThanOrEqual(80);
    expect(limit.takeP95Ms()).toBeNull();
  });

  test("lists no faster than half a KiB for each entry allows", async () => {
    const { time, process, limit } = rig();
    limit.open(512 * 100, 600_000, 0);
    const page = {
      entries: Array.from({ length: 40 }),
      problems: Array.from({ length: 10 }),
      cursor: "",
    } as unknown as PlanPage;
    const plain = {
      plan: async function* () {
        for (let at = 0; at < 10; at += 1) yield page;
      },
    } as unknown as Source;
    const listedAtMs: number[] = [];
    void (async () => {
      for await (const _ of limitReads(plain, limit, process.clock).plan(null, never))
        listedAtMs.push(time.monotonicMs());
    })();
    await time.runFor(10_000);
    expect(listedAtMs).toHaveLength(10);
    expect(listedAtMs[0]).toBe(0);
    expect(listedAtMs[9]).toBeGreaterThanOrEqual(4_400);
    expect(listedAtMs[9]).toBeLessThanOrEqual(4_600);
  });
});

/** Answers in order, each after `tookMs`; nothing while it is stalled. */
async function askLanes(lanes: number, tookMs: number, stall: { readonly fromMs: number; readonly toMs: number }) {
  const { time, process, limit, reads, lane } = rig();
  limit.bytesPerSecond = 50 * MB;
  let asked = 0;
  let askedMost = 0;
  const bytes = 500_000;
  for (let at = 0; at < lanes; at += 1) {
    const budget = lane();
    const fetch = async (): Promise<void> => {
      using pending = await budget.request(bytes, never);
      asked += bytes;
      askedMost = Math.max(askedMost, asked);
      await process.clock.sleep(tookMs);
      const nowMs = time.monotonicMs();
      if (nowMs >= stall.fromMs && nowMs < stall.toMs) await process.clock.sleep(stall.toMs - nowMs);
      reads.push({ atMs: time.monotonicMs(), bytes });
      asked -= bytes;
      pending.answered();
    };
    // Each lane has several requests under way, as one that reads ahead.
    for (let ahead = 0; ahead < 8; ahead += 1)
      void (async () => {
        for (;;) await fetch();
      })();
  }
  await time.runFor(20_000);
  return { reads, askedMost };
}

describe("a source that answers late", () => {
  test("is read at the whole limit, also where each answer takes long", async () => {
    const { reads } = await askLanes(2, 120, { fromMs: 0, toMs: 0 });
    expect(sum(reads, 5_000, 20_000)).toBeGreaterThanOrEqual(0.95 * 15 * 50 * MB);
  });

  test("does not get a burst of requests while it stalls, and gives no burst afterwards", async () => {
    const { reads, askedMost } = await askLanes(2, 5, { fromMs: 10_000, toMs: 10_800 });
    expect(sum(reads, 2_000, 9_000)).toBeGreaterThanOrEqual(0.95 * 7 * 50 * MB);
    for (let fromMs = 9_000; fromMs < 13_000; fromMs += 10)
      expect(sum(reads, fromMs, fromMs + 1_000)).toBeLessThanOrEqual(1.05 * 50 * MB);
    expect(askedMost).toBeLessThanOrEqual((0.055 + 0.01) * 50 * MB);
  });

  test("is not called held up by its limit while it uses little of it", async () => {
    const { time, process, limit, lane } = rig();
    limit.open(50 * MB, 600_000, 0);
    const budget = lane();
    void (async () => {
      for (;;) {
        using pending = await budget.request(250_000, never);
        await process.clock.sleep(100);
        pending.answered();
      }
    })();
    await time.runFor(10_000);
    const { bytes, waitedBytes } = limit.takeUsage();
    expect(bytes).toBeGreaterThanOrEqual(20 * MB);
    expect(waitedBytes).toBeLessThan(0.5 * bytes);
  });

  test("one answer that never comes does not stop the other lanes", async () => {
    const { time, process, limit, reads, lane } = rig();
    limit.bytesPerSecond = 5 * MB;
    const bytes = 250_000;
    const fetch = async (budget: ReadBudget, tookMs: number): Promise<void> => {
      using pending = await budget.request(bytes, never);
      await process.clock.sleep(tookMs);
      reads.push({ atMs: time.monotonicMs(), bytes });
      pending.answered();
    };
    for (let at = 0; at < 4; at += 1) {
      const budget = lane();
      void (async () => {
        for (;;) await fetch(budget, 20);
      })();
    }
    await time.runFor(5_000);
    void fetch(lane(), 600_000);
    await time.runFor(30_000);
    // What it holds of the last second is not used meanwhile.
    expect(sum(reads, 10_000, 35_000)).toBeGreaterThanOrEqual(0.85 * 25 * 5 * MB);
  });
});

test("who waits under a limit that never changes leaves nothing behind", async () => {
  const waitAsync = Atomics.waitAsync.bind(Atomics);
  const endings: (number | undefined)[] = [];
  const spy = vi.spyOn(Atomics, "waitAsync").mockImplementation(((
    cells: Int32Array,
    index: number,
    value: number,
    ms?: number,
  ) => {
    endings.push(ms);
    return waitAsync(cells, index, value, ms);
  }) as typeof Atomics.waitAsync);
  const { time, limit, busy } = rig();
  limit.bytesPerSecond = 5 * MB;
  for (let lane = 0; lane < 9; lane += 1) busy();
  await time.runFor(5_000);
  spy.mockRestore();
  expect(endings.length).toBeGreaterThan(100);
  expect(Math.max(...endings.map((ms) => ms ?? Infinity))).toBeLessThanOrEqual(2_000);
});
