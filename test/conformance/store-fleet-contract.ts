/** What a fleet asks of the Store: terms that change, workers that come and go, leaders that leave workers alone. */
import { expect, test } from "vitest";
import { usualTerms } from "../../src/model/job.ts";
import type { WorkerBeat } from "../../src/ports/store.ts";
import type { Rig } from "./store-contract.ts";
import { chunk, claimOne, errorOf, item, jobSpec, leaseMs, planOf, play, started, successOf } from "./store-player.ts";

const files = (count: number) => Array.from({ length: count }, (_, at) => chunk("pack", [item(`f-${at}`, 100)]));

function worker(id: string, failure: string | null = null): WorkerBeat {
  return { id, host: "host", version: "1.0.0", lanes: 2, failure };
}

export function storeFleetContract(make: () => Promise<Rig>): void {
  test("a job's terms are kept, change while it runs, and order the jobs that are open", async () => {
    const { store, clock } = await make();
    const ids: string[] = [];
    for (const priority of ["low", "normal", "high", "normal"] as const) {
      clock.nowMs += 1;
      ids.push((await store.createJob(jobSpec(), { ...usualTerms, priority })).id);
    }
    const [low, first, high, second] = ids;
    expect((await store.openJobs()).map(({ id }) => id)).toEqual([high, first, second, low]);
    const terms = { priority: "high", limitBytesPerSecond: 5_000_000, lanesMax: 3 } as const;
    await store.setTerms(low ?? "", terms);
    expect((await store.job(low ?? ""))?.terms).toEqual(terms);
    expect((await store.openJobs()).map(({ id }) => id)).toEqual([low, high, first, second]);
    await store.lead(first ?? "", "host:1:1");
    expect((await store.openJobs()).map(({ isLed }) => isLed)).toEqual([false, false, true, false]);
    await expect(store.setTerms("none", terms)).rejects.toMatchObject({ code: "job_unknown" });
    await Promise.all([store.setTerms(high ?? "", { lanesMax: 9 }), store.setTerms(high ?? "", { priority: "low" })]);
    expect((await store.job(high ?? ""))?.terms).toEqual({ priority: "low", limitBytesPerSecond: null, lanesMax: 9 });
    await store.stopIdle(high ?? "", "cancelled");
    await expect(store.setTerms(high ?? "", terms)).rejects.toMatchObject({ code: "job_state" });
  });

  test("nothing of a job is claimed that nobody has begun, that is paused, or that is asked to stop", async () => {
    const { store } = await make();
    const job = await store.createJob(jobSpec());
    const lead = await store.lead(job.id, "host:1:1");
    await store.addPlan(lead, planOf(files(3)));
    expect(await store.claim(job.id, "w", 1, leaseMs)).toEqual([]);
    await store.setStatus(lead, "running", null);
    expect(await store.claim(job.id, "w", 1, leaseMs)).toHaveLength(1);
    await store.wish(job.id, "pause");
    expect(await store.claim(job.id, "w", 1, leaseMs)).toEqual([]);
    await store.setStatus(lead, "paused", null);
    await store.wish(job.id, null);
    expect(await store.claim(job.id, "w", 1, leaseMs)).toEqual([]);
    expect(await store.openJobs()).toEqual([]);
    await store.requeue(job.id);
    expect(await store.openJobs()).toMatchObject([{ id: job.id, status: "pending", wish: null }]);
    await expect(store.requeue(job.id)).rejects.toMatchObject({ code: "job_state" });
    await store.setStatus(lead, "running", null);
    expect(await store.claim(job.id, "w", 1, leaseMs)).toHaveLength(1);
  });

  test("a new leader of a fleet leaves its workers' leases alone", async () => {
    const { store, clock } = await make();
    const first = await started(store, files(2));
    const task = await claimOne(store, first.jobId);
    clock.nowMs = first.expiresAt + 1;
    const second = await store.lead(first.jobId, "host:2:2", { workers: "fleet" });
    await store.finish(task.lease, successOf(task), {});
    await expect(store.setStatus(first, "paused", null)).rejects.toMatchObject({ code: "lease_lost" });
    expect((await store.checkpoint(second)).counters).toMatchObject({ bytesTransferred: 100 });
    expect((await claimOne(store, first.jobId, "other")).stage).toBe("verify");
  });

  test("a worker's objection pauses a job, and the first reason stays until it does", async () => {
    const { store } = await make();
    const lead = await started(store, files(1));
    await store.object(lead.jobId, errorOf("fatal", "disk_full"));
    await store.object(lead.jobId, errorOf("fatal", "unreadable"));
    const asked = await store.setStatus(lead, "reconciling", null);
    expect(asked).toMatchObject({ wish: "pause", failure: { code: "disk_full" } });
    await store.setStatus(lead, "paused", null);
    await store.requeue(lead.jobId);
    expect(await store.job(lead.jobId)).toMatchObject({ status: "pending", wish: null, failure: null });
    await store.object(lead.jobId, errorOf("fatal", "disk_full"));
    expect(await store.job(lead.jobId)).toMatchObject({ wish: null, failure: null });
  });

  test("workers are alive while they say so, then lost; those that leave say that", async () => {
    const { store, clock } = await make();
    const startedAt = clock.nowMs;
    expect(await store.beat(worker("a:1:1"))).toBe(clock.nowMs);
    await store.beat(worker("b:2:2", "unreadable: no"));
    await store.beat(worker("c:3:3"));
    await store.leave("c:3:3");
    clock.nowMs += 29_999;
    await store.beat(worker("b:2:2"));
    const seenAt = clock.nowMs;
    clock.nowMs += 1;
    const all = await store.workers();
    expect(all.map(({ id, state, failure }) => [id, state, failure])).toEqual([
      ["a:1:1", "lost", null],
      ["b:2:2", "alive", null],
      ["c:3:3", "left", null],
    ]);
    expect(all[1]).toMatchObject({ startedAt, seenAt, host: "host", version: "1.0.0", lanes: 2 });
    clock.nowMs += 24 * 3_600_000;
    await store.beat(worker("d:4:4"));
    expect((await store.workers()).map(({ id }) => id)).toEqual(["d:4:4"]);
  });

  test("a read-back is left to another worker for a while, where there is one", async () => {
    const { store, clock, again } = await make();
    const other = await again();
    await store.beat(worker("a:1:1"));
    await other.beat(worker("b:2:2"));
    await store.beat(worker("a:1:1"));
    const { jobId } = await started(store, files(1));
    const task = await claimOne(store, jobId, "a:1:1/lane-1");
    await store.finish(task.lease, successOf(task), {});
    expect(await store.claim(jobId, "a:1:1/lane-2", 1, leaseMs)).toEqual([]);
    clock.nowMs += 9_999;
    expect(await store.claim(jobId, "a:1:1/lane-1", 1, leaseMs)).toEqual([]);
    const [read] = await other.claim(jobId, "b:2:2/lane-1", 1, leaseMs);
    expect(read?.stage).toBe("verify");
    await other.release(read?.lease ?? task.lease, {});
    clock.nowMs += 10_000;
    expect((await claimOne(store, jobId, "a:1:1/lane-1")).stage).toBe("verify");
  });

  test("alone, a worker reads back itself, but with another lane where it can", async () => {
    const { store } = await make();
    await store.beat(worker("a:1:1"));
    const { jobId } = await started(store, files(2));
    const lanes = ["a:1:1/lane-1", "a:1:1/lane-2"] as const;
    const sent = [await claimOne(store, jobId, lanes[0]), await claimOne(store, jobId, lanes[1])];
    for (const task of sent) await store.finish(task.lease, successOf(task), {});
    const read = [await claimOne(store, jobId, lanes[0]), await claimOne(store, jobId, lanes[1])];
    expect(read.map(({ chunkId, stage }) => [chunkId, stage])).toEqual([
      [sent[1]?.chunkId, "verify"],
      [sent[0]?.chunkId, "verify"],
    ]);
  });

  test("no more tasks of a job are under way than its terms allow; what expired is not under way", async () => {
    const { store, clock } = await make();
    const { jobId } = await started(store, files(6));
    await store.setTerms(jobId, { ...usualTerms, lanesMax: 2 });
    expect(await store.claim(jobId, "w", 5, leaseMs)).toHaveLength(2);
    expect(await store.claim(jobId, "v", 1, leaseMs)).toEqual([]);
    await store.setTerms(jobId, { ...usualTerms, lanesMax: 3 });
    expect(await store.claim(jobId, "v", 5, leaseMs)).toHaveLength(1);
    clock.nowMs += leaseMs;
    expect(await store.claim(jobId, "u", 9, leaseMs)).toHaveLength(3);
    await store.setTerms(jobId, usualTerms);
    expect(await store.claim(jobId, "u", 9, leaseMs)).toHaveLength(3);
  });

  test("whoever folds the inbox is told once which chunks were added, and which ended", async () => {
    const { store, clock } = await make();
    const lead = await started(store, [...files(2), chunk("head", [item("large", 5_000)])]);
    const first = await store.checkpoint(lead);
    // Setting the status has folded what the plan told.
    expect(first.news).toEqual([]);
    const running = await store.createJob(jobSpec());
    const second = await store.lead(running.id, "host:1:1");
    const plannedAt = clock.nowMs;
    await store.addPlan(second, planOf([...files(1), chunk("head", [item("large", 5_000)])]));
    clock.nowMs += 5;
    const planned = await store.setStatus(second, "running", null);
    const [pack = 0, head = 0] = planned.news.flatMap(({ added }) => added);
    expect(planned.news).toEqual([{ at: plannedAt, added: [pack, head], ended: [] }]);
    const steps = await play(store, running.id);
    const ranges = new Set(steps.filter(({ kind }) => kind === "range").map(({ task }) => task.chunkId));
    expect(ranges.size).toBe(3);
    const { news } = await store.checkpoint(second);
    expect(new Set(news.flatMap(({ added }) => added))).toEqual(ranges);
    expect(news.flatMap(({ ended }) => ended).toSorted((a, b) => a - b)).toEqual([pack, head, ...ranges]);
    expect((await store.checkpoint(second)).news).toEqual([]);
  });

  test("a claim tells how long the chunk has waited, and whether it was taken over", async () => {
    const { store, clock } = await make();
    const { jobId } = await started(store, files(1));
    clock.nowMs += 700;
    expect((await claimOne(store, jobId)).wait).toEqual({ ms: 700, tookOver: false });
    clock.nowMs += leaseMs + 250;
    expect((await claimOne(store, jobId)).wait).toEqual({ ms: 250, tookOver: true });
  });
}
