/**
 * Leads one job from its plan to its end. It plans, keeps the lead, folds counters, obeys wishes, and says when the job
 * is over. It never touches data: workers find their tasks in the Store, and go on while nobody leads.
 */
import type { Bell } from "../base/bell.ts";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { isReconciling } from "../model/chunk.ts";
import { type Job, type JobStatus, unexplained } from "../model/job.ts";
import type { Meter } from "../model/meter.ts";
import type { Clock } from "../ports/clock.ts";
import type { Source } from "../ports/source.ts";
import type { Lead, Store } from "../ports/store.ts";
import type { Target } from "../ports/target.ts";
import { plan } from "./plan.ts";

/** The lead lasts 3 s in the Store; renewed often enough that one late renewal does not lose it. */
const renewIntervalMs = 1_000;
/** Counters are folded after this many finished tasks, or after this time while anything happens. */
const checkpointTasks = 100;
const checkpointIntervalMs = 1_000;
/** Nothing rings here when a fleet's workers end tasks: the end of a job is seen by looking. */
const fleetCheckpointIntervalMs = 500;
/** However many hints there are. */
const fleetCheckpointLeastMs = 50;

export interface CoordinateOptions {
  readonly store: Store;
  readonly job: Pick<Job, "id">;
  readonly owner: string;
  /** What the lanes of this process may read of the source: kept with the job. Null: no limit. */
  readonly limitBytesPerSecond: number | null;
  /** `fleet`: workers are processes of their own, which go on when this one stops leading. */
  readonly workers: "own" | "fleet";
  readonly source: Source;
  readonly target: Target | null;
  readonly existing: Source;
  /** What these places did beside their answers; only retries are counted here. */
  readonly meter: Meter;
  readonly clock: Clock;
  /** Rung by workers when a task has ended, and by the coordinator when there is new work. */
  readonly taskEnded: Bell;
  readonly newWork: Bell;
  /** Rung by a worker that found nothing to claim. */
  readonly queueEmpty: Bell;
  /** The lead is held: workers of this process may begin. */
  readonly onLead: () => void;
  /** No task of this job begins any more in this process: returns when the workers of this process have recorded what they had. */
  readonly onStop: () => Promise<void>;
  /** Sees the job at every checkpoint. */
  readonly onCheckpoint: (job: Job) => void;
  /** A worker met something that ends the whole job. */
  readonly fatal: AbortSignal;
  /** Somebody asked to stop: the job stays resumable. */
  readonly signal: AbortSignal;
}

/**
 * @returns the job as it ended: final, paused, or still running when `signal` stopped it
 * @throws job_locked when another process leads the job
 */
export async function coordinate(options: CoordinateOptions): Promise<Job> {
  const { store } = options;
  const lead = await store.lead(options.job.id, options.owner, options);
  // What the caller knows of the job may be old: another may have led it to its end in between.
  const job = await store.checkpoint(lead);
  if (job.status === "complete" || job.status === "cancelled") {
    await options.onStop();
    await store.resign(lead);
    return job;
  }
  const [lost, ending, written] = [new AbortController(), new AbortController(), new AbortController()];
  const signal = firstOf([options.signal, options.fatal, lost.signal]);
  const keeper = keepLead(options, lead, lost, written.signal);
  let end: Job;
  let planning: Promise<void> = Promise.resolve();
  const endPlanning = async (): Promise<void> => {
    ending.abort();
    await planning.catch(() => undefined);
  };
  // The last word on the job comes after the planner's, which may still wait for the Store.
  const own: CoordinateOptions = { ...options, onStop: () => stopAll(options, endPlanning) };
  try {
    await store.setStatus(keeper.current(), job.planDone ? "running" : "planning", null);
    options.onLead();
    const until = AbortSignal.any([signal, ending.signal]);
    if (!job.planDone) planning = planAll(options, job, { lead: keeper.current, signal: until });
    end = await watch(own, keeper.current, planning, signal);
  } catch (error) {
    end = await failed(own, keeper.current(), signal.aborted ? signal.reason : error);
  } finally {
    await endPlanning();
    written.abort();
    await keeper.done;
  }
  await store.resign(keeper.current());
  return end;
}

async function stopAll({ onStop }: CoordinateOptions, endPlanning: () => Promise<void>): Promise<void> {
  const planned = endPlanning();
  await onStop();
  await planned;
}

async function planAll(
  options: CoordinateOptions,
  job: Job,
  { lead, signal }: { readonly lead: () => Lead; readonly signal: AbortSignal },
): Promise<void> {
  const { store, source, target, existing, clock, meter } = options;
  let counted = 0;
  await plan({
    spec: job.spec,
    source,
    target,
    existing,
    clock,
    cursor: job.planCursor,
    deletionsPlanned: job.counters.deletionsPlanned ?? 0,
    signal,
    write: async (batch) => {
      await store.addPlan(lead(), batch);
      const retries = meter.read("retries") - counted;
      counted += retries;
      if (retries > 0) await store.count(lead(), { retries });
      options.newWork.ring();
    },
  });
  signal.throwIfAborted();
  await store.setStatus(lead(), "running", null);
}

