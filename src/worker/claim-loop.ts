/**
 * A worker's loop over one lane: claim a task, run it, record its end. Several run beside each other in one process;
 * they share a lease keeper. What a lane confirms is recorded before the end of its task is.
 */
import type { Bell } from "../base/bell.ts";
import { type GodwitError, toGodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import type { Counters } from "../model/job.ts";
import { costsOf } from "../model/meter.ts";
import type { Task } from "../model/task.ts";
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
  /** Something that ends the whole job: the coordinator decides what follows. */
  readonly onFatal: (error: GodwitError) => void;
  readonly onTaskError: (task: Task, error: GodwitError) => void;
  /** Ends the loop once the task that runs has ended. */
  readonly leave?: AbortSignal;
  readonly signal: AbortSignal;
}

/** Runs until the signal aborts; what is in flight then is released, with its confirmed blocks kept. */
export async function claimLoop(options: ClaimLoopOptions): Promise<void> {
  const { store, jobId, lane, newWork, clock } = options;
  // What was moved before the first task, to open the lane, is counted with it.
  const cost = costsOf(lane.meter);
  let waitMs = idleMs.first;
  while (!isOver(options)) {
    const askedAtMs = clock.monotonicMs();
    const heard = newWork.rings;
    const [task] = await store.claim(jobId, lane.name, 1, leaseMs);
    if (task === undefined) {
      options.queueEmpty.ring();
      await idle(options, heard, waitMs);
      waitMs = Math.min(idleMs.most, 2 * waitMs);
      continue;
    }
    waitMs = idleMs.first;
    await runTask(options, { task, askedAtMs }, cost);
    options.taskEnded.ring();
    newWork.ring();
  }
}

function isOver({ signal, leave }: ClaimLoopOptions): boolean {
  return signal.aborted || leave?.aborted === true;
}

/** Until there is new work since the queue was looked at, or a while has passed. */
async function idle({ clock, newWork, signal, leave }: ClaimLoopOptions, heard: number, waitMs: number): Promise<void> {
  const woken = new AbortController();
  const until = AbortSignal.any([signal, woken.signal, ...(leave === undefined ? [] : [leave])]);
  const timer = clock.sleep(waitMs, until).catch(() => undefined);
  await Promise.race([timer, newWork.wait(heard, until)]);
  woken.abort();
}

interface Claimed {
  readonly task: Task;
  /** When the claim was sent. */
  readonly askedAtMs: number;
}

async function runTask(options: ClaimLoopOptions, { task, askedAtMs }: Claimed, cost: () => Counters): Promise<void> {
  const { store, lane, leases } = options;
  const held = leases.hold(task.lease, askedAtMs, options.signal);
  let recorded: Promise<void> = Promise.resolve();
  try {
    const result = await lane.run(
      task,
      (progress) => {
        recorded = recorded.then(() => store.confirm(task.lease, progress, cost()));
        // A failure to record is met below, before the task's end is recorded.
        recorded.catch(() => undefined);
      },
      held.signal,
    );
    await recorded;
    await store.finish(task.lease, result, cost());
  } catch (cause) {
    await recorded.catch(() => undefined);
    await endBadly(options, task, held.signal.aborted ? held.signal.reason : cause, cost());
  } finally {
    held.release();
  }
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
