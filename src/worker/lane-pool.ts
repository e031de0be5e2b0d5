/**
 * The lanes of one worker process of a fleet, shared by all jobs that are open: by priority, none left without a lane
 * while there are enough. A lane belongs to one job at a time, since its connections do; it changes between two tasks.
 */
import { Bell } from "../base/bell.ts";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import { isActive, type Job, type Priority } from "../model/job.ts";
import type { Task } from "../model/task.ts";
import type { Clock } from "../ports/clock.ts";
import type { Hints } from "../ports/hints.ts";
import type { Lane } from "../ports/lane.ts";
import type { OpenJob, Store } from "../ports/store.ts";
import type { CrewLanes } from "./budget-keeper.ts";
import { claimLoop } from "./claim-loop.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";

const lookMs = 500;
const idleHintMs = 200;
/** A job whose places this worker could not open, or that met something fatal here, is left to others for so long. */
const restMs = 15_000;
const weights: Readonly<Record<Priority, number>> = { low: 1, normal: 2, high: 4 };

export interface OpenLane extends Lane {
  /** Rejects with what opening its source or target threw. */
  readonly opened: Promise<void>;
}

export interface LanePoolOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly leases: LeaseKeeper;
  readonly lanes: number;
  readonly openLane: (job: Job, index: number) => OpenLane;
  /** A job is worked on here from now on: its lanes read under a share of its source until it is given back. */
  readonly holdBudget: (crew: BudgetedCrew) => { readonly release: () => Promise<void> };
  /** A job cannot be worked on here (no task; no job, where the Store does not answer), or one of its tasks failed. */
  readonly onTrouble: (jobId: JobId, error: GodwitError, task: Task | null) => void;
  readonly onChange: (jobId: JobId, lanes: number) => void;
  readonly hints: Hints;
  readonly signal: AbortSignal;
}

/** What a share is asked for by, and what it decides. */
export interface BudgetedCrew {
  readonly job: Job;
  /** As they are known now. */
  readonly lanes: () => CrewLanes;
  /** Requests that the stores had them send again, ever. */
  readonly slowDowns: () => number;
  /** How many lanes may work on it from now on; null: as many as there are. */
  readonly onLanes: (allowed: number | null) => void;
}

/** What lanes of one job share. */
interface Crew {
  readonly job: Job;
  budget: { readonly release: () => Promise<void> } | null;
  lanesAllowed: number | null;
  /** Of lanes that have left. */
  retries: number;
  /** The job is over, paused or cancelled: what runs is released. */
  readonly stop: AbortController;
  readonly newWork: Bell;
  readonly taskEnded: Bell;
  readonly queueEmpty: Bell;
  readonly members: Set<Member>;
  saidIdleAtMs: number;
  /** It is about to say so. */
  saysIdle: boolean;
  /** How often its bells had rung at the last look. */
  heard: Rings;
  /** Since the look before, somebody found nothing to claim and nobody ended a task. */
  isIdle: boolean;
}

interface Member {
  /** Ends after the task that runs. */
  readonly leave: AbortController;
  readonly index: number;
  lane: OpenLane | null;
  hasTask: boolean;
  /** It works no more. */
  readonly ended: Promise<void>;
}

interface Rings {
  readonly taskEnded: number;
  readonly queueEmpty: number;
}

export class LanePool {
  readonly #options: LanePoolOptions;
  readonly #crews = new Map<JobId, Crew>();
  readonly #resting = new Map<JobId, number>();
  readonly #running = new Set<Promise<void>>();
  readonly #freeIndexes: number[];

  constructor(options: LanePoolOptions) {
    this.#options = options;
    this.#freeIndexes = Array.from({ length: options.lanes }, (_, index) => options.lanes - index);
  }

  /** Lanes that belong to a job, also those that are still to end. */
  lanesAssigned(): number {
    return this.#options.lanes - this.#freeIndexes.length;
  }

