/**
 * What every engine of the Store promises. An engine passes from a file of ten lines that says how its state in a
 * directory is opened; opening it again must show what was committed.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import type { JobId } from "../../src/model/chunk.ts";
import { unexplained } from "../../src/model/job.ts";
import type { Task } from "../../src/model/task.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import type { BudgetedStore } from "./budgeted-store.ts";
import { budgetContract, budgetParallelContract } from "./budget-contract.ts";
import { storeDeletionContract } from "./store-deletion-contract.ts";
import { storeFleetContract } from "./store-fleet-contract.ts";
import { storeFloorsContract } from "./store-floors-contract.ts";
import { storeFlowContract } from "./store-flow-contract.ts";
import { storeParallelContract } from "./store-parallel-contract.ts";
import { storeProgressContract } from "./store-progress-contract.ts";
import { storeProofContract } from "./store-proof-contract.ts";
import {
  chunk,
  claimOne,
  errorOf,
  item,
  jobSpec,
  leaseMs,
  ManualClock,
  planOf,
  play,
  progressOf,
  started,
  successOf,
} from "./store-player.ts";

export interface OpenOptions {
  readonly clock: ManualClock;
  readonly newJobId: () => JobId;
  readonly isAlive?: (owner: string) => boolean;
}
export type OpenStore = (directory: string, options: OpenOptions) => Promise<BudgetedStore>;

export interface Rig {
  readonly store: BudgetedStore;
  readonly clock: ManualClock;
  /** The same state, opened once more. */
  readonly again: (isAlive?: (owner: string) => boolean) => Promise<BudgetedStore>;
}

async function rig(open: OpenStore): Promise<Rig> {
  const directory = tempDir("store");
  const clock = new ManualClock();
  let jobs = 0;
  const newJobId = (): string => `job-${(jobs += 1)}`;
  const again = async (isAlive?: (owner: string) => boolean): Promise<BudgetedStore> => {
    const store = await open(directory, { clock, newJobId, ...(isAlive !== undefined && { isAlive }) });
    // A server has only so many connections.
    onTestFinished(() => store[Symbol.asyncDispose]());
    return store;
  };
  return { store: await again(), clock, again };
}

const twoFiles = [chunk("pack", [item("a", 1500), item("b", 200)])];

/** @param isShared many processes write to it at once */
export function storeContract(name: string, open: OpenStore, isShared: boolean): void {
  describe(`store on ${name}`, () => {
    describe("a fleet", () => {
      storeFleetContract(() => rig(open));
      storeFloorsContract(() => rig(open));
    });
    describe("jobs", () => {
      jobTests(open);
    });
    describe("leads", () => {
      leadTests(open);
    });
    describe("leases", () => {
      leaseTests(open);
    });
    storeFlowContract(() => rig(open));
    describe("proof", () => {
      storeProofContract(() => rig(open));
    });
    describe("progress", () => {
      storeProgressContract(() => rig(open));
    });
    describe("deletions", () => {
      storeDeletionContract(() => rig(open));
    });
    describe("the budget", () => {
      budgetContract(() => rig(open));
      if (isShared) budgetParallelContract(() => rig(open));
    });
    if (isShared) storeParallelContract(() => rig(open));
  });
}

