/** The coordinator of a fleet: leads whatever job wants a leader. It never touches data. */
import { retryStore } from "../decorators/retry.ts";
import { leadJobs } from "../coordinator/lead-jobs.ts";
import { toGodwitError } from "../base/errors.ts";
import { closePlaces, openPlaces } from "../lane/setup.ts";
import type { Job } from "../model/job.ts";
import { systemClock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Store } from "../ports/store.ts";
import { discardStaged, mayHaveLeft } from "./discard.ts";
import { openOptions } from "./job-spec.ts";
import { processOwner } from "./state.ts";

export interface RunCoordinatorOptions {
  readonly store: Store;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function runCoordinator({ store: plainStore, log, signal }: RunCoordinatorOptions): Promise<void> {
  const store = retryStore(plainStore, systemClock);
  const end = async (job: Job): Promise<void> => {
    log.info("job ended", { job_id: job.id, status: job.status });
    const isOver = job.status === "cancelled" || (job.status === "complete" && mayHaveLeft(job));
    if (!isOver) return;
    try {
      await discardStaged(store, job, signal);
    } catch (error) {
      log.warn("what the job had staged cannot be removed now", {
        job_id: job.id,
        error: toGodwitError(error).toJSON(),
      });
    }
  };
  await leadJobs({
    store,
    clock: systemClock,
    owner: processOwner(),
    openPlaces: async (job, meter) => {
      const places = await openPlaces(job.spec, openOptions(job.id, job.spec), meter);
      return { ...places, [Symbol.asyncDispose]: () => closePlaces(places) };
    },
    onLead: (job) => log.info("leads a job", { job_id: job.id }),
    onEnd: end,
    onFailure: (jobId, error) => log.warn("a job cannot be led now", { job_id: jobId, error: error.toJSON() }),
    signal,
  });
}
