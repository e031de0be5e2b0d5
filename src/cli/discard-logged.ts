import { toGodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import type { Log } from "../platform/log.ts";
import type { Store } from "../ports/store.ts";
import { discardStaged } from "./discard.ts";

export interface DiscardLogged {
  readonly store: Store;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Where no operator waits for the answer: what cannot be removed now is told to the log. */
export async function discardLogged(jobId: JobId, { store, log, signal }: DiscardLogged): Promise<void> {
  try {
    const job = await store.job(jobId);
    if (job !== null) await discardStaged(store, job, signal);
  } catch (error) {
    log.warn("what the job had staged cannot be removed now", { job_id: jobId, error: toGodwitError(error).toJSON() });
  }
}
