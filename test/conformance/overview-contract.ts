/** What every engine promises of the looks that people take: right, in order, and bounded. */
import { describe, expect, test } from "vitest";
import type { ChunkState } from "../../src/model/chunk.ts";
import type { NewChunk } from "../../src/model/task.ts";
import type { Lead, Store } from "../../src/ports/store.ts";
import { type OpenState, stateRig } from "./state-rig.ts";
import {
  badBlock,
  chunk,
  claimOne,
  errorOf,
  item,
  jobSpec,
  leaseMs,
  play,
  started,
  successOf,
} from "./store-player.ts";

const packs = (count: number) => Array.from({ length: count }, (_, at) => chunk("pack", [item(`f${at}`, 1_000)]));

async function begun(store: Store, chunks: readonly NewChunk[]): Promise<Lead> {
  const lead = await started(store, chunks);
  await store.setStatus(lead, "running", null);
  return lead;
}

export function overviewContract(name: string, open: OpenState): void {
  describe(`overview on ${name}`, () => {
    describe("jobs", () => {
      jobTests(open);
    });
    describe("chunks", () => {
      chunkTests(open);
    });
    describe("fleet", () => {
      fleetTests(open);
    });
    describe("proof", () => {
      proofTests(open);
    });
  });
}

function jobTests(open: OpenState): void {
  test("jobs come by pages, the newest first, also those of one moment, and by their status", async () => {
    const { state, clock } = await stateRig(open);
    for (let made = 0; made < 5; made += 1) {
      await state.store.createJob(jobSpec());
      if (made > 1) clock.nowMs += 10;
    }
    const ids: string[] = [];
    for (let after: { createdAt: number; id: string } | null = null; ;) {
      const page = await state.overview.jobs({ after, limit: 2, status: null });
      ids.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      if (last === undefined || page.length < 2) break;
      after = { createdAt: last.createdAt, id: last.id };
    }
    expect(ids).toEqual(["job-005", "job-004", "job-003", "job-002", "job-001"]);
    await state.store.stopIdle("job-002", "paused");
    const paused = await state.overview.jobs({ after: null, limit: 9, status: "paused" });
    expect(paused.map(({ id }) => id)).toEqual(["job-002"]);
  });

  test("a glance has the job, its leader, and the last attempt that failed, not those that were given back", async () => {
    const { state, clock } = await stateRig(open);
    const { store, overview } = state;
    await expect(overview.glance("none")).rejects.toMatchObject({ code: "job_unknown" });
    const { jobId, owner } = await begun(store, packs(3));
    expect(await overview.glance(jobId)).toMatchObject({ leader: owner, lastFailure: null, now: clock.nowMs });
    const failed = await claimOne(store, jobId, "w1");
    await store.giveUp(failed.lease, errorOf("retry", "unreadable"), {});
    for (let given = 0; given < 3; given += 1) await store.release((await claimOne(store, jobId, "w2")).lease, {});
    const fine = await claimOne(store, jobId, "w2");
    await store.finish(fine.lease, successOf(fine), {});
    const { lastFailure, job } = await overview.glance(jobId);
    expect(lastFailure).toMatchObject({ chunkId: failed.chunkId, worker: "w1", at: clock.nowMs });
    expect(lastFailure?.why).toMatch(/^unreadable: /);
    expect(job).toEqual(await store.job(jobId));
  });

  test("a checkpoint is told as it was folded, with what waits to be folded", async () => {
    const { state, clock } = await stateRig(open);
    const { store, overview } = state;
    const lead = await begun(store, packs(4));
    await store.checkpoint(lead);
    const task = await claimOne(store, lead.jobId);
    await store.finish(task.lease, successOf(task), {});
    expect(await overview.checkpoint(lead.jobId)).toMatchObject({
      now: clock.nowMs,
      counters: { chunksTotal: 4 },
      inboxRows: 1,
      planDone: true,
      phase: 0,
      openRowsByPhase: [4],
      runs: 1,
      leadOwner: lead.owner,
      leadEpoch: lead.epoch,
      leadExpiresAt: lead.expiresAt,
    });
    await store.checkpoint(lead);
    await store.resign(lead);
    const after = await overview.checkpoint(lead.jobId);
    expect(after).toMatchObject({ inboxRows: 0, leadOwner: null, leadExpiresAt: null });
    expect(after.counters.bytesTransferred).toBe(1_000);
  });
}

/** One of them verified, one transferred, one in progress, the rest pending. */
async function mixed(store: Store, count: number): Promise<string> {
  const { jobId } = await begun(store, packs(count));
  const done = await claimOne(store, jobId, "w1");
  for (let task = done; ; task = await claimOne(store, jobId, "w1")) {
    await store.finish(task.lease, successOf(task), {});
    if (task.stage === "publish") break;
  }
  const [second, third] = await store.claim(jobId, "w2", 2, leaseMs);
  if (second === undefined || third === undefined) throw new Error("two more");
  await store.finish(second.lease, successOf(second), {});
  return jobId;
}

