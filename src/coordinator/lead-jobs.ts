/**
 * One process's part in leading a fleet's jobs: every job that wants a leader and has none is led by whoever sees it
 * first. Several such processes share the jobs; when one dies, another finds its jobs without a leader 3 s later.
 */
import { Bell } from "../base/bell.ts";
import { type GodwitError, toGodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import type { Job } from "../model/job.ts";
import { Meter } from "../model/meter.ts";
import type { Clock } from "../ports/clock.ts";
import type { Hint, Hints } from "../ports/hints.ts";
import type { Source } from "../ports/source.ts";
import type { Store } from "../ports/store.ts";
import type { Target } from "../ports/target.ts";
import { coordinate } from "./coordinate.ts";

const lookMs = 500;
const leasesLookMs = 100;
/** After a failure a job is left alone for so long: at first, and at most. */
const backoffMs = { first: 2_000, most: 60_000 };

export interface JobPlaces extends AsyncDisposable {
  readonly source: Source;
  readonly target: Target | null;
  readonly existing: Source;
}

export interface LeadJobsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly owner: string;
  readonly openPlaces: (job: Job, meter: Meter) => Promise<JobPlaces>;
  readonly onLead: (job: Job) => void;
  /** It has its last status: what it has staged and nobody will publish can be removed. */
  readonly onEnd: (job: Job) => Promise<void>;
  /** Leading failed: somebody tries again later. */
  readonly onFailure: (jobId: JobId, error: GodwitError) => void;
  readonly hints: Hints;
  readonly signal: AbortSignal;
}

interface Wanted {
  readonly id: JobId;
  /** Rung when its tasks, or what is asked of it, are worth a look at once. */
  readonly queueEmpty: Bell;
}

interface Led {
  readonly run: Promise<void>;
  readonly queueEmpty: Bell;
}

interface Trouble {
  readonly waitMs: number;
  readonly untilMs: number;
}

/** Runs until the signal aborts; then steps back from every job, so that another may lead at once. */
export async function leadJobs(options: LeadJobsOptions): Promise<void> {
  const { store, clock, hints, signal } = options;
  const led = new Map<JobId, Led>();
  const troubles = new Map<JobId, Trouble>();
  const news = new Bell();
  const onHint = ({ about, jobId }: Hint): void => {
    led.get(jobId)?.queueEmpty.ring();
    if (about === "job") news.ring();
  };
  const listening = hints.listen(onHint, signal);
  while (!signal.aborted) {
    const heard = news.rings;
    try {
      for (const { id, isLed } of await store.openJobs()) {
        const isResting = (troubles.get(id)?.untilMs ?? 0) > clock.monotonicMs();
        if (isLed || isResting || led.has(id)) continue;
        const queueEmpty = new Bell();
        const run = leadOne(options, { id, queueEmpty }, troubles).finally(() => led.delete(id));
        led.set(id, { run, queueEmpty });
      }
    } catch (error) {
      options.onFailure("", toGodwitError(error));
    }
    await news.waitAtMost((until) => clock.sleep(lookMs, until), heard, signal);
  }
  await Promise.all([listening, ...Array.from(led.values(), ({ run }) => run)]);
}

async function leadOne(options: LeadJobsOptions, wanted: Wanted, troubles: Map<JobId, Trouble>): Promise<void> {
  const { id } = wanted;
  try {
    await leadToEnd(options, wanted);
    troubles.delete(id);
  } catch (cause) {
    const error = toGodwitError(cause);
    // Another was first.
    if (error.code === "job_locked") return;
    const waitMs = Math.min(backoffMs.most, 2 * (troubles.get(id)?.waitMs ?? backoffMs.first / 2));
    troubles.set(id, { waitMs, untilMs: options.clock.monotonicMs() + waitMs });
    options.onFailure(id, error);
  }
}

async function leadToEnd(options: LeadJobsOptions, { id, queueEmpty }: Wanted): Promise<void> {
  const { store, clock, owner, signal } = options;
  const job = await store.job(id);
  if (job === null) return;
  const meter = new Meter();
  let end: Job;
  {
    await using places = await openOrRefuse(options, job, meter);
    if (places === null) return;
    end = await coordinate({
      store,
      clock,
      job,
      owner,
      meter,
      signal,
      source: places.source,
      target: places.target,
      existing: places.existing,
      limitBytesPerSecond: null,
      workers: "fleet",
      // Workers are elsewhere: they ring no bell but by hints, and nothing of theirs is fatal here.
      taskEnded: new Bell(),
      newWork: new Bell(),
      queueEmpty,
      fatal: new AbortController().signal,
      onLead: () => options.onLead(job),
      onStop: () => leasesEnded(store, clock, id),
      onCheckpoint: () => undefined,
    });
  }
  if (!signal.aborted) await options.onEnd(end);
}

/** Null when the job has been ended, since its places can never be opened. */
async function openOrRefuse(options: LeadJobsOptions, job: Job, meter: Meter): Promise<JobPlaces | null> {
  try {
    return await options.openPlaces(job, meter);
  } catch (cause) {
    const error = toGodwitError(cause);
    if (error.disposition === "retry") throw error;
    await refuse(options, job, error);
    return null;
  }
}

async function refuse({ store, owner, onEnd }: LeadJobsOptions, { id }: Job, error: GodwitError): Promise<void> {
  const lead = await store.lead(id, owner, { workers: "fleet" });
  const end = await store.setStatus(lead, "failed", error.toJSON());
  await store.resign(lead);
  await onEnd(end);
}

/** Workers see the wish with their next look at the jobs, and release what they hold; a dead one's leases run out. */
export async function leasesEnded(store: Store, clock: Clock, id: JobId): Promise<void> {
  while ((await store.open(id)).leased > 0) await clock.sleep(leasesLookMs);
}