  /** Until the signal aborts; then all tasks are released with what they have confirmed. */
  async run(): Promise<void> {
    const { store, clock, hints, signal, onTrouble } = this.#options;
    const news = new Bell();
    const listening = hints.listen(({ about, jobId }) => {
      if (about !== "job") return;
      news.ring();
      this.#crews.get(jobId)?.newWork.ring();
    }, signal);
    while (!signal.aborted) {
      const heard = news.rings;
      try {
        await this.#look(await store.openJobs());
      } catch (error) {
        // The Store does not answer. Leases are watched by their keeper; what was claimed goes on.
        onTrouble("", toGodwitError(error), null);
      }
      await news.waitAtMost((until) => clock.sleep(lookMs, until), heard, signal);
    }
    for (const [id, crew] of this.#crews) this.#dismiss(id, crew);
    while (this.#running.size > 0) await Promise.all(this.#running);
    await listening;
  }

  async #look(open: readonly OpenJob[]): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    const wanted = open.filter(
      ({ id, status, wish }) => isActive(status) && wish === null && (this.#resting.get(id) ?? 0) <= now,
    );
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, crew] of this.#crews) {
      if (ids.has(id)) noteIdle(crew);
      else this.#dismiss(id, crew);
    }
    for (const [id, share] of sharesOf(wanted, this.#options.lanes, (job) => this.#crews.get(job)?.isIdle ?? false))
      await this.#man(id, share);
  }

  #dismiss(id: JobId, crew: Crew): void {
    this.#crews.delete(id);
    crew.stop.abort(notWanted(id));
    this.#track(this.#disband(crew));
  }

  /** Once its last lane has ended, its share is somebody else's. */
  async #disband(crew: Crew): Promise<void> {
    await Promise.all([...crew.members].map(({ ended }) => ended));
    await crew.budget?.release();
  }

  /** To be waited for at the end. */
  #track(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #man(id: JobId, share: number): Promise<void> {
    const { store, onChange } = this.#options;
    let crew = this.#crews.get(id);
    if (crew === undefined) {
      const job = await store.job(id);
      if (job === null) return;
      crew = this.#newCrew(job);
      this.#crews.set(id, crew);
    }
    const before = crew.members.size;
    const allowed = crew.lanesAllowed ?? share;
    // One looks for work, also where none may read: what it finds waits for its share.
    const looks = crew.isIdle && tasksOf(crew) === 0;
    const wanted = Math.min(share, looks ? Math.max(1, allowed) : allowed);
    for (const { leave } of [...crew.members].slice(wanted)) leave.abort();
    while (crew.members.size < wanted && this.#freeIndexes.length > 0) this.#hire(crew, this.#freeIndexes.pop() ?? 0);
    if (crew.members.size !== before) onChange(id, crew.members.size);
  }

  #newCrew(job: Job): Crew {
    const crew = emptyCrew(job);
    crew.budget = this.#options.holdBudget({
      job,
      lanes: () => ({ wanted: this.#options.lanes, needed: this.#lanesNeeded(crew), running: crew.members.size }),
      slowDowns: () => retriesOf(crew),
      onLanes: (allowed) => {
        crew.lanesAllowed = allowed;
      },
    });
    return crew;
  }

  #lanesNeeded(crew: Crew): number {
    return crew.isIdle ? tasksOf(crew) : this.#options.lanes;
  }

  #hire(crew: Crew, index: number): void {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const member: Member = { leave: new AbortController(), index, lane: null, hasTask: false, ended };
    crew.members.add(member);
    const run = this.#work(crew, member)
      .catch((error: unknown) => this.#rest(crew, toGodwitError(error)))
      .finally(() => {
        crew.members.delete(member);
        crew.retries += member.lane?.meter.read("retries") ?? 0;
        this.#freeIndexes.push(index);
        resolve();
      });
    this.#track(run);
  }

  async #work(crew: Crew, member: Member): Promise<void> {
    const { store, clock, leases, openLane, onTrouble } = this.#options;
    const { job, stop, newWork, taskEnded, queueEmpty } = crew;
    await using lane = openLane(job, member.index);
    member.lane = lane;
    await lane.opened;
    await claimLoop({
      store,
      clock,
      leases,
      lane,
      newWork,
      taskEnded,
      queueEmpty,
      jobId: job.id,
      leave: member.leave.signal,
      signal: stop.signal,
      onFatal: (error) => this.#rest(crew, error),
      onTaskError: (task, error) => onTrouble(job.id, error, task),
      onIdle: () => this.#sayIdle(crew),
      onTask: (has) => {
        member.hasTask = has;
      },
    });
  }

  /** Whoever leads the job may want to see what became of its tasks; not as often as a job waits for single ones. */
  #sayIdle(crew: Crew): void {
    if (crew.saysIdle) return;
    crew.saysIdle = true;
    this.#track(this.#sayIdleLater(crew));
  }

  async #sayIdleLater(crew: Crew): Promise<void> {
    const { clock, hints, signal } = this.#options;
    await clock.sleep(Math.max(0, crew.saidIdleAtMs + idleHintMs - clock.monotonicMs()), signal).catch(() => undefined);
    crew.saidIdleAtMs = clock.monotonicMs();
    crew.saysIdle = false;
    hints.say({ about: "idle", jobId: crew.job.id });
  }

  /** What ends a whole job on one machine may be this worker's own trouble: others go on. A full disk is everybody's. */
  #rest(crew: Crew, error: GodwitError): void {
    const { clock, onTrouble, store } = this.#options;
    const { id } = crew.job;
    if (crew.stop.signal.aborted) return;
    onTrouble(id, error, null);
    this.#resting.set(id, clock.monotonicMs() + restMs);
    this.#dismiss(id, crew);
    if (error.code === "disk_full")
      void store.object(id, error.toJSON()).catch((second: unknown) => onTrouble(id, toGodwitError(second), null));
  }
}