function chunkTests(open: OpenState): void {
  test("chunks come by pages and by state", async () => {
    const { state } = await stateRig(open);
    const jobId = await mixed(state.store, 7);
    const seen: number[] = [];
    for (let after: number | null = null; ;) {
      const { chunks, next } = await state.overview.chunks(jobId, null, { after, limit: 3 });
      seen.push(...chunks.map(({ chunkId }) => chunkId));
      if (next === null) break;
      after = next;
    }
    expect(seen).toEqual((await Array.fromAsync(state.store.chunks(jobId))).map(({ chunkId }) => chunkId));
    const counts: Record<string, number> = {};
    for (const watched of ["pending", "in_progress", "transferred", "verified", "failed"] as const) {
      const { chunks, next } = await state.overview.chunks(jobId, watched, { after: null, limit: 10 });
      expect(next).toBeNull();
      expect(chunks.every((row) => row.state === watched)).toBe(true);
      counts[watched] = chunks.length;
    }
    expect(counts).toEqual({ pending: 4, in_progress: 1, transferred: 1, verified: 1, failed: 0 });
    const [held] = (await state.overview.chunks(jobId, "in_progress", { after: null, limit: 1 })).chunks;
    expect(held).toMatchObject({ worker: "w2", stage: "transfer", kind: "pack", bytes: 1_000, parentId: null });
  });

  test("a map sums what the rows say, in buckets that hold each row once", async () => {
    const { state, clock } = await stateRig(open);
    const { jobId: empty } = await begun(state.store, []);
    expect(await state.overview.chunkMap(empty, 10)).toMatchObject({ firstChunkId: null, cells: [] });
    const jobId = await mixed(state.store, 23);
    for (const buckets of [1, 2, 5, 23, 100]) {
      const map = await state.overview.chunkMap(jobId, buckets);
      expect(map.at).toBe(clock.nowMs);
      const sums: Record<string, number> = {};
      for (const cell of map.cells) {
        expect(cell.bucket).toBeGreaterThanOrEqual(0);
        expect(cell.bucket).toBeLessThan(buckets);
        expect(cell.bytes).toBe(1_000 * cell.chunks);
        sums[cell.state] = (sums[cell.state] ?? 0) + cell.chunks;
      }
      expect(sums).toEqual({ pending: 20, in_progress: 1, transferred: 1, verified: 1 });
      expect(new Set(map.cells.map(({ bucket }) => bucket)).size).toBe(Math.min(buckets, 23));
    }
    const rows = await Array.fromAsync(state.store.chunks(jobId));
    const map = await state.overview.chunkMap(jobId, 3);
    expect([map.firstChunkId, map.lastChunkId]).toEqual([rows[0]?.chunkId, rows.at(-1)?.chunkId]);
  });

  test("attempts come the newest first, and those that run by themselves", async () => {
    const { state } = await stateRig(open);
    const jobId = await mixed(state.store, 5);
    const all = (await Array.fromAsync(state.store.attempts(jobId))).filter(({ endedAt }) => endedAt !== null);
    const first = await state.overview.attempts(jobId, { after: null, limit: 2 });
    const rest = await state.overview.attempts(jobId, { after: first.at(-1)?.id ?? null, limit: 100 });
    expect([...first, ...rest]).toMatchObject(all.toReversed());
    expect(await state.overview.running(jobId, 10)).toMatchObject([{ worker: "w2", stage: "transfer", endedAt: null }]);
  });
}

