/** What `cli/run-job.ts` composes, with lanes in this thread: the real coordinator, claim loops, lease keeper and roles. */
import { Bell } from "../../src/base/bell.ts";
import { GodwitError, toGodwitError } from "../../src/base/errors.ts";
import { must } from "../../src/base/assert.ts";
import { MemorySource } from "../../src/connectors/memory/source.ts";
import { MemoryTarget } from "../../src/connectors/memory/target.ts";
import { coordinate } from "../../src/coordinator/coordinate.ts";
import { leasesEnded } from "../../src/coordinator/lead-jobs.ts";
import { retryStore } from "../../src/decorators/retry.ts";
import { execute, type Roles } from "../../src/lane/execute.ts";
import { isFinal, type Job } from "../../src/model/job.ts";
import { Meter } from "../../src/model/meter.ts";
import type { Progress, Task, TaskResult } from "../../src/model/task.ts";
import type { Lane } from "../../src/ports/lane.ts";
import type { Source } from "../../src/ports/source.ts";
import type { Store } from "../../src/ports/store.ts";
import type { Target } from "../../src/ports/target.ts";
import { claimLoop } from "../../src/worker/claim-loop.ts";
import { LeaseKeeper } from "../../src/worker/lease-keeper.ts";
import type { Gate } from "./gate.ts";
import { openOptions, type Scenario } from "./scenario.ts";

export interface SimJob {
  readonly scenario: Scenario;
  readonly jobId: string;
  readonly store: Store;
  /** Sees each task's result before it is recorded; a planted bug changes it. */
  readonly tamper: ((task: Task, result: TaskResult) => TaskResult) | undefined;
  readonly plantSource: ((source: Source) => Source) | undefined;
  /** A task is about to read the source from this block on. */
  readonly onRead: (task: Task, from: number) => void;
}

interface Places {
  readonly source: Source;
  readonly target: Target;
  readonly existing: Source;
}

export function openPlaces({ scenario: { spec, story }, jobId, plantSource }: SimJob, gate: Gate): Places {
  const options = openOptions(jobId, spec);
  const source = new MemorySource(story.source, options);
  return {
    source: gate.source(plantSource?.(source) ?? source, "source"),
    target: gate.target(new MemoryTarget(story.target, options)),
    existing: gate.source(new MemorySource(story.target, options), "existing"),
  };
}

class SimLane implements Lane {
  readonly name: string;
  readonly meter = new Meter();
  readonly #roles: Roles;
  readonly #job: SimJob;
  #task: Task | null = null;