function jobTests(open: OpenStore): void {
  test("a job is found as it was made, newest first, also by another process", async () => {
    const { store, clock, again } = await rig(open);
    const first = await store.createJob(jobSpec());
    clock.nowMs += 1000;
    const second = await store.createJob(jobSpec({ reconcile: true }));
    expect(first).toMatchObject({ status: "pending", runs: 0, planDone: false, phase: 0, counters: {}, failure: null });
    const other = await again();
    expect((await other.jobs()).map((job) => job.id)).toEqual([second.id, first.id]);
    expect(await other.job(second.id)).toEqual(second);
    expect(await other.job("none")).toBeNull();
  });

  test("a wish is seen by the process that runs the job", async () => {
    const { store, again } = await rig(open);
    const { id } = await store.createJob(jobSpec());
    await (await again()).wish(id, "pause");
    expect((await store.job(id))?.wish).toBe("pause");
    await expect(store.wish("none", "cancel")).rejects.toMatchObject({ code: "job_unknown" });
  });

  test("only a job that has ended is removed, with all its rows, and no other's", async () => {
    const { store } = await rig(open);
    const lead = await started(store, twoFiles);
    const other = await started(store, twoFiles);
    await play(store, lead.jobId);
    await store.setStatus(lead, "paused", null);
    await expect(store.removeJob(lead.jobId)).rejects.toMatchObject({ code: "job_state" });
    await store.setStatus(lead, "complete", null);
    await store.removeJob(lead.jobId);
    expect(await store.job(lead.jobId)).toBeNull();
    expect(await Array.fromAsync(store.chunks(lead.jobId))).toEqual([]);
    expect(await Array.fromAsync(store.verdicts(lead.jobId))).toEqual([]);
    expect(await Array.fromAsync(store.chunks(other.jobId))).toHaveLength(1);
    expect(await play(store, other.jobId)).toHaveLength(3);
  });

  test("a status says when the job began and ended, and why it failed", async () => {
    const { store, clock } = await rig(open);
    const lead = await started(store, []);
    clock.nowMs += 500;
    await store.setStatus(lead, "failed", errorOf("fatal", "listing_failed"));
    const job = await store.job(lead.jobId);
    expect(job).toMatchObject({ status: "failed", startedAt: clock.nowMs - 500, endedAt: clock.nowMs });
    expect(job?.failure?.code).toBe("listing_failed");
  });

  test("each run is kept with its read limit, and with what the runs before it had read", async () => {
    const { store, clock, again } = await rig(open);
    const { id, limits } = await store.createJob(jobSpec());
    expect(limits).toEqual([]);
    const first = await store.lead(id, "host:1:1", { limitBytesPerSecond: 50_000_000 });
    await store.count(first, { sourceBytesRead: 700 });
    await store.resign(first);
    clock.nowMs += 1_000;
    const other = await again();
    const second = await other.lead(id, "host:2:2");
    await other.count(second, { sourceBytesRead: 300 });
    expect((await store.checkpoint(second)).limits).toEqual([
      { startedAt: clock.nowMs - 1_000, bytesPerSecond: 50_000_000, bytesReadBefore: 0 },
      { startedAt: clock.nowMs, bytesPerSecond: null, bytesReadBefore: 700 },
    ]);
  });

  test("a plan is resumed after its last page", async () => {
    const { store, again } = await rig(open);
    const { id } = await store.createJob(jobSpec());
    const lead = await store.lead(id, "host:1:1");
    await store.addPlan(lead, planOf(twoFiles, false));
    const found = await (await again()).job(id);
    expect(found).toMatchObject({ planCursor: "after", planDone: false });
    expect(found?.counters).toMatchObject({ listedEntries: 2, listedBytes: 1700, chunksTotal: 1 });
  });
}

