/**
 * What one process counts of itself, as Prometheus reads it. Labels are bounded: methods of the Store, stages, reasons,
 * sources that an admin has named; never a job, a chunk or a path. Every name stands in docs/reference/metrics.md.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import type { JobId } from "../../model/chunk.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Instruments } from "../../ports/instruments.ts";
import { ReadLatencies } from "./read-latencies.ts";

const callSeconds = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
const taskSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800];
const waitSeconds = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** After these the Store has answered nothing that anybody could use. */
const storeDown: ReadonlySet<string> = new Set(["store_busy", "state_unusable", "state_version", "disk_full"]);

/** Of what the library tells of a process, what an operator looks at; the others' names break Prometheus' own rules. */
const ofProcess: ReadonlySet<string> = new Set([
  "process_cpu_seconds_total",
  "process_start_time_seconds",
  "process_resident_memory_bytes",
  "process_open_fds",
  "process_max_fds",
  "nodejs_eventloop_lag_mean_seconds",
  "nodejs_eventloop_lag_p99_seconds",
  "nodejs_eventloop_lag_max_seconds",
  "nodejs_heap_size_used_bytes",
  "nodejs_heap_size_total_bytes",
  "nodejs_external_memory_bytes",
  "nodejs_gc_duration_seconds",
  "nodejs_version_info",
]);

export interface ProcessMetricsOptions {
  readonly clock: Clock;
  readonly version: string;
  /** `coordinator`, `worker`, or both. */
  readonly role: string;
}

export interface ProcessMetrics {
  readonly registry: Registry;
  readonly instruments: Instruments;
}

export function processMetrics({ clock, version, role }: ProcessMetricsOptions): ProcessMetrics {
  const registry = new Registry(Registry.PROMETHEUS_CONTENT_TYPE);
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) if (!ofProcess.has(name)) registry.removeSingleMetric(name);
  new Gauge({
    name: "godwit_build_info",
    help: "1, with the version and the role of the process",
    labelNames: ["version", "role"],
    registers: [registry],
  }).set({ version, role }, 1);
  const sources = new Map<JobId, string>();
  const sourceOf = (jobId: JobId): string => sources.get(jobId) ?? "";
  const instruments: Instruments = {
    ...storeInstruments(registry, clock),
    ...taskInstruments(registry),
    ...byteInstruments(registry, sourceOf),
    ...workerInstruments(registry, clock),
    ...leadInstruments(registry, clock),
    covered: (jobId, sourceId) => void sources.set(jobId, sourceId ?? ""),
    reads: latencyInstrument(registry, sourceOf),
  };
  return { registry, instruments };
}

function storeInstruments(registry: Registry, clock: Clock): Pick<Instruments, "storeCalled" | "storeConnection"> {
  const registers = [registry];
  const seconds = new Histogram({
    name: "godwit_store_call_duration_seconds",
    help: "How long calls of the store took, by method; claim and checkpoint among them",
    labelNames: ["operation"],
    buckets: callSeconds,
    registers,
  });
  const errors = new Counter({
    name: "godwit_store_errors_total",
    help: "Calls of the store that were refused or not answered, by method and error code",
    labelNames: ["operation", "code"],
    registers,
  });
  const up = new Gauge({ name: "godwit_store_up", help: "1 when the store answered the last call, else 0", registers });
  const answered = new Gauge({
    name: "godwit_store_last_answer_timestamp_seconds",
    help: "When the store answered last, by the clock of this process",
    registers,
  });
  const opened = new Counter({
    name: "godwit_store_connections_opened_total",
    help: "Connections to the store that came about",
    registers,
  });
  const lost = new Counter({
    name: "godwit_store_connections_lost_total",
    help: "Connections to the store that broke",
    registers,
  });
  return {
    storeCalled: ({ operation, ms, error }) => {
      seconds.observe({ operation }, ms / 1_000);
      if (error !== null) errors.inc({ operation, code: error });
      const isUp = error === null || !storeDown.has(error);
      up.set(Number(isUp));
      if (isUp) answered.set(clock.now() / 1_000);
    },
    storeConnection: (what) => (what === "opened" ? opened : lost).inc(),
  };
}

