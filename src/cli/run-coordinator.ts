/** The coordinator of a fleet: leads whatever job wants a leader. It never touches data. */
import { keepListening } from "../decorators/keep-listening.ts";
import { retryStore } from "../decorators/retry.ts";
import { type JobPlaces, leadJobs } from "../coordinator/lead-jobs.ts";
import { throttle } from "../coordinator/throttle.ts";
import { limitReads } from "../decorators/rate-limit.ts";
import { SharedLimit } from "../decorators/shared-limit.ts";
import { toGodwitError } from "../base/errors.ts";
import { closePlaces, openPlaces } from "../lane/setup.ts";
import type { Job } from "../model/job.ts";
import type { Meter } from "../model/meter.ts";
import { systemClock } from "../platform/clock.ts";
import { openSignals } from "../platform/signals.ts";
import { readSecret } from "../platform/secrets.ts";
import { type BudgetAccount, BudgetKeeper } from "../worker/budget-keeper.ts";
import type { Log } from "../platform/log.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Hints } from "../ports/hints.ts";
import type { Instruments } from "../ports/instruments.ts";
import type { PlanPage } from "../ports/source.ts";
import type { Store } from "../ports/store.ts";
import { discardLogged } from "./discard-logged.ts";
import { mayHaveLeft } from "./discard.ts";
import { openOptions } from "./job-spec.ts";
import { processOwner } from "./state.ts";

export interface RunCoordinatorOptions {
  readonly store: Store;
  readonly budget: BudgetStore;
  readonly hints: Hints;
  readonly log: Log;
  readonly instruments: Pick<Instruments, "resigned">;
  readonly signal: AbortSignal;
}

export async function runCoordinator(options: RunCoordinatorOptions): Promise<void> {
  const { store: plainStore, budget, log, instruments, signal } = options;
  const store = retryStore(plainStore, systemClock);
  const end = async (job: Job): Promise<void> => {
    log.info("job ended", { job_id: job.id, status: job.status });
    const isOver = job.status === "cancelled" || (job.status === "complete" && mayHaveLeft(job));
    if (isOver) await discardLogged(job.id, { store, log, signal });
  };
  const owner = processOwner();
  const onError = (error: unknown): void =>
    log.warn("the budget does not answer", { error: toGodwitError(error).toJSON() });
  // A listing reads the source too, beside the lanes of whatever worker runs here.
  const keeper = new BudgetKeeper({ budget, clock: systemClock, worker: `${owner}/listing`, onError });
  const throttling = throttle({
    budget,
    signals: openSignals({ secret: readSecret }),
    clock: systemClock,
    onError,
    signal,
  });
  await leadJobs({
    store,
    clock: systemClock,
    hints: keepListening(options.hints, systemClock),
    owner,
    openPlaces: (job, meter) => openLimited(keeper, job, meter),
    onLead: (job) => log.info("leads a job", { job_id: job.id }),
    onEnd: end,
    onFailure: (jobId, error) => {
      instruments.resigned(jobId);
      log.warn("a job cannot be led now", { ...(jobId !== "" && { job_id: jobId }), error: error.toJSON() });
    },
    signal,
  });
  await throttling;
}

/** The places of a job. Its source is listed under a share of its own; the coordinator reads nothing else of it. */
async function openLimited(keeper: BudgetKeeper, job: Job, meter: Meter): Promise<JobPlaces> {
  const places = await openPlaces(job.spec, openOptions(job.id, job.spec), meter);
  const gate = new SharedLimit(new SharedArrayBuffer(SharedLimit.byteLength));
  const source = limitReads(places.source, gate, systemClock);
  const listing = {
    jobId: job.id,
    gate,
    lanes: () => ({ wanted: 0, needed: 0, running: 0 }),
    slowDowns: () => meter.read("retries"),
    onLanes: () => undefined,
  };
  return {
    ...places,
    source: { ...source, plan: (after, signal) => whileHeld(keeper, listing, source.plan(after, signal)) },
    [Symbol.asyncDispose]: () => closePlaces(places),
  };
}

/** Holds a share from the first page to the last, or until nobody wants the next one; then workers get it. */
async function* whileHeld(
  keeper: BudgetKeeper,
  listing: BudgetAccount,
  pages: AsyncIterable<PlanPage>,
): AsyncGenerator<PlanPage> {
  const held = keeper.hold(listing);
  try {
    yield* pages;
  } finally {
    await held.release();
  }
}