function leadTests(open: OpenStore): void {
  test("a second owner is refused until the lead has expired", async () => {
    const { store, clock, again } = await rig(open);
    const { id } = await store.createJob(jobSpec());
    const lead = await store.lead(id, "host:1:1");
    const other = await again();
    await expect(other.lead(id, "host:2:2")).rejects.toMatchObject({ code: "job_locked" });
    clock.nowMs += 2_900;
    const renewed = await store.renewLead(lead);
    clock.nowMs += 2_900;
    await expect(other.lead(id, "host:2:2")).rejects.toMatchObject({ code: "job_locked" });
    clock.nowMs = renewed.expiresAt;
    expect((await other.lead(id, "host:2:2")).epoch).toBe(lead.epoch + 1);
    expect((await other.job(id))?.runs).toBe(2);
  });

  test("a lead passes at once when it was resigned, or when its process is gone", async () => {
    const { store, again } = await rig(open);
    const { id } = await store.createJob(jobSpec());
    await store.lead(id, "host:1:1");
    const other = await again((owner) => owner !== "host:1:1");
    const second = await other.lead(id, "host:2:2");
    await other.resign(second);
    await expect(store.lead(id, "host:3:3")).resolves.toMatchObject({ owner: "host:3:3" });
    await other.resign(second);
    await expect(store.lead(id, "host:4:4")).rejects.toMatchObject({ code: "job_locked" });
  });

  test("whoever lost the lead can write nothing more", async () => {
    const { store, clock } = await rig(open);
    const old = await started(store, twoFiles);
    clock.nowMs += 3_000;
    await store.lead(old.jobId, "host:2:2");
    const writes = [
      () => store.renewLead(old),
      () => store.setStatus(old, "complete", null),
      () => store.addPlan(old, planOf(twoFiles)),
      () => store.checkpoint(old),
      () => store.count(old, { deleted: 1 }),
    ];
    for (const write of writes)
      await expect(write()).rejects.toMatchObject({ code: "lease_lost", disposition: "fenced" });
  });

  test("a new leader frees what the old one's lanes held, and refuses their late answers", async () => {
    const { store, again } = await rig(open);
    const { jobId } = await started(store, twoFiles);
    const task = await claimOne(store, jobId);
    await store.confirm(task.lease, progressOf(task, 1), {});
    const other = await again(() => false);
    await other.lead(jobId, "host:2:2");
    const taken = await claimOne(other, jobId);
    expect(taken.chunkId).toBe(task.chunkId);
    expect(taken.receipts.count).toBe(1);
    await expect(store.finish(task.lease, successOf(task), {})).rejects.toMatchObject({ code: "lease_lost" });
    const attempts = await Array.fromAsync(other.attempts(jobId));
    expect(attempts.map(({ why }) => why)).toEqual(["leader replaced", null]);
  });

  test("the leader is known while it lives and renews, and to nobody else", async () => {
    const { store, clock, again } = await rig(open);
    const { id } = await store.createJob(jobSpec());
    expect(await store.leader(id)).toBeNull();
    await store.lead(id, "host:1:1");
    expect(await store.leader(id)).toBe("host:1:1");
    expect(await (await again((owner) => owner !== "host:1:1")).leader(id)).toBeNull();
    clock.nowMs += 3_000;
    expect(await store.leader(id)).toBeNull();
  });

  test("a wish is gone once it is obeyed; one that came too late stays", async () => {
    const { store } = await rig(open);
    const lead = await started(store, []);
    await store.wish(lead.jobId, "pause");
    expect(await store.setStatus(lead, "paused", null)).toMatchObject({ status: "paused", wish: null });
    await store.wish(lead.jobId, "cancel");
    expect(await store.setStatus(lead, "paused", null)).toMatchObject({ status: "paused", wish: "cancel" });
    expect(await store.setStatus(lead, "cancelled", null)).toMatchObject({ status: "cancelled", wish: null });
  });

  test("a job that is led is not stopped from outside; one that is not led is, with its leases and its wish", async () => {
    const { store, clock } = await rig(open);
    const lead = await started(store, twoFiles);
    const task = await claimOne(store, lead.jobId);
    await store.wish(lead.jobId, "cancel");
    expect(await store.stopIdle(lead.jobId, "cancelled")).toBe(false);
    expect(await store.job(lead.jobId)).toMatchObject({ wish: "cancel", endedAt: null });
    clock.nowMs += 3_000;
    expect(await store.stopIdle(lead.jobId, "cancelled")).toBe(true);
    expect(await store.job(lead.jobId)).toMatchObject({
      status: "cancelled",
      wish: null,
      runs: 1,
      endedAt: clock.nowMs,
    });
    await expect(store.renewLead(lead)).rejects.toMatchObject({ code: "lease_lost" });
    await expect(store.finish(task.lease, successOf(task), {})).rejects.toMatchObject({ code: "lease_lost" });
  });
}

