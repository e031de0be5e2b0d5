/**
 * A Store whose passing refusals are waited out: recording costs little, what is to be recorded cost much. What is done
 * twice here may be done twice: a claim whose answer was lost runs out, an end that was recorded is refused as fenced.
 * Pages of the plan and sums are not: they pass as they are, and a new leader goes on behind the last one that counted.
 */
import { toGodwitError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";

/** Some six seconds in all, after the patience that an engine has of its own. */
const firstWaitMs = 100;
const triesMax = 7;

export function retryStore(store: Store, clock: Clock): Store {
  const again = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await call();
      } catch (error) {
        if (tries === triesMax || toGodwitError(error).disposition !== "retry") throw error;
        await clock.sleep(firstWaitMs * 2 ** (tries - 1));
      }
    }
  };
  return {
    createJob: (spec, terms) => store.createJob(spec, terms),
    job: (id) => again(() => store.job(id)),
    jobs: () => again(() => store.jobs()),
    removeJob: (id) => again(() => store.removeJob(id)),
    wish: (id, wish) => again(() => store.wish(id, wish)),
    setTerms: (id, terms) => again(() => store.setTerms(id, terms)),
    requeue: (id) => again(() => store.requeue(id)),
    openJobs: () => again(() => store.openJobs()),
    object: (id, error) => again(() => store.object(id, error)),
    beat: (worker) => again(() => store.beat(worker)),
    leave: (workerId) => again(() => store.leave(workerId)),
    workers: () => again(() => store.workers()),
    lead: (jobId, owner, options) => again(() => store.lead(jobId, owner, options)),
    renewLead: (lead) => again(() => store.renewLead(lead)),
    resign: (lead) => again(() => store.resign(lead)),
    leader: (id) => again(() => store.leader(id)),
    stopIdle: (id, status) => again(() => store.stopIdle(id, status)),
    setStatus: (lead, status, failure) => again(() => store.setStatus(lead, status, failure)),
    addPlan: (lead, batch) => store.addPlan(lead, batch),
    checkpoint: (lead) => again(() => store.checkpoint(lead)),
    count: (lead, delta) => store.count(lead, delta),
    claim: (jobId, worker, limit, leaseMs) => again(() => store.claim(jobId, worker, limit, leaseMs)),
    renew: (leases, leaseMs) => again(() => store.renew(leases, leaseMs)),
    confirm: (lease, progress, cost) => again(() => store.confirm(lease, progress, cost)),
    finish: (lease, result, cost) => again(() => store.finish(lease, result, cost)),
    giveUp: (lease, error, cost) => again(() => store.giveUp(lease, error, cost)),
    release: (lease, cost) => again(() => store.release(lease, cost)),
    open: (jobId) => again(() => store.open(jobId)),
    chunks: (jobId) => store.chunks(jobId),
    exceptions: (jobId) => store.exceptions(jobId),
    verdicts: (jobId) => store.verdicts(jobId),
    attempts: (jobId) => store.attempts(jobId),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
