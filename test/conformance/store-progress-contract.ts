/** What is confirmed inside transfers counts at once, each byte once, whatever path it takes from there. */
import { expect, test } from "vitest";
import { landedBytes } from "../../src/model/job.ts";
import type { Store } from "../../src/ports/store.ts";
import type { Rig } from "./store-contract.ts";
import { playChaos, randomFrom, randomPlan } from "./store-random.ts";
import {
  chunk,
  claimOne,
  endingOf,
  entry,
  errorOf,
  item,
  leaseMs,
  play,
  progressOf,
  started,
  successOf,
} from "./store-player.ts";

/** A file of five blocks in three ranges, and the block of 1,024 bytes that they are made of. */
const big = chunk("head", [item("big", 5_000)]);

async function told(store: Store, jobId: string): Promise<{ readonly landed: number; readonly ended: number }> {
  const counters = (await store.job(jobId))?.counters ?? {};
  return { landed: landedBytes(counters), ended: counters.bytesTransferred ?? 0 };
}

export function storeProgressContract(make: () => Promise<Rig>): void {
  test("confirmed blocks of a transfer that runs have landed, also for another process, and count once at its end", async () => {
    const { store, again } = await make();
    const lead = await started(store, [chunk("pack", [item("a", 9 * 1_024), item("b", 500)])]);
    const task = await claimOne(store, lead.jobId);
    await store.confirm(task.lease, progressOf(task, 4), {});
    expect(await told(store, lead.jobId)).toEqual({ landed: 4_096, ended: 0 });
    await store.confirm(task.lease, progressOf(task, 7, [], 4), {});
    expect(await told(await again(), lead.jobId)).toEqual({ landed: 7_168, ended: 0 });
    await store.checkpoint(lead);
    expect(await told(store, lead.jobId)).toEqual({ landed: 7_168, ended: 0 });
    await store.finish(task.lease, successOf(task), {});
    expect(await told(store, lead.jobId)).toEqual({ landed: 9_716, ended: 9_716 });
    await play(store, lead.jobId);
    expect(await told(store, lead.jobId)).toEqual({ landed: 9_716, ended: 9_716 });
    expect((await store.checkpoint(lead)).counters.bytesConfirmed ?? 0).toBe(0);
  });

  test("what was confirmed stays landed while nobody holds its chunk, and a successor adds only what is new", async () => {
    const { store, clock } = await make();
    const lead = await started(store, [chunk("pack", [item("a", 5 * 1_024)])]);
    const first = await claimOne(store, lead.jobId, "one");
    await store.confirm(first.lease, progressOf(first, 2), {});
    await store.release(first.lease, {});
    await store.setStatus(lead, "paused", null);
    expect(await told(store, lead.jobId)).toEqual({ landed: 2_048, ended: 0 });
    await store.setStatus(lead, "running", null);
    const second = await claimOne(store, lead.jobId, "two");
    await store.confirm(second.lease, progressOf(second, 4), {});
    expect(await told(store, lead.jobId)).toEqual({ landed: 4_096, ended: 0 });
    // It dies; whoever takes over reads all of it again, as evidence about whole files asks for.
    clock.nowMs += leaseMs;
    const third = await claimOne(store, lead.jobId, "three");
    await store.confirm(third.lease, progressOf(third, 1, [], 0), {});
    expect(await told(store, lead.jobId)).toEqual({ landed: 1_024, ended: 0 });
    await store.finish(third.lease, successOf({ ...third, receipts: { ...third.receipts, count: 1 } }), {});
    expect(await told(store, lead.jobId)).toEqual({ landed: 5_120, ended: 5_120 });
  });

  test("a confirmation that is recorded twice, since its answer was lost, counts once", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 5 * 1_024)])]);
    const task = await claimOne(store, jobId);
    for (let time = 0; time < 2; time += 1) await store.confirm(task.lease, progressOf(task, 3), {});
    expect(await told(store, jobId)).toEqual({ landed: 3_072, ended: 0 });
  });

  test("items that end otherwise give back what of them was confirmed", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 3_000), item("b", 3_000), item("c", 10)])]);
    const task = await claimOne(store, jobId);
    await store.confirm(task.lease, progressOf(task, 5), {});
    expect(await told(store, jobId)).toEqual({ landed: 3_000 + 2_048, ended: 0 });
    const vanished = endingOf(1, "vanished", { error: errorOf("rejected", "source_vanished") });
    await store.confirm(task.lease, progressOf(task, 6, [vanished], 5), {});
    expect(await told(store, jobId)).toEqual({ landed: 3_000, ended: 0 });
    await store.finish(task.lease, successOf({ ...task, receipts: { ...task.receipts, count: 6 } }), {});
    expect(await told(store, jobId)).toEqual({ landed: 3_010, ended: 3_010 });
  });

  test("ranges of an entry that changed under them give back what they had confirmed", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [big]);
    const prepare = await claimOne(store, jobId);
    await store.finish(prepare.lease, successOf(prepare), {});
    const [one, two, three] = await store.claim(jobId, "w", 3, leaseMs);
    if (one === undefined || two === undefined || three === undefined) throw new Error("three ranges");
    await store.confirm(one.lease, progressOf(one, 1), {});
    await store.confirm(two.lease, progressOf(two, 1), {});
    await store.finish(three.lease, successOf(three), {});
    expect(await told(store, jobId)).toEqual({ landed: 2_048 + 904, ended: 904 });
    const changed = endingOf(0, "changed", { error: errorOf("retry", "source_changed"), now: entry("big", 3_000) });
    await store.finish(two.lease, { type: "entry_ended", ending: changed }, {});
    expect(await told(store, jobId)).toEqual({ landed: 0, ended: 0 });
    await play(store, jobId);
    expect(await told(store, jobId)).toEqual({ landed: 3_000, ended: 3_000 });
  });

  test("a transfer that failed as often as allowed has landed nothing", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 5 * 1_024)])]);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const task = await claimOne(store, jobId);
      await store.confirm(task.lease, progressOf(task, task.receipts.count + 1), {});
      await store.giveUp(task.lease, errorOf("retry"), {});
    }
    expect(await told(store, jobId)).toEqual({ landed: 0, ended: 0 });
  });

  test("checkpoints note how a listed job moves, until it pauses or its terms change", async () => {
    const { store, clock, again } = await make();
    const files = Array.from({ length: 9 }, (_, at) => chunk("pack", [item(`f-${at}`, 1_000)]));
    const lead = await started(store, files);
    const movedOnce = async (): Promise<number> => {
      for (let isMoved = false; !isMoved;) {
        const task = await claimOne(store, lead.jobId);
        await store.finish(task.lease, successOf(task), {});
        isMoved = task.stage === "transfer";
      }
      clock.nowMs += 2_000;
      return (await store.checkpoint(lead)).pace.length;
    };
    // The first says where it began.
    expect([await movedOnce(), await movedOnce()]).toEqual([2, 3]);
    clock.nowMs += 2_000;
    expect((await store.checkpoint(lead)).pace, "nothing moved").toHaveLength(3);
    const last = (await (await again()).job(lead.jobId))?.pace.at(-1);
    expect(last).toEqual({ at: clock.nowMs - 2_000, landed: 2_000, proven: 1_000 });
    const terms = { limitBytesPerSecond: 5_000 };
    await store.setTerms(lead.jobId, { priority: "high" });
    expect((await store.job(lead.jobId))?.pace).toHaveLength(3);
    await store.setTerms(lead.jobId, terms);
    expect((await store.job(lead.jobId))?.pace).toEqual([]);
    expect(await movedOnce()).toBe(1);
    await store.setStatus(lead, "paused", null);
    expect((await store.job(lead.jobId))?.pace).toEqual([]);
    await store.setStatus(lead, "running", null);
    await movedOnce();
    const fleet = await store.lead(lead.jobId, lead.owner, { workers: "fleet" });
    expect((await store.job(lead.jobId))?.pace, "a fleet's workers went on").toHaveLength(1);
    await store.lead(fleet.jobId, lead.owner, { workers: "own" });
    expect((await store.job(lead.jobId))?.pace, "nobody worked in between").toEqual([]);
  });

  test("whatever happens to its tasks, at the end of a job nothing is on its way", async () => {
    const { store, clock } = await make();
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = randomFrom(1_000 + seed);
      const traits = seed % 2 === 0 ? { publishFirst: true, reconcile: true } : {};
      const lead = await started(store, randomPlan(random).chunks, traits);
      await playChaos({ store, clock, random }, lead);
      const counters = (await store.job(lead.jobId))?.counters ?? {};
      expect(counters.bytesConfirmed ?? 0, `seed ${seed}`).toBe(0);
      expect(landedBytes(counters), `seed ${seed}`).toBe(counters["bytes:verified"] ?? 0);
    }
  });
}