function leaseTests(open: OpenStore): void {
  test("a task is given to one worker, and expires by the Store's clock", async () => {
    const { store, clock } = await rig(open);
    const { jobId } = await started(store, twoFiles);
    const task = await claimOne(store, jobId, "one");
    expect(task).toMatchObject({ stage: "transfer", kind: "pack", attempt: 0, ranges: null });
    expect(await store.claim(jobId, "two", 5, leaseMs)).toEqual([]);
    clock.nowMs += leaseMs - 1;
    expect(await store.claim(jobId, "two", 5, leaseMs)).toEqual([]);
    expect(await store.open(jobId)).toEqual({ claimable: 0, leased: 1, all: 1 });
    clock.nowMs += 1;
    expect(await store.open(jobId)).toEqual({ claimable: 1, leased: 0, all: 1 });
    const again = await claimOne(store, jobId, "two");
    expect(again.chunkId).toBe(task.chunkId);
    expect(again.lease.epoch).toBe(task.lease.epoch + 1);
  });

  test("a stale epoch confirms, finishes, gives up, releases and renews nothing", async () => {
    const { store, clock } = await rig(open);
    const { jobId } = await started(store, twoFiles);
    const stale = await claimOne(store, jobId);
    clock.nowMs += leaseMs;
    const fresh = await claimOne(store, jobId);
    const writes = [
      () => store.confirm(stale.lease, progressOf(stale, 2), {}),
      () => store.finish(stale.lease, successOf(stale), {}),
      () => store.giveUp(stale.lease, errorOf("retry"), {}),
      () => store.release(stale.lease, {}),
    ];
    for (const write of writes)
      await expect(write()).rejects.toMatchObject({ code: "lease_lost", disposition: "fenced" });
    expect(await store.renew([stale.lease, fresh.lease], leaseMs)).toEqual([
      { ...fresh.lease, expiresAt: clock.nowMs + leaseMs },
    ]);
    await store.finish(fresh.lease, successOf(fresh), {});
    expect(await store.renew([fresh.lease], leaseMs)).toEqual([]);
  });

  test("a renewed lease lives on", async () => {
    const { store, clock } = await rig(open);
    const { jobId } = await started(store, twoFiles);
    const task = await claimOne(store, jobId);
    clock.nowMs += leaseMs - 1;
    expect(await store.renew([task.lease], leaseMs)).toHaveLength(1);
    clock.nowMs += leaseMs - 1;
    expect(await store.claim(jobId, "two", 1, leaseMs)).toEqual([]);
  });

  test("confirmed blocks survive the process, and come in order with the next claim", async () => {
    const { store, clock, again } = await rig(open);
    const { jobId } = await started(store, [chunk("pack", [item("a", 5000)])]);
    const task = await claimOne(store, jobId);
    await store.confirm(task.lease, progressOf(task, 2), {});
    const whole = progressOf(task, 4).receipts;
    await store.confirm(
      task.lease,
      { firstBlock: 1, receipts: { ...whole, count: 3, digests: whole.digests.slice(32) }, bytes: 1700, endings: [] },
      {},
    );
    clock.nowMs += leaseMs;
    const other = await again();
    const taken = await claimOne(other, jobId);
    expect(taken.receipts).toEqual(whole);
    await other.finish(taken.lease, successOf(taken), {});
    const verify = await claimOne(other, jobId);
    expect(verify.stage).toBe("verify");
    expect(verify.receipts.count).toBe(5);
    expect(verify.receipts.digests.subarray(0, 128)).toEqual(whole.digests);
  });

  test("a release counts as no attempt, a retry does, and what stops the whole job says nothing about a chunk", async () => {
    const { store } = await rig(open);
    const { jobId } = await started(store, twoFiles);
    const attempts: number[] = [];
    const end: ((task: Task) => Promise<void>)[] = [
      (task) => store.release(task.lease, { sourceBytesRead: 7 }),
      (task) => store.giveUp(task.lease, errorOf("fatal", "disk_full"), {}),
      (task) => store.giveUp(task.lease, errorOf("retry"), {}),
      (task) => store.giveUp(task.lease, errorOf("retry"), {}),
      (task) => store.giveUp(task.lease, errorOf("retry"), {}),
    ];
    for (const finish of end) {
      const task = await claimOne(store, jobId);
      attempts.push(task.attempt);
      await finish(task);
    }
    expect(attempts).toEqual([0, 0, 0, 1, 2]);
    const counters = (await store.job(jobId))?.counters ?? {};
    expect(counters).toMatchObject({
      "entries:failed": 2,
      chunksTotal: 1,
      chunksDone: 1,
      retries: 2,
      sourceBytesRead: 7,
    });
    expect(unexplained(counters)).toBeNull();
    expect(await Array.fromAsync(store.exceptions(jobId))).toHaveLength(2);
    const whys = (await Array.fromAsync(store.attempts(jobId))).map(({ why }) => why);
    expect(whys[0]).toBe("released");
    expect(whys[1]).toContain("disk_full");
  });
}