/** Requests that were sent again, over all of its lanes. */
function retriesOf({ retries, members }: Crew): number {
  return [...members].reduce((sum, { lane }) => sum + (lane?.meter.read("retries") ?? 0), retries);
}

function tasksOf({ members }: Crew): number {
  return [...members].filter(({ hasTask }) => hasTask).length;
}

function emptyCrew(job: Job): Crew {
  return {
    job,
    budget: null,
    lanesAllowed: null,
    retries: 0,
    stop: new AbortController(),
    newWork: new Bell(),
    taskEnded: new Bell(),
    queueEmpty: new Bell(),
    members: new Set(),
    saidIdleAtMs: Number.NEGATIVE_INFINITY,
    saysIdle: false,
    heard: { taskEnded: 0, queueEmpty: 0 },
    isIdle: false,
  };
}

function noteIdle(crew: Crew): void {
  const { taskEnded, queueEmpty, heard } = crew;
  crew.isIdle = taskEnded.rings === heard.taskEnded && (crew.isIdle || queueEmpty.rings > heard.queueEmpty);
  crew.heard = { taskEnded: taskEnded.rings, queueEmpty: queueEmpty.rings };
}

/**
 * Lanes for each job: one for each at first, the more urgent and older before the others, then by weight. A job without
 * work keeps one lane, to see when it has some again.
 */
export function sharesOf(
  jobs: readonly Pick<OpenJob, "id" | "terms">[],
  lanes: number,
  isIdle: (id: JobId) => boolean,
): ReadonlyMap<JobId, number> {
  const shares = new Map(jobs.map(({ id }, at) => [id, at < lanes ? 1 : 0]));
  const hungry = jobs.filter(({ id }) => shares.get(id) === 1 && !isIdle(id));
  const sharing = hungry.length > 0 ? hungry : jobs.slice(0, 1);
  for (let left = lanes - Math.min(lanes, jobs.length); left > 0 && sharing.length > 0; left -= 1) {
    const next = sharing.reduce((best, job) => (urgency(job, shares) > urgency(best, shares) ? job : best));
    shares.set(next.id, (shares.get(next.id) ?? 0) + 1);
  }
  return shares;
}

function urgency({ id, terms }: Pick<OpenJob, "id" | "terms">, shares: ReadonlyMap<JobId, number>): number {
  return weights[terms.priority] / (1 + (shares.get(id) ?? 0));
}

function notWanted(id: JobId): GodwitError {
  return new GodwitError("interrupted", {
    disposition: "cancelled",
    what: `job ${id} is not to be worked on now`,
    hint: "What is confirmed is kept.",
  });
}