  constructor(name: string, job: SimJob, gate: Gate) {
    this.name = name;
    this.#job = job;
    const { source: plain, target, existing } = openPlaces(job, gate);
    const { meter } = this;
    const source: Source = {
      location: plain.location,
      keepsDirectories: plain.keepsDirectories,
      plan: (after, signal) => plain.plan(after, signal),
      observe: (entry, signal) => plain.observe(entry, signal),
      read: (request, signal) => {
        job.onRead(must(this.#task, "a task runs"), request.from);
        return plain.read(request, signal);
      },
      [Symbol.asyncDispose]: () => plain[Symbol.asyncDispose](),
    };
    this.#roles = {
      worker: {
        source,
        target,
        clock: gate.process.clock,
        chunkBytes: job.scenario.spec.chunkBytes,
        meter,
        evidence: null,
        newPair: null,
      },
      verifier: { target, existing, existingReadFrom: "cache", source, meter, newPair: null },
    };
  }

  async run(task: Task, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<TaskResult> {
    this.#task = task;
    try {
      const result = await execute(this.#roles, task, { onProgress, signal });
      return this.#job.tamper?.(task, result) ?? result;
    } catch (error) {
      throw toGodwitError(signal.aborted ? signal.reason : error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/**
 * One process from its start to its end.
 * @throws job_locked, lease_lost, and what the Store answers
 */
export async function runProcess(job: SimJob, gate: Gate, terminate: AbortSignal): Promise<void> {
  const { shape, lanes: count } = job.scenario.roughness;
  const { clock, owner } = gate.process;
  const store = retryStore(gate.store(job.store), clock);
  const lanes = Array.from({ length: count }, (_, at) => new SimLane(`${owner}/lane-${at + 1}`, job, gate));
  const attempt = { job, gate, store, lanes, terminate };
  if (shape === "embedded") {
    await lead(attempt, true);
    return;
  }
  // A fleet: lanes work whoever leads; each process tries to lead when nobody does.
  const leases = new LeaseKeeper(store, clock);
  const newWork = new Bell();
  const loops = lanes.map((lane) => loop(attempt, { lane, leases, newWork, signal: terminate, onFatal: () => {} }));
  void leases.beat(terminate);
  while (!terminate.aborted) {
    try {
      const end = await lead(attempt, false);
      if (end.status === "complete") break;
    } catch (error) {
      const { disposition, code } = toGodwitError(error);
      if (code === "internal") throw error;
      if (disposition === "cancelled") break;
    }
    await clock.sleep(2_000, terminate).catch(() => undefined);
  }
  await Promise.all(loops);
}

interface Attempt {
  readonly job: SimJob;
  readonly gate: Gate;
  readonly store: Store;
  readonly lanes: readonly SimLane[];
  readonly terminate: AbortSignal;
}

async function lead(attempt: Attempt, ownsLanes: boolean): Promise<Job> {
  const { store, gate, lanes, terminate } = attempt;
  const { clock, owner } = gate.process;
  const found = must(await store.job(attempt.job.jobId), "the job is there");
  if (isFinal(found.status) && found.status !== "failed") return found;
  if (found.wish !== null) await store.wish(found.id, null);
  const [stop, fatal] = [new AbortController(), new AbortController()];
  const [taskEnded, newWork, queueEmpty] = [new Bell(), new Bell(), new Bell()];
  const signal = AbortSignal.any([terminate, stop.signal, fatal.signal]);
  const leases = new LeaseKeeper(store, clock);
  const beat = leases.beat(signal);
  let loops: Promise<unknown> | null = null;
  const bells = { taskEnded, newWork, queueEmpty };
  try {
    return await coordinate({
      ...bells,
      ...openPlaces(attempt.job, gate),
      meter: new Meter(),
      store,
      clock,
      job: found,
      owner,
      limitBytesPerSecond: null,
      workers: ownsLanes ? "own" : "fleet",
      fatal: fatal.signal,
      signal: terminate,
      onLead: () => {
        if (!ownsLanes) return;
        const common = { ...bells, leases, signal, onFatal: (error: unknown): void => fatal.abort(error) };
        loops = Promise.all(lanes.map((lane) => loop(attempt, { ...common, lane })));
      },
      onStop: async () => {
        if (!ownsLanes) return leasesEnded(store, clock, found.id);
        stop.abort(stopped());
        newWork.ring();
        await loops;
      },
      onCheckpoint: () => {},
    });
  } finally {
    stop.abort(stopped());
    await beat;
  }
}

interface Loop {
  readonly lane: SimLane;
  readonly leases: LeaseKeeper;
  readonly newWork: Bell;
  readonly taskEnded?: Bell;
  readonly queueEmpty?: Bell;
  readonly signal: AbortSignal;
  readonly onFatal: (error: unknown) => void;
}

function loop({ job, gate, store }: Attempt, options: Loop): Promise<void> {
  const { taskEnded = new Bell(), queueEmpty = new Bell() } = options;
  const { clock } = gate.process;
  return claimLoop({ ...options, taskEnded, queueEmpty, store, clock, jobId: job.jobId, onTaskError: () => {} }).catch(
    options.onFatal,
  );
}

export function stopped(): GodwitError {
  return new GodwitError("interrupted", { disposition: "cancelled", what: "the job was stopped", hint: "Resume it." });
}
