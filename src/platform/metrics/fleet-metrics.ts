/**
 * The whole fleet, as a coordinator sees it in the Store. One look serves every scrape for a while, and a look that does
 * not come back holds no scrape up: what is known is told, with its time. Jobs are labels here, at most `jobsMax` at a
 * time and only while they are open.
 */
import { Gauge, type Registry } from "@prometheus-io/client";
import { jobStatuses, landedBytes } from "../../model/job.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FleetGlance, FleetJob, Overview } from "../../ports/overview.ts";
import type { BudgetStore, GrantRecord, SourceRecord } from "../../ports/budget.ts";
import { capOf } from "../../model/budget.ts";
import type { Store, WorkerRecord } from "../../ports/store.ts";

/** How long a look serves. */
const keptMs = 5_000;
/** What is older is told no more: an alert must not rest on it. */
const staleMs = 60_000;
/** How long a scrape waits for a look. */
const patienceMs = 2_000;
const jobsMax = 100;
/** Workers that were seen last so long ago are no news. */
const workerSilentMaxMs = 3_600_000;
const hostsMax = 500;

export interface FleetMetricsOptions {
  readonly store: Pick<Store, "workers">;
  readonly overview: Pick<Overview, "fleet">;
  readonly budget: Pick<BudgetStore, "sources" | "grants">;
  readonly clock: Clock;
}

interface SourceUse {
  readonly source: SourceRecord;
  readonly grants: readonly GrantRecord[];
}

interface Look {
  readonly glance: FleetGlance;
  readonly workers: readonly WorkerRecord[];
  readonly sources: readonly SourceUse[];
}

/** @returns refreshes what the registry tells, where that is due: to be waited for before each scrape */
export function fleetMetrics(registry: Registry, options: FleetMetricsOptions): () => Promise<void> {
  const { clock } = options;
  const tell = fleetGauges(registry, clock);
  let underWay: Promise<void> | null = null;
  let freshUntilMs = -Infinity;
  const look = async (): Promise<void> => {
    const began = clock.monotonicMs();
    try {
      const seen = await lookAt(options);
      tell.seen(seen, (clock.monotonicMs() - began) / 1_000);
    } catch {
      // Whoever asks is told that it failed, and how old the last one is.
      tell.failed();
    } finally {
      freshUntilMs = clock.monotonicMs() + keptMs;
      underWay = null;
    }
  };
  return async () => {
    if (underWay === null && clock.monotonicMs() < freshUntilMs) return;
    underWay ??= look();
    const over = new AbortController();
    await Promise.race([underWay, clock.sleep(patienceMs, over.signal).catch(() => undefined)]);
    over.abort();
  };
}

async function lookAt({ store, overview, budget }: FleetMetricsOptions): Promise<Look> {
  const [glance, workers, sources] = await Promise.all([
    overview.fleet(jobsMax),
    store.workers(),
    budget
      .sources()
      .then((all) => Promise.all(all.map(async (source) => ({ source, grants: await budget.grants(source.id) })))),
  ]);
  return { glance, workers, sources };
}

/** Some gauges that are told together; each look begins without what an earlier one told. */
interface Part {
  readonly gauges: readonly { reset(): void }[];
  seen(look: Look): void;
}

interface FleetGauges {
  seen(look: Look, seconds: number): void;
  failed(): void;
}

function fleetGauges(registry: Registry, clock: Clock): FleetGauges {
  const registers = [registry];
  const taken = new Gauge({
    name: "godwit_fleet_look_timestamp_seconds",
    help: "When what this process tells of the fleet was looked up, by its own clock; 0: never",
    registers,
  });
  const duration = new Gauge({
    name: "godwit_fleet_look_duration_seconds",
    help: "How long that took",
    registers,
  });
  const failures = new Gauge({
    name: "godwit_fleet_look_failed",
    help: "1 when the last look failed: what is told of the fleet is older",
    registers,
  });
  const size = new Gauge({ name: "godwit_store_size_bytes", help: "What the store takes on its disk", registers });
  const parts = [jobGauges(registry), workerGauges(registry), sourceGauges(registry)];
  let seenAtMs = -Infinity;
  return {
    seen: (look, seconds) => {
      seenAtMs = clock.monotonicMs();
      taken.set(clock.now() / 1_000);
      duration.set(seconds);
      failures.set(0);
      size.set(look.glance.storeBytes);
      for (const part of parts) part.seen(look);
    },
    failed: () => {
      failures.set(1);
      if (clock.monotonicMs() - seenAtMs > staleMs)
        for (const part of parts) for (const gauge of part.gauges) gauge.reset();
    },
  };
}

