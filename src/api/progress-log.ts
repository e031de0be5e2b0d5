import type { Instant, JobId } from "../model/chunk.ts";
import type { Job } from "../model/job.ts";
import { estimate, type Sample, workOf } from "./estimate.ts";

/** Half of it is the time over which speed is measured: a change of the limit shows soon, a pause of breath does not. */
const windowMs = 10 * 60_000;
const apartMs = 15_000;
const jobsMax = 1_000;

/** What this server has seen of jobs lately. Bounded: the job that was not looked at for the longest time goes. */
export class ProgressLog {
  readonly #seen = new Map<JobId, readonly Sample[]>();

  /** Notes where the job is now. @returns when it will have moved its last byte; null while that is not known */
  estimatedEnd(job: Job, now: Instant): Instant | null {
    const before = (this.#seen.get(job.id) ?? []).filter(
      ({ at, done }) => at <= now && now - at <= windowMs && done >= 0,
    );
    const end = estimate(job, now, before);
    const last = before.at(-1);
    this.#seen.delete(job.id);
    if (job.status !== "running") return end;
    const isApart = last === undefined || now - last.at >= apartMs;
    this.#seen.set(job.id, isApart ? [...before, { at: now, done: workOf(job).done }] : before);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > jobsMax && oldest !== undefined) this.#seen.delete(oldest);
    return end;
  }
}