function proofTests(open: OpenState): void {
  test("a chunk that failed for good is told with the digests of its last comparison", async () => {
    const { state } = await stateRig(open);
    const { store, overview } = state;
    const { jobId } = await begun(store, [...packs(3), chunk("head", [item("large", 5_000)])]);
    await play(store, jobId, ({ stage, paths }) =>
      stage === "verify" && paths.some((path) => path === "f1" || path === "large")
        ? { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" }
        : null,
    );
    const failed = await overview.failedChunks(jobId, { after: null, limit: 10 });
    expect(failed.map(({ path, outcome }) => [path, outcome])).toEqual([
      ["large", "failed"],
      // Tried anew in later rows.
      ["f1", "failed"],
    ]);
    for (const { comparison, error } of failed) {
      expect(error?.code).toBe("digest_mismatch");
      expect(comparison?.sourceDigest).toMatch(/^[0-9a-f]{64}$/);
      expect(comparison?.targetDigest).toMatch(/^[0-9a-f]{64}$/);
      expect(comparison?.sourceDigest).not.toBe(comparison?.targetDigest);
    }
    const bad = (await Array.fromAsync(store.verdicts(jobId))).filter(({ result }) => result === "mismatch");
    expect(failed.map(({ comparison }) => comparison?.chunkId)).toEqual(
      failed.map(({ chunkId, kind }) =>
        kind === "head" ? bad.find((verdict) => verdict.path === "large")?.chunkId : chunkId,
      ),
    );
    expect((await overview.failedCounts(jobId)).failed).toBe(2);
    const next = await overview.failedChunks(jobId, { after: failed[0]?.chunkId ?? null, limit: 10 });
    expect(next.map(({ path }) => path)).toEqual(["f1"]);
  });

  test("a chunk that was damaged once and then repaired has not failed", async () => {
    const { state } = await stateRig(open);
    const { store, overview } = state;
    const { jobId } = await begun(store, packs(2));
    let damaged = false;
    await play(store, jobId, ({ stage, paths }) => {
      if (stage !== "verify" || paths[0] !== "f1" || damaged) return null;
      damaged = true;
      return { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" };
    });
    const counters = (await store.job(jobId))?.counters ?? {};
    expect(counters).toMatchObject({ "entries:verified": 2, mismatches: 1 });
    expect(await overview.failedChunks(jobId, { after: null, limit: 10 })).toEqual([]);
    const { failed, notVerified } = await overview.failedCounts(jobId);
    expect(failed).toBe(0);
    const states: ChunkState[] = (await Array.fromAsync(store.chunks(jobId))).map((row) => row.state as ChunkState);
    expect(notVerified).toBe(states.filter((each) => each === "failed").length);
  });

  test("a chunk that could not be read is told without digests, and its entries as exceptions", async () => {
    const { state } = await stateRig(open);
    const { store, overview } = state;
    const { jobId } = await begun(store, packs(3));
    const task = await claimOne(store, jobId);
    await store.giveUp(task.lease, errorOf("rejected", "unreadable"), {});
    await play(store, jobId);
    expect(await overview.failedChunks(jobId, { after: null, limit: 10 })).toMatchObject([
      { chunkId: task.chunkId, outcome: "failed", error: { code: "unreadable" }, comparison: null },
    ]);
    const exceptions = await overview.exceptions(jobId, { after: null, limit: 10 });
    expect(exceptions).toMatchObject([{ chunkId: task.chunkId, outcome: "failed", lost: [] }]);
    expect(await overview.exceptions(jobId, { after: exceptions[0]?.id ?? null, limit: 10 })).toEqual([]);
  });
}

function fleetTests(open: OpenState): void {
  test("the fleet at one glance: statuses, leaders, and of open jobs what a checkpoint has folded", async () => {
    const { state, clock } = await stateRig(open);
    const { store } = state;
    const lead = await begun(store, packs(3));
    const taken = await claimOne(store, lead.jobId);
    await store.finish(taken.lease, successOf(taken), {});
    await store.checkpoint(lead);
    const failing = await claimOne(store, lead.jobId);
    await store.giveUp(failing.lease, errorOf("rejected"), {});
    await claimOne(store, lead.jobId);
    clock.nowMs += 1;
    const waiting = await store.createJob(jobSpec(), { priority: "high", limitBytesPerSecond: null, lanesMax: null });
    const paused = await store.createJob(jobSpec());
    await store.stopIdle(paused.id, "paused");
    const gone = await store.createJob(jobSpec());
    await store.stopIdle(gone.id, "cancelled");
    const glance = await state.overview.fleet(10);
    expect(glance).toMatchObject({
      now: clock.nowMs,
      statuses: { pending: 1, running: 1, paused: 1, cancelled: 1 },
      jobsWithoutLeader: 1,
      jobs: [
        { id: waiting.id, status: "pending", priority: "high", isLed: false, leadEpoch: 0, leasedChunks: 0 },
        {
          id: lead.jobId,
          status: "running",
          priority: "normal",
          isLed: true,
          leadEpoch: 1,
          // Of the end that was not folded, the sums know nothing yet.
          counters: { chunksTotal: 3, bytesTransferred: 1_000 },
          leasedChunks: 1,
          failedChunks: 1,
          inboxRows: 1,
        },
        { id: paused.id, status: "paused", isLed: false },
      ],
    });
    expect(glance.storeBytes).toBeGreaterThan(10_000);
    clock.nowMs += 5_000;
    expect(await state.overview.fleet(1)).toMatchObject({ jobsWithoutLeader: 2, jobs: [{ id: waiting.id }] });
    await store.wish(lead.jobId, "pause");
    expect((await state.overview.fleet(1)).jobsWithoutLeader).toBe(1);
    const leased = async (): Promise<number | undefined> =>
      (await state.overview.fleet(10)).jobs.find(({ id }) => id === lead.jobId)?.leasedChunks;
    expect(await leased()).toBe(1);
    clock.nowMs += 600_000;
    expect(await leased(), "nobody is at work any more").toBe(0);
  });
}