function jobGauges(registry: Registry): Part {
  const registers = [registry];
  const byStatus = new Gauge({ name: "godwit_jobs", help: "Jobs, by status", labelNames: ["status"], registers });
  const leaderless = new Gauge({
    name: "godwit_jobs_without_leader",
    help: "Jobs that want a leader and have none",
    registers,
  });
  const labelNames = ["job_id"] as const;
  const gauge = (name: string, help: string): Gauge<"job_id"> => new Gauge({ name, help, labelNames, registers });
  const numbers: readonly (readonly [Gauge<"job_id">, (job: FleetJob) => number])[] = [
    [gauge("godwit_job_led", "1 when a coordinator leads the job"), ({ isLed }) => Number(isLed)],
    [gauge("godwit_job_lead_epoch", "How often the lead of the job was taken"), ({ leadEpoch }) => leadEpoch],
    [gauge("godwit_job_listed_bytes", "Bytes that the source lists, so far"), counter("listedBytes")],
    [gauge("godwit_job_source_read_bytes", "Bytes that were read of the source"), counter("sourceBytesRead")],
    [gauge("godwit_job_transferred_bytes", "Bytes that landed on the target"), ({ counters }) => landedBytes(counters)],
    [gauge("godwit_job_verified_bytes", "Bytes that were read back and match"), counter("bytesVerified")],
    [
      gauge("godwit_job_verify_lag_bytes", "Bytes of transfers that have ended and are not verified yet"),
      ({ counters: { bytesTransferred = 0, bytesVerified = 0 } }) => bytesTransferred - bytesVerified,
    ],
    [gauge("godwit_job_retries", "What was tried again, requests and chunks"), counter("retries")],
    [gauge("godwit_job_mismatches", "Read-backs that found other bytes"), counter("mismatches")],
    [gauge("godwit_job_unfolded_rows", "Ends that wait for the next checkpoint"), ({ inboxRows }) => inboxRows],
  ];
  const status = new Gauge({
    name: "godwit_job_status",
    help: "1, with the status and the priority of the job",
    labelNames: ["job_id", "status", "priority"],
    registers,
  });
  const chunks = new Gauge({
    name: "godwit_job_chunks",
    help: "Chunks of the job, by state: open, in_progress, ended, failed",
    labelNames: ["job_id", "state"],
    registers,
  });
  const gauges = [byStatus, leaderless, status, chunks, ...numbers.map(([one]) => one)];
  const seen = ({ glance }: Look): void => {
    for (const each of gauges) each.reset();
    for (const each of jobStatuses) byStatus.set({ status: each }, glance.statuses[each] ?? 0);
    leaderless.set(glance.jobsWithoutLeader);
    for (const job of glance.jobs) {
      for (const [one, valueOf] of numbers) one.set({ job_id: job.id }, valueOf(job));
      status.set({ job_id: job.id, status: job.status, priority: job.priority }, 1);
      for (const [state, count] of Object.entries(chunksOf(job))) chunks.set({ job_id: job.id, state }, count);
    }
  };
  return { gauges, seen };
}

function counter(name: "listedBytes" | "sourceBytesRead" | "bytesVerified" | "retries" | "mismatches") {
  return ({ counters }: FleetJob): number => counters[name] ?? 0;
}

/** As of the last checkpoint, but for those that are leased or failed now: sums may differ by what ended since. */
function chunksOf({ counters, leasedChunks, failedChunks }: FleetJob): Readonly<Record<string, number>> {
  const { chunksTotal = 0, chunksDone = 0 } = counters;
  return {
    open: Math.max(0, chunksTotal - chunksDone - leasedChunks),
    in_progress: leasedChunks,
    ended: Math.max(0, chunksDone - failedChunks),
    failed: failedChunks,
  };
}

function workerGauges(registry: Registry): Part {
  const registers = [registry];
  const byState = new Gauge({
    name: "godwit_workers",
    help: "Workers of the last day, by state",
    labelNames: ["state"],
    registers,
  });
  const age = new Gauge({
    name: "godwit_worker_heartbeat_age_seconds",
    help: "Since a worker was heard of last, the longest of its host; not of those that said that they end, nor after an hour",
    labelNames: ["host"],
    registers,
  });
  const gauges = [byState, age];
  const seen = ({ workers, glance: { now } }: Look): void => {
    for (const each of gauges) each.reset();
    for (const state of ["alive", "lost", "left"] as const)
      byState.set({ state }, workers.filter((worker) => worker.state === state).length);
    const ages = new Map<string, number>();
    for (const { host, seenAt, state } of workers) {
      const silentMs = Math.max(0, now - seenAt);
      if (state === "left" || silentMs > workerSilentMaxMs) continue;
      ages.set(host, Math.max(ages.get(host) ?? 0, silentMs));
    }
    for (const [host, ms] of [...ages].slice(0, hostsMax)) age.set({ host }, ms / 1_000);
  };
  return { gauges, seen };
}

function sourceGauges(registry: Registry): Part {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge<"source"> =>
    new Gauge({ name, help, labelNames: ["source"], registers });
  const cap = gauge("godwit_source_cap_bytes_per_second", "What may be read of the source now; absent: no limit");
  const granted = gauge("godwit_source_granted_bytes_per_second", "The sum of the shares; absent: one has no limit");
  const grants = gauge("godwit_source_grants", "Shares that are held now");
  const throttled = gauge("godwit_source_throttled", "1 while fewer lanes may read the source than there are");
  const lanes = gauge("godwit_source_lanes_allowed", "Lanes that may read it; absent: as many as there are");
  const latency = gauge(
    "godwit_source_read_latency_p95_seconds",
    "The worst 95th percentile that a worker reported for its last 10 s; absent: none did",
  );
  const gauges = [cap, granted, grants, throttled, lanes, latency];
  const seen = ({ sources, glance: { now } }: Look): void => {
    for (const each of gauges) each.reset();
    for (const { source, grants: held } of sources) {
      const labels = { source: source.id };
      const capNow = capOf(source, now);
      const rates = held.map(({ bytesPerSecond }) => bytesPerSecond);
      const latencies = held.map(({ readLatencyP95Ms }) => readLatencyP95Ms).filter((ms) => ms !== null);
      if (capNow !== null) cap.set(labels, capNow);
      if (!rates.includes(null))
        granted.set(
          labels,
          rates.reduce<number>((sum, rate) => sum + (rate ?? 0), 0),
        );
      grants.set(labels, held.length);
      throttled.set(labels, Number(source.lanesAllowed !== null));
      if (source.lanesAllowed !== null) lanes.set(labels, source.lanesAllowed);
      if (latencies.length > 0) latency.set(labels, Math.max(...latencies) / 1_000);
    }
  };
  return { gauges, seen };
}
