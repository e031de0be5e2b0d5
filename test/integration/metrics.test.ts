/** What a process counts, over a real store: every end of a task, every lease that runs out, every look at the fleet. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { GodwitError } from "../../src/base/errors.ts";
import { ReadLatency } from "../../src/model/read-latency.ts";
import { meteredBudget, meteredStore } from "../../src/decorators/metering.ts";
import { retryStore } from "../../src/decorators/retry.ts";
import { fleetMetrics } from "../../src/platform/metrics/fleet-metrics.ts";
import { type ProcessMetrics, processMetrics } from "../../src/platform/metrics/process-metrics.ts";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import type { State } from "../../src/store/state.ts";
import {
  badBlock,
  chunk,
  claimOne,
  errorOf,
  item,
  leaseMs,
  ManualClock,
  progressOf,
  started,
  successOf,
} from "../conformance/store-player.ts";
import { tempDir } from "../testbed/temp-dir.ts";

/** Whoever sleeps is woken by its signal, until nobody has patience any more. */
class PatientClock extends ManualClock {
  isPatient = true;

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.isPatient || signal === undefined) return super.sleep(ms);
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  }
}

interface Measured extends ProcessMetrics {
  readonly clock: PatientClock;
  readonly state: State;
  /** The value of a sample; undefined where there is none. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number | undefined>;
}

async function measured(): Promise<Measured> {
  const clock = new PatientClock();
  let jobs = 0;
  const newJobId = (): string => `job-${(jobs += 1)}`;
  const opened = await openSqliteState({ path: join(tempDir("metrics"), "state.db"), clock, newJobId });
  onTestFinished(() => opened.store[Symbol.asyncDispose]());
  const metrics = processMetrics({ clock, version: "1.2.3", role: "worker" });
  const { instruments, registry } = metrics;
  const store = meteredStore(opened.store, instruments, clock);
  const state = { ...opened, store, budget: meteredBudget(opened.budget, instruments, clock) };
  const value: Measured["value"] = async (name, labels = {}) => {
    const wanted = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    const lines = (await registry.metrics()).split("\n").filter((line) => new RegExp(`^${name}[ {]`).test(line));
    const line = lines.find((each) => wanted.every((text) => each.includes(text)));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
  };
  return { ...metrics, clock, state, value };
}

const packs = (count: number) => Array.from({ length: count }, (_, at) => chunk("pack", [item(`f${at}`, 1_000)]));

test("each end of a task is counted once, by stage and reason, with its bytes and its time", async () => {
  const { state, clock, value } = await measured();
  const { store } = state;
  const { jobId } = await started(store, packs(4));
  clock.nowMs += 3_000;
  const first = await claimOne(store, jobId, "host:1:1/lane-1");
  expect(await value("godwit_tasks_running", { stage: "transfer" })).toBe(1);
  await store.confirm(first.lease, progressOf(first, 1), { sourceBytesRead: 600, targetBytesWritten: 600 });
  clock.nowMs += 2_000;
  await store.finish(first.lease, successOf({ ...first, receipts: { ...first.receipts, count: 1 } }), {
    sourceBytesRead: 400,
    retries: 2,
  });
  const bad = await claimOne(store, jobId, "host:2:2/lane-1");
  await store.finish(bad.lease, { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" }, {});
  const failed = await claimOne(store, jobId);
  await store.giveUp(failed.lease, errorOf("retry", "access_denied"), {});
  const back = await claimOne(store, jobId);
  await store.release(back.lease, {});
  const ends = (reason: string, stage = "transfer") => value("godwit_attempts_total", { stage, reason });
  expect([await ends("done"), await ends("access_denied"), await ends("released")]).toEqual([1, 1, 1]);
  expect(await ends("done", "verify")).toBe(1);
  expect(await value("godwit_mismatches_total", { stage: "verify" })).toBe(1);
  expect(await value("godwit_source_read_bytes_total")).toBe(1_000);
  expect(await value("godwit_target_written_bytes_total")).toBe(600);
  expect(await value("godwit_requests_retried_total")).toBe(2);
  expect(await value("godwit_tasks_running", { stage: "transfer" })).toBe(0);
  expect(await value("godwit_claim_wait_seconds_bucket", { stage: "transfer", le: "1" })).toBe(0);
  expect(await value("godwit_claim_wait_seconds_bucket", { stage: "transfer", le: "5" })).toBeGreaterThan(0);
  expect(await value("godwit_task_duration_seconds_sum", { stage: "transfer" })).toBe(2);
});

test("a lease that runs out is counted by whoever takes over, and as lost by whoever had it", async () => {
  const { state, clock, value } = await measured();
  const { store } = state;
  const { jobId } = await started(store, packs(2));
  const slow = await claimOne(store, jobId, "host:1:1/lane-1");
  const late = await claimOne(store, jobId, "host:1:1/lane-2");
  clock.nowMs += leaseMs + 1;
  await store.claim(jobId, "host:2:2/lane-1", 2, leaseMs);
  expect(await value("godwit_leases_expired_total", { stage: "transfer" })).toBe(2);
  await expect(store.finish(slow.lease, successOf(slow), { sourceBytesRead: 9 })).rejects.toMatchObject({
    code: "lease_lost",
  });
  expect(await store.renew([late.lease], leaseMs)).toEqual([]);
  expect(await value("godwit_attempts_total", { reason: "lease_lost" })).toBe(2);
  expect(await value("godwit_source_read_bytes_total"), "what was refused is not recorded").toBeUndefined();
  expect(await value("godwit_store_errors_total", { operation: "finish", code: "lease_lost" })).toBe(1);
  expect(await value("godwit_store_up"), "it answered").toBe(1);
});

test("bytes count for the source that covers the job, once a share was granted", async () => {
  const { state, value } = await measured();
  const { store, budget } = state;
  const limits = { id: "archive", location: "file:///source", production: false, timetable: null, thresholds: [] };
  await budget.putSource({ ...limits, statedPeakBytesPerSecond: null, limitBytesPerSecond: 1_000 });
  const { jobId } = await started(store, packs(1));
  const holds = { bytesPerSecond: 0, lanes: 0 };
  const request = { worker: "host:1:1", jobId, holds, wantsBytesPerSecond: null, lanesWanted: 1 };
  await budget.grant({ ...request, readLatencyP95Ms: null, slowDowns: 0 });
  const task = await claimOne(store, jobId);
  await store.finish(task.lease, successOf(task), { sourceBytesRead: 1_000 });
  expect(await value("godwit_source_read_bytes_total", { source: "archive" })).toBe(1_000);
});

test("how long reads took is told as the lanes have counted it, also after reports and after the job's end", async () => {
  const { instruments, value } = await measured();
  instruments.covered("job-1", "archive");
  const latency = new ReadLatency();
  const { release } = instruments.reads("job-1", latency);
  for (const ms of [0.3, 4, 5, 90, 90_000]) latency.add(ms);
  latency.takeP95Ms();
  latency.add(5);
  for (const when of ["while it runs", "after its end"]) {
    const upTo = (le: string) => value("godwit_read_latency_seconds_bucket", { source: "archive", le });
    expect([await upTo("0.0008"), await upTo("0.0064"), await upTo("0.1024"), await upTo("+Inf")], when).toEqual([
      1, 4, 5, 6,
    ]);
    expect(await value("godwit_read_latency_seconds_count", { source: "archive" }), when).toBe(6);
    release();
  }
});

test("a lead shows while it is held, and the age of its last checkpoint grows", async () => {
  const { state, clock, value, instruments } = await measured();
  const lead = await started(state.store, packs(1));
  expect(await value("godwit_jobs_led")).toBe(1);
  clock.nowMs += 40_000;
  expect(await value("godwit_checkpoint_age_seconds")).toBe(40);
  await state.store.checkpoint(lead);
  expect(await value("godwit_checkpoint_age_seconds")).toBe(0);
  const next = await meteredStore(state.store, instruments, clock).lead(lead.jobId, "host:2:2");
  await expect(state.store.checkpoint(lead), "another leads").rejects.toMatchObject({ code: "lease_lost" });
  expect(await value("godwit_jobs_led")).toBe(0);
  await state.store.resign(next);
  expect(await value("godwit_checkpoint_age_seconds")).toBe(0);
});

test("a store that does not answer shows, each try of it, until it answers again", async () => {
  const { state, clock, value, instruments } = await measured();
  const busy = new GodwitError("store_busy", errorOf("retry", "store_busy"));
  let left = 2;
  const flaky = new Proxy(state.store, {
    get: (target, property) => {
      const openJobs = (): ReturnType<Store["openJobs"]> => {
        left -= 1;
        return left < 0 ? target.openJobs() : Promise.reject(busy);
      };
      return property === "openJobs" ? openJobs : (Reflect.get(target, property, target) as unknown);
    },
  });
  const store = meteredStore(flaky, instruments, clock);
  const errors = () => value("godwit_store_errors_total", { operation: "openJobs", code: "store_busy" });
  await expect(store.openJobs()).rejects.toBe(busy);
  expect([await errors(), await value("godwit_store_up")]).toEqual([1, 0]);
  await retryStore(store, clock).openJobs();
  expect([await errors(), await value("godwit_store_up")]).toEqual([2, 1]);
});

test("the fleet is looked up once for many scrapes, and a look that fails or hangs holds none up", async () => {
  const { state, clock, value, registry } = await measured();
  const { store, budget } = state;
  let looks = 0;
  let fleet: () => ReturnType<State["overview"]["fleet"]> = () => state.overview.fleet(100);
  const overview = { fleet: () => ((looks += 1), fleet()) };
  const refresh = fleetMetrics(registry, { store, overview, budget, clock });
  await budget.putSource({
    id: "archive",
    location: "file:///source",
    production: true,
    statedPeakBytesPerSecond: 5_000,
    limitBytesPerSecond: null,
    timetable: null,
    thresholds: [],
  });
  await store.beat({ id: "w:1:1", host: "w", version: "1", lanes: 2, failure: null });
  const lead = await started(store, packs(3));
  const task = await claimOne(store, lead.jobId);
  await store.finish(task.lease, successOf(task), {});
  await store.checkpoint(lead);
  clock.nowMs += 40_000;
  for (let scrape = 0; scrape < 3; scrape += 1) await refresh();
  expect(looks).toBe(1);
  const job = { job_id: lead.jobId };
  expect(await value("godwit_job_chunks", { ...job, state: "open" })).toBe(3);
  expect(await value("godwit_job_verify_lag_bytes", job)).toBe(1_000);
  expect(await value("godwit_job_status", { ...job, status: "running", priority: "normal" })).toBe(1);
  expect(await value("godwit_jobs_without_leader")).toBe(1);
  expect(await value("godwit_jobs", { status: "running" })).toBe(1);
  expect(await value("godwit_workers", { state: "lost" })).toBe(1);
  expect(await value("godwit_worker_heartbeat_age_seconds", { host: "w" })).toBe(40);
  expect(await value("godwit_source_cap_bytes_per_second", { source: "archive" })).toBe(500);
  expect(await value("godwit_source_throttled", { source: "archive" })).toBe(0);
  expect(await value("godwit_source_lanes_allowed", { source: "archive" })).toBeUndefined();

  fleet = () => Promise.reject(new Error("down"));
  clock.nowMs += 6_000;
  await refresh();
  expect([looks, await value("godwit_fleet_look_failed")]).toEqual([2, 1]);
  expect(await value("godwit_jobs_without_leader"), "a passing failure takes nothing away").toBe(1);
  clock.nowMs += 60_000;
  await refresh();
  expect(await value("godwit_job_status", job), "what is old is told no more").toBeUndefined();

  fleet = () => new Promise(() => undefined);
  clock.isPatient = false;
  clock.nowMs += 6_000;
  await refresh();
  await refresh();
  expect(looks, "one look at a time").toBe(4);
});