/** Checkpoints until the job is over or somebody wishes otherwise. */
async function watch(
  options: CoordinateOptions,
  lead: () => Lead,
  planning: Promise<void>,
  signal: AbortSignal,
): Promise<Job> {
  const { store, taskEnded, queueEmpty, newWork, onCheckpoint } = options;
  const listing: { done: boolean; error: GodwitError | null } = { done: false, error: null };
  void planning.then(
    () => {
      listing.done = true;
      queueEmpty.ring();
    },
    (error: unknown) => {
      listing.error = toGodwitError(error);
      queueEmpty.ring();
    },
  );
  let phase = -1;
  let reconciling = false;
  for (;;) {
    const heard = { taskEnded: taskEnded.rings, queueEmpty: queueEmpty.rings };
    // Of the plan as it was then: its last page may come while the counters are read.
    const isListed = listing.done;
    const job = await store.checkpoint(lead());
    onCheckpoint(job);
    if (listing.error !== null) throw listing.error;
    signal.throwIfAborted();
    if (job.phase !== phase) {
      phase = job.phase;
      newWork.ring();
    }
    if (isReconciling(job.phase) && !reconciling && listing.done) {
      reconciling = true;
      await store.setStatus(lead(), "reconciling", null);
    }
    if (job.wish !== null) return obey(options, lead(), job);
    const { chunksTotal = 0, chunksDone = 0 } = job.counters;
    if (isListed && chunksTotal === chunksDone) return conclude(options, lead());
    await nextCheckpoint(options, heard, signal);
  }
}

/** A pause may have a reason: what a worker met and cannot mend. */
function obey(options: CoordinateOptions, lead: Lead, { wish, failure }: Job): Promise<Job> {
  const reason = failure === null ? null : GodwitError.fromJSON(failure);
  return finish(options, lead, wish === "pause" ? "paused" : "cancelled", reason);
}

/**
 * Returns after enough tasks, after a while, or when some lane found nothing to do (which may be the end).
 * @param heard how often the bells had rung when the last checkpoint began
 */
async function nextCheckpoint(
  { clock, taskEnded, queueEmpty, workers }: CoordinateOptions,
  heard: { readonly taskEnded: number; readonly queueEmpty: number },
  signal: AbortSignal,
): Promise<void> {
  if (workers === "fleet") await clock.sleep(fleetCheckpointLeastMs, signal).catch(() => undefined);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const intervalMs = workers === "fleet" ? fleetCheckpointIntervalMs : checkpointIntervalMs;
  const deadline = clock.sleep(intervalMs, either).catch(() => undefined);
  const enough = (async () => {
    while (taskEnded.rings < heard.taskEnded + checkpointTasks && !either.aborted)
      await taskEnded.wait(taskEnded.rings, either);
  })();
  await Promise.race([deadline, enough, queueEmpty.wait(heard.queueEmpty, either)]);
  over.abort();
}

async function conclude(options: CoordinateOptions, lead: Lead): Promise<Job> {
  const job = await options.store.checkpoint(lead);
  const open = unexplained(job.counters);
  if (open === null) return finish(options, lead, "complete", null);
  const error = new GodwitError("internal", {
    disposition: "fatal",
    what: `the listing and the outcomes differ by ${open.entries} entries and ${open.bytes} bytes`,
    hint: "Nothing is called proven. This is a defect of Godwit: please report it with the job's report.",
  });
  return finish(options, lead, "failed", error);
}

async function failed(options: CoordinateOptions, lead: Lead, error: unknown): Promise<Job> {
  const reason = toGodwitError(error);
  if (reason.disposition === "fenced") {
    await options.onStop();
    throw reason;
  }
  if (options.workers === "fleet") return failedInFleet(options, lead, reason);
  // Stopped from outside, by what the operator can mend (a full disk), or by what passes: the job is resumed later.
  if (reason.disposition === "cancelled") return finish(options, lead, "paused", null);
  const isPassing = reason.disposition === "retry" && reason.code !== "listing_failed";
  if (reason.code === "disk_full" || isPassing) return finish(options, lead, "paused", reason);
  return finish(options, lead, "failed", reason);
}

/**
 * Workers go on while nobody leads, so a leader that is stopped only steps back, and one that met something passing
 * leaves the job to the next attempt. What ends the job, the workers are told first.
 */
async function failedInFleet(options: CoordinateOptions, lead: Lead, reason: GodwitError): Promise<Job> {
  if (reason.disposition === "cancelled") return options.store.checkpoint(lead);
  if (reason.disposition === "retry" && reason.code !== "listing_failed") throw reason;
  await options.store.wish(lead.jobId, "pause");
  return finish(options, lead, reason.code === "disk_full" ? "paused" : "failed", reason);
}

async function finish(
  options: CoordinateOptions,
  lead: Lead,
  status: JobStatus,
  error: GodwitError | null,
): Promise<Job> {
  await options.onStop();
  const job = await options.store.setStatus(lead, status, error?.toJSON() ?? null);
  options.onCheckpoint(job);
  return job;
}

interface Keeper {
  readonly current: () => Lead;
  readonly done: Promise<void>;
}

/** Whatever stops the job: lanes may write until they have recorded what they had, and nobody may take over before. */
function keepLead(options: CoordinateOptions, first: Lead, lost: AbortController, written: AbortSignal): Keeper {
  let lead = first;
  const done = (async () => {
    while (!written.aborted) {
      try {
        await options.clock.sleep(renewIntervalMs, written);
        lead = await options.store.renewLead(lead);
      } catch (error) {
        if (!written.aborted) lost.abort(error);
        return;
      }
    }
  })();
  return { current: () => lead, done };
}

/**
 * Aborts with the first of several signals, and says why that one did: when several things stop a job at once, the first
 * is the cause. (A signal of `AbortSignal.any` may look at its parts late, and then names the first in the list.)
 */
function firstOf(signals: readonly AbortSignal[]): AbortSignal {
  const first = new AbortController();
  for (const signal of signals) {
    const abort = (): void => first.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true, signal: first.signal });
  }
  return first.signal;
}