function taskInstruments(registry: Registry): Pick<Instruments, "claimed" | "ended" | "mismatched"> {
  const registers = [registry];
  const labelNames = ["stage"] as const;
  const running = new Gauge({ name: "godwit_tasks_running", help: "Tasks under way here", labelNames, registers });
  const attempts = new Counter({
    name: "godwit_attempts_total",
    help: "Tasks that ended here, by stage and by why: done, released, or an error code",
    labelNames: ["stage", "reason"],
    registers,
  });
  const seconds = new Histogram({
    name: "godwit_task_duration_seconds",
    help: "From the claim of a task to its recorded end",
    labelNames,
    buckets: taskSeconds,
    registers,
  });
  const waited = new Histogram({
    name: "godwit_claim_wait_seconds",
    help: "How long chunks could be claimed before they were, by the clock of the store",
    labelNames,
    buckets: waitSeconds,
    registers,
  });
  const expired = new Counter({
    name: "godwit_leases_expired_total",
    help: "Chunks that were taken over here because the lease of another had run out",
    labelNames,
    registers,
  });
  const mismatches = new Counter({
    name: "godwit_mismatches_total",
    help: "Read-backs done here that found other bytes than were sent",
    labelNames,
    registers,
  });
  expired.inc({ stage: "transfer" }, 0);
  mismatches.inc({ stage: "verify" }, 0);
  return {
    claimed: ({ stage, wait }) => {
      running.inc({ stage });
      waited.observe({ stage }, wait.ms / 1_000);
      if (wait.tookOver) expired.inc({ stage });
    },
    ended: ({ stage, reason, ms }) => {
      running.dec({ stage });
      attempts.inc({ stage, reason });
      seconds.observe({ stage }, ms / 1_000);
    },
    mismatched: (stage) => mismatches.inc({ stage }),
  };
}

function byteInstruments(registry: Registry, sourceOf: (jobId: JobId) => string): Pick<Instruments, "moved"> {
  const counter = (name: string, help: string): Counter<"source"> =>
    new Counter({
      name,
      help: `${help}, by the source that covers the job`,
      labelNames: ["source"],
      registers: [registry],
    });
  const read = counter("godwit_source_read_bytes_total", "Bytes read of sources");
  const written = counter("godwit_target_written_bytes_total", "Bytes written to targets");
  const readBack = counter("godwit_target_read_bytes_total", "Bytes read back from targets, to verify and to compare");
  const retries = counter("godwit_requests_retried_total", "Requests that sources and targets had us send again");
  return {
    moved: (jobId, { sourceBytesRead = 0, targetBytesWritten = 0, targetBytesRead = 0, retries: again = 0 }) => {
      const labels = { source: sourceOf(jobId) };
      if (sourceBytesRead > 0) read.inc(labels, sourceBytesRead);
      if (targetBytesWritten > 0) written.inc(labels, targetBytesWritten);
      if (targetBytesRead > 0) readBack.inc(labels, targetBytesRead);
      if (again > 0) retries.inc(labels, again);
    },
  };
}

function latencyInstrument(registry: Registry, sourceOf: (jobId: JobId) => string): Instruments["reads"] {
  const latencies = new ReadLatencies(
    "godwit_read_latency_seconds",
    "How long reads of sources took; the sum is right to 6 %",
    sourceOf,
  );
  latencies.registerIn(registry);
  return (jobId, latency) => latencies.add(jobId, latency);
}

function workerInstruments(registry: Registry, clock: Clock): Pick<Instruments, "lanes" | "heartbeat"> {
  const registers = [registry];
  let [lanes, assigned] = [0, (): number => 0];
  sampled(registry, { name: "godwit_worker_lanes", help: "Tasks that this worker can do at once" }, () => lanes);
  const inUse = { name: "godwit_worker_lanes_assigned", help: "Lanes of this worker that belong to a job now" };
  sampled(registry, inUse, () => assigned());
  const beats = new Gauge({
    name: "godwit_heartbeat_timestamp_seconds",
    help: "When the store heard of this worker last, by its own clock; 0: not yet, or no worker",
    registers,
  });
  const off = new Gauge({
    name: "godwit_clock_offset_seconds",
    help: "How far the clock of this machine is ahead of the store's",
    registers,
  });
  return {
    lanes: (configured, count) => {
      [lanes, assigned] = [configured, count];
    },
    heartbeat: (clockOffMs) => {
      beats.set(clock.now() / 1_000);
      off.set(clockOffMs / 1_000);
    },
  };
}

function leadInstruments(registry: Registry, clock: Clock): Pick<Instruments, "led" | "checkpointed" | "resigned"> {
  const led = new Map<JobId, number>();
  sampled(registry, { name: "godwit_jobs_led", help: "Jobs that this process leads" }, () => led.size);
  const age = {
    name: "godwit_checkpoint_age_seconds",
    help: "Of the jobs that this process leads, the longest time since a checkpoint; 0 when it leads none",
  };
  sampled(registry, age, () => {
    const now = clock.monotonicMs();
    return Math.max(0, ...Array.from(led.values(), (since) => now - since)) / 1_000;
  });
  return {
    led: (jobId) => void led.set(jobId, clock.monotonicMs()),
    checkpointed: (jobId) => void led.set(jobId, clock.monotonicMs()),
    resigned: (jobId) => void led.delete(jobId),
  };
}

/** Read when it is asked for. */
function sampled(
  registry: Registry,
  words: { readonly name: string; readonly help: string },
  read: () => number,
): Gauge {
  return new Gauge({
    ...words,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
