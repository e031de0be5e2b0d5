/**
 * A worker's loop over one lane: claim a task, run it, record its end. Several run beside each other in one process;
 * they share a lease keeper. What a lane confirms is recorded before the end of its task is.
 */
import type { Bell } from "../base/bell.ts";
import { type GodwitError, toGodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import type { Counters } from "../model/job.ts";
import { costsOf } from "../model/meter.ts";
import type { Progress, Task } from "../model/task.ts";
import type { Clock } from "../ports/clock.ts";
import type { Lane } from "../ports/lane.ts";
import type { Store } from "../ports/store.ts";
import { type LeaseKeeper, leaseMs } from "./lease-keeper.ts";

/**
 * Without a bell from a coordinator in the same process, the queue is looked at this often: soon after a task, since
 * what follows from it is near, then less and less.
 */
const idleMs = { first: 50, most: 500 };

export interface ClaimLoopOptions {
  readonly store: Store;
  readonly jobId: JobId;
  readonly lane: Lane;
  readonly leases: LeaseKeeper;
  readonly clock: Clock;
  readonly newWork: Bell;
  readonly taskEnded: Bell;
  readonly queueEmpty: Bell;
  /** Nothing is left to claim since the last task: said once. */
  readonly onIdle?: () => void;
  /** The lane has a task now, or is free of it. */
  readonly onTask?: (has: boolean) => void;
  /** Something that ends the whole job: the coordinator decides what follows. */
  readonly onFatal: (error: GodwitError) => void;
  readonly onTaskError: (task: Task, error: GodwitError) => void;
  /** Ends the loop once the task that runs has ended. */
  readonly leave?: AbortSignal;
  readonly signal: AbortSignal;
}

/**
 * Runs until the signal aborts; what is in flight then is released, with its confirmed blocks kept. While the end of a
 * task is recorded, the lane claims the next one and begins it: it does not wait for the Store twice.
 */
export async function claimLoop(options: ClaimLoopOptions): Promise<void> {
  const { store, jobId, lane, newWork, clock } = options;
  // What was moved before the first task, to open the lane, is counted with it.
  const cost = costsOf(lane.meter);
  let waitMs = idleMs.first;
  let recording: Recording | null = null;
  let wasBusy = false;
  while (!isOver(options)) {
    const askedAtMs = clock.monotonicMs();
    const heard = newWork.rings;
    const [task] = await store.claim(jobId, lane.name, 1, leaseMs);
    if (task !== undefined) {
      waitMs = idleMs.first;
      const before = recording;
      recording = await runTask(options, { task, askedAtMs }, { cost, before });
    } else if (recording !== null) {
      // What follows from it may be the next task.
      await recording.ended;
      recording = null;
      wasBusy = true;
    } else {
      options.queueEmpty.ring();
      if (wasBusy) options.onIdle?.();
      wasBusy = false;
      await idle(options, heard, waitMs);
      waitMs = Math.min(idleMs.most, 2 * waitMs);
    }
  }
  await recording?.ended;
}

function isOver({ signal, leave }: ClaimLoopOptions): boolean {
  return signal.aborted || leave?.aborted === true;
}

/** Until there is new work since the queue was looked at, or a while has passed. */
async function idle({ clock, newWork, signal, leave }: ClaimLoopOptions, heard: number, waitMs: number): Promise<void> {
  const until = leave === undefined ? signal : AbortSignal.any([signal, leave]);
  await newWork.waitAtMost((over) => clock.sleep(waitMs, over), heard, until);
}

interface Claimed {
  readonly task: Task;
  /** When the claim was sent. */
  readonly askedAtMs: number;
}

/** The end of a task, on its way to the Store. Its failures have been met when it is over. */
interface Recording {
  readonly ended: Promise<void>;
}

interface Beside {
  /** What the lane moved since this was asked last. */
  readonly cost: () => Counters;
  /** The end of the task before may still be on its way: one is, at most. */
  readonly before: Recording | null;
}

/** Returns when the lane is free. */
async function runTask(
  options: ClaimLoopOptions,
  { task, askedAtMs }: Claimed,
  { cost, before }: Beside,
): Promise<Recording> {
  const { store, lane, leases, taskEnded, newWork } = options;
  const held = leases.hold(task.lease, askedAtMs, options.signal);
  let recorded: Promise<void> = Promise.resolve();
  const onProgress = (progress: Progress): void => {
    const moved = cost();
    recorded = recorded.then(() => store.confirm(task.lease, progress, moved));
    // A failure to record is met below, before the task's end is recorded.
    recorded.catch(() => undefined);
  };
  options.onTask?.(true);
  const [outcome] = await Promise.allSettled([lane.run(task, onProgress, held.signal, held.term)]);
  options.onTask?.(false);
  await before?.ended;
  const last = cost();
  const record = async (): Promise<void> => {
    try {
      if (outcome.status === "rejected") throw outcome.reason;
      await recorded;
      await store.finish(task.lease, outcome.value, last);
    } catch (cause) {
      await recorded.catch(() => undefined);
      await endBadly(options, task, held.signal.aborted ? held.signal.reason : cause, last);
    } finally {
      held.release();
    }
    taskEnded.ring();
    newWork.ring();
  };
  return { ended: record() };
}

async function endBadly(
  { store, onFatal, onTaskError }: ClaimLoopOptions,
  task: Task,
  cause: unknown,
  cost: Counters,
): Promise<void> {
  const error = toGodwitError(cause);
  try {
    switch (error.disposition) {
      case "fenced":
        return;
      case "cancelled":
        await store.release(task.lease, cost);
        return;
      case "fatal":
        // First, since the release may be refused: whoever holds the chunk by now does not end this job.
        onFatal(error);
        await store.release(task.lease, cost);
        return;
      default:
        onTaskError(task, error);
        await store.giveUp(task.lease, error.toJSON(), cost);
    }
  } catch (second) {
    const failure = toGodwitError(second);
    // Another holds the chunk by now: what it does with it is its own affair.
    if (failure.disposition !== "fenced") onFatal(failure);
  }
}
