/**
 * One whole job in one process: the coordinator, the lanes with their worker and verifier roles, and the display, on
 * the embedded Store. The composition root of `copy`, `sync`, `check` and `resume`.
 */
import { usualLanes } from "./lanes.ts";
import { Bell } from "../base/bell.ts";
import { GodwitError } from "../base/errors.ts";
import { coordinate } from "../coordinator/coordinate.ts";
import { SharedLimit } from "../decorators/shared-limit.ts";
import { retryStore } from "../decorators/retry.ts";
import { closePlaces, openPlaces, type Places } from "../lane/setup.ts";
import { ThreadLane } from "../lane/thread-lane.ts";
import type { Instant } from "../model/chunk.ts";
import type { Job } from "../model/job.ts";
import { Meter } from "../model/meter.ts";
import { estimatedEnd } from "../model/pace.ts";
import { systemClock } from "../platform/clock.ts";
import type { Store } from "../ports/store.ts";
import { claimLoop } from "../worker/claim-loop.ts";
import { LeaseKeeper } from "../worker/lease-keeper.ts";
import { openOptions } from "./job-spec.ts";
import { processOwner } from "./state.ts";

export interface RunJobOptions {
  readonly store: Store;
  readonly job: Job;
  /** Null: by the machine's cores. */
  readonly lanes: number | null;
  readonly limitBytesPerSecond: number | null;
  readonly observer: JobObserver;
  /** Ctrl-C: checkpoint and stop. */
  readonly signal: AbortSignal;
}

/** What the display and the log see of a running job. */
export interface JobObserver {
  started(job: Job, meters: readonly Meter[]): void;
  /** @param estimatedEnd when it will have moved its last byte; null while that is not known */
  checkpoint(job: Job, estimatedEnd: Instant | null): void;
  taskFailed(error: GodwitError): void;
}

export async function runJob(options: RunJobOptions): Promise<Job> {
  const { job } = options;
  const open = openOptions(job.id, job.spec);
  const limitBuffer = new SharedArrayBuffer(SharedLimit.byteLength);
  new SharedLimit(limitBuffer).bytesPerSecond = options.limitBytesPerSecond ?? 0;
  // Threads take a while to start: the places are opened and the plan begins meanwhile.
  const lanes = Array.from(
    { length: options.lanes ?? usualLanes() },
    (_, index) => new ThreadLane({ name: `${processOwner()}/lane-${index + 1}`, spec: job.spec, open }, limitBuffer),
  );
  try {
    const meter = new Meter();
    const places = await openPlaces(job.spec, open, meter);
    try {
      return await lead(options, lanes, places, meter);
    } finally {
      await closePlaces(places);
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane[Symbol.asyncDispose]()));
  }
}

async function lead(
  { store: plainStore, job, limitBytesPerSecond, observer, signal }: RunJobOptions,
  lanes: readonly ThreadLane[],
  places: Places,
  meter: Meter,
): Promise<Job> {
  const store = retryStore(plainStore, systemClock);
  const stop = new AbortController();
  const fatal = new AbortController();
  const taskEnded = new Bell();
  const newWork = new Bell();
  const queueEmpty = new Bell();
  const laneSignal = AbortSignal.any([signal, stop.signal, fatal.signal]);
  const leases = new LeaseKeeper(store, systemClock);
  const common = { store, clock: systemClock, newWork, taskEnded, queueEmpty };
  const work = async (lane: ThreadLane): Promise<void> => {
    await lane.opened;
    await claimLoop({
      ...common,
      jobId: job.id,
      lane,
      leases,
      signal: laneSignal,
      onFatal: (error) => fatal.abort(error),
      onTaskError: (_, error) => observer.taskFailed(error),
    });
  };
  try {
    observer.started(
      job,
      lanes.map((lane) => lane.meter),
    );
    const beat = leases.beat(laneSignal);
    let loops: Promise<unknown> | null = null;
    const end = await coordinate({
      ...common,
      ...places,
      job,
      meter,
      owner: processOwner(),
      limitBytesPerSecond,
      workers: "own",
      fatal: fatal.signal,
      signal,
      // Lanes claim only once the lead is held: until then the job may be another process's.
      onLead: () => {
        loops = Promise.all(lanes.map((lane) => work(lane).catch((error: unknown) => fatal.abort(error))));
      },
      onStop: async () => {
        stop.abort(stopped());
        newWork.ring();
        await loops;
        // Threads take a while to end, too: the last words of the job are written meanwhile.
        for (const lane of lanes) void lane[Symbol.asyncDispose]();
      },
      onCheckpoint: (now) => observer.checkpoint(now, estimatedEnd(now, systemClock.now())),
    });
    await beat;
    return end;
  } finally {
    stop.abort(stopped());
  }
}

function stopped(): GodwitError {
  return new GodwitError("interrupted", {
    disposition: "cancelled",
    what: "the job was stopped",
    hint: "The same command resumes it.",
  });
}
