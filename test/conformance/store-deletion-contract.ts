/** The fourth part of the Store's contract: what only the target has, and is to be deleted there. */
import { expect, test } from "vitest";
import type { Rig } from "./store-contract.ts";
import { chunk, claimOne, endingOf, errorOf, item, jobSpec, leaseMs, planOf, play, started } from "./store-player.ts";

export function storeDeletionContract(make: () => Promise<Rig>): void {
  test("what is planned is counted with the rows, for whoever goes on with the plan", async () => {
    const { store, again } = await make();
    const job = await store.createJob(jobSpec({ kind: "sync" }));
    const lead = await store.lead(job.id, "host:1:1");
    await store.addPlan(lead, planOf([chunk("extras", [item("x", 1), item("y", 1)])], false));
    await store.addPlan(lead, planOf([chunk("extra_directories", [item("d", 0, "directory")])], false));
    await store.checkpoint(lead);
    expect((await (await again()).job(job.id))?.counters).toMatchObject({ deletionsPlanned: 3 });
  });

  test("what was not deleted is counted apart, for the source never listed it", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("extras", [item("x", 10), item("y", 10)])]);
    const refused = endingOf(1, "failed", { error: errorOf("rejected", "access_denied") });
    await play(store, jobId, () => ({ type: "removed", count: 1, endings: [refused] }));
    const counters = (await store.job(jobId))?.counters ?? {};
    expect(counters).toMatchObject({ deleted: 1, deletionsFailed: 1 });
    expect(counters["entries:failed"]).toBeUndefined();
  });

  test.for([0, 1, 3])("a removal is told that %i entries did not arrive", async (count) => {
    const { store } = await make();
    const bad = (["failed", "unsupported", "vanished"] as const).slice(0, count);
    const good = ["unchanged", "filtered"] as const;
    const endings = [...bad, ...good].map((outcome, index) => endingOf(index, outcome));
    const settled = chunk(
      "settled",
      endings.map((_, index) => item(`s${index}`, 1)),
      endings,
    );
    const { jobId } = await started(store, [settled, chunk("extras", [item("x", 1)]), chunk("pack", [item("a", 1)])]);
    const steps = await play(store, jobId);
    expect(steps.map(({ task }) => [task.stage, task.withheldBy])).toEqual([
      ["transfer", 0],
      ["verify", 0],
      ["publish", 0],
      ["remove", count],
    ]);
  });

  test("directories are removed one row after another, the last first: what is in them comes after them", async () => {
    const { store, clock } = await make();
    const rows = ["d", "d/e", "d/e/f"].map((path) => chunk("extra_directories", [item(path, 0, "directory")]));
    const { jobId } = await started(store, rows);
    const [first, ...more] = await store.claim(jobId, "one", 3, leaseMs);
    expect(more).toEqual([]);
    expect(await store.claim(jobId, "two", 3, leaseMs)).toEqual([]);
    clock.nowMs += leaseMs;
    const second = await claimOne(store, jobId, "two");
    expect(second.chunkId).toBe(first?.chunkId);
    await store.finish(second.lease, { type: "removed", count: 1, endings: [] }, {});
    expect((await play(store, jobId)).map(({ paths }) => paths)).toEqual([["d/e"], ["d"]]);
  });

  test("a deletion that is tried again fails once", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("extras", [item("x", 10)])]);
    const busy = endingOf(0, "failed", { error: errorOf("retry", "store_busy") });
    expect(await play(store, jobId, () => ({ type: "removed", count: 0, endings: [busy] }))).toHaveLength(3);
    expect((await store.job(jobId))?.counters).toMatchObject({ deletionsFailed: 1, retries: 2 });
  });
}
