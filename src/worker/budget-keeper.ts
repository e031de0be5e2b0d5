/**
 * Asks for a process's share of each source that it reads, and has its lanes keep to it. Its grant runs from the moment
 * at which it asked, by its own monotonic clock: the gate closes by itself where no renewal is answered in time, whatever
 * becomes of this loop. Each job has a loop of its own, with one request at a time: a Store that does not answer for one
 * holds up no other.
 */
import type { JobId, WorkerId } from "../model/chunk.ts";
import type { BudgetStore, Grant, GrantRequest, ReadGate } from "../ports/budget.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Whoever has less than its part, or needs more than it said, does not wait for its turn. Nor does a new share: who was
 * first has all of it until it asks again, and those beside it have begun a moment later.
 */
const soonMs = 1_000;
/** Of what was read, this much had to wait: the share is what holds it up. */
const hungryPart = 0.5;
/** Who is not held up keeps a little more than it uses, and enough to begin with. */
const headroom = 1.1;
const idleBytesPerSecond = 64 * 1024;
/** Of a listing, which reads little, now and then, and all others wait for it. */
const listingBytesPerSecond = 2 ** 20;
/** A share that is so near to what is meant is not asked for again. */
const nearlyAll = 0.95;
/** Who is held up by its share asks for so many times of it: all it can get, after some seconds, and not all there is. */
const growth = 4;

export interface BudgetKeeperOptions {
  readonly budget: Pick<BudgetStore, "grant" | "release">;
  readonly clock: Clock;
  /** This process. A listing beside its lanes has a keeper with a name of its own. */
  readonly worker: WorkerId;
  /** A request failed. It is made again; the gate closes when that takes too long. */
  readonly onError: (error: unknown) => void;
}

export interface CrewLanes {
  /** As many as could work on the job, if it had enough for all. */
  readonly wanted: number;
  /** As many as it has work for, as far as that is known: all that are wanted, or those that hold its last tasks. */
  readonly needed: number;
  readonly running: number;
}

export interface BudgetAccount {
  readonly jobId: JobId;
  readonly gate: ReadGate;
  /** Of this job in this process; none at all for a listing. */
  readonly lanes: () => CrewLanes;
  /** Answers that asked to slow down, ever. */
  readonly slowDowns: () => number;
  /** How many lanes may read from now on; null: as many as there are. */
  readonly onLanes: (allowed: number | null) => void;
}

export class BudgetKeeper {
  readonly #options: BudgetKeeperOptions;
  /** Until the last share of each job is given back. */
  readonly #given = new Map<JobId, Promise<void>>();

  constructor(options: BudgetKeeperOptions) {
    this.#options = options;
  }

  /**
   * Closes the gate until there is a grant, and keeps it from then on. A job that is held already is asked for when that
   * share was given back.
   * @returns gives the share back: returns when nothing is asked for any more
   */
  hold(account: BudgetAccount): { readonly release: () => Promise<void> } {
    const { clock } = this.#options;
    const { jobId, gate } = account;
    const released = new AbortController();
    gate.close(clock.monotonicMs());
    // Both are one row in the Store: what was asked for meanwhile would not count beside the other, or go with it.
    const before = this.#given.get(jobId) ?? Promise.resolve();
    const { promise: given, resolve } = Promise.withResolvers<void>();
    this.#given.set(jobId, given);
    const kept = before.then(() => new Keeping(this.#options, account).run(released.signal));
    const giveBack = async (): Promise<void> => {
      released.abort();
      gate.close(clock.monotonicMs());
      await kept;
      const { budget, worker, onError } = this.#options;
      // What is not given back runs out.
      await budget.release(worker, jobId).catch(onError);
      resolve();
      if (this.#given.get(jobId) === given) this.#given.delete(jobId);
    };
    let gone: Promise<void> | null = null;
    return { release: () => (gone ??= giveBack()) };
  }
}

/** One process on one job. */
class Keeping {
  readonly #options: BudgetKeeperOptions;
  readonly #account: BudgetAccount;
  /** Null: the last request was not answered. */
  #grant: Grant | null = null;
  #askedAtMs = -Infinity;
  #requests = 0;
  /** What the Store reckons with since the last request: more than is held, for a second, where reads came in bursts. */
  #named: number | null = 0;
  /** What was told with the last request: all it can get, at first. */
  #wants: number | null = null;
  /** As it was told last. */
  #areLanesFew = false;
  /** With the last request. */
  #lanesTold = 0;
  #slowDownsTold = 0;
  /** Since the last request. */
  #bytes = 0;
  #waitedBytes = 0;
  #waiting = 0;

  constructor(options: BudgetKeeperOptions, account: BudgetAccount) {
    this.#options = options;
    this.#account = account;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      this.#look();
      if (this.#isDue()) {
        const shrank = await this.#ask(signal);
        // Others wait for what was given up: to name it says that it is.
        if (shrank && !signal.aborted) await this.#ask(signal);
      }
      // Rejects when the account is released, which ends the loop.
      await clock.sleep(soonMs, signal).catch(() => undefined);
    }
  }

  #isDue(): boolean {
    const grant = this.#grant;
    if (grant === null) return true;
    const isNew = this.#requests === 1;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#askedAtMs >= (isNew ? soonMs : grant.renewMs)) return true;
    if (orInfinity(this.#account.gate.heldLately(nowMs)) < orInfinity(this.#named)) return true;
    if (this.#lanesToTell() > this.#lanesTold) return true;
    const { aim } = grant;
    const isShort = (grant.bytesPerSecond ?? Infinity) < nearlyAll * (aim.bytesPerSecond ?? Infinity);
    const lacksLanes = (grant.lanes ?? Infinity) < (aim.lanes ?? Infinity);
    const saidTooLittle = this.#wants !== null && (grant.bytesPerSecond ?? Infinity) >= nearlyAll * this.#wants;
    return isShort || lacksLanes || (saidTooLittle && this.#isHungry());
  }

  /** Where lanes are few, none is kept from others by a process that has no work. */
  #lanesToTell(): number {
    const { wanted, needed } = this.#account.lanes();
    return this.#areLanesFew ? needed : wanted;
  }

  /** Of who is not held up. */
  #modest(elapsedMs: number): number {
    const isListing = this.#account.lanes().wanted === 0;
    return Math.max(
      isListing ? listingBytesPerSecond : idleBytesPerSecond,
      Math.ceil(((this.#bytes * 1_000) / elapsedMs) * headroom),
    );
  }

  #look(): void {
    const { bytes, waitedBytes, waiting } = this.#account.gate.takeUsage();
    this.#bytes += bytes;
    this.#waitedBytes += waitedBytes;
    this.#waiting = waiting;
  }

  #isHungry(): boolean {
    return this.#bytes === 0 ? this.#waiting > 0 : this.#waitedBytes >= hungryPart * this.#bytes;
  }

  /** @returns whether less was granted than before */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { budget, clock, onError } = this.#options;
    const { gate, onLanes } = this.#account;
    const nowMs = clock.monotonicMs();
    const before = gate.holds(nowMs);
    const request = this.#request(nowMs, before);
    this.#grant = null;
    try {
      const grant = await budget.grant(request);
      if (signal.aborted) return false;
      this.#slowDownsTold += request.slowDowns;
      this.#grant = grant;
      this.#areLanesFew = grant.lanes !== null;
      gate.open(grant.bytesPerSecond, nowMs + grant.lifeMs, clock.monotonicMs());
      onLanes(grant.lanes);
      return grant.bytesPerSecond !== null && grant.bytesPerSecond < (before ?? Infinity);
    } catch (error) {
      onError(error);
      return false;
    }
  }

  #request(nowMs: number, holds: number | null): GrantRequest {
    const { jobId, gate, lanes, slowDowns } = this.#account;
    const { wanted, running } = lanes();
    const lanesWanted = this.#lanesToTell();
    const elapsedMs = nowMs - this.#askedAtMs;
    // A request soon after another has seen too little to say something else.
    if (elapsedMs >= soonMs) {
      const modest = this.#modest(elapsedMs);
      const isNew = holds === null || holds === 0;
      const isHungry = elapsedMs === Infinity || this.#isHungry();
      this.#wants = !isHungry ? modest : isNew ? null : growth * Math.max(holds, modest);
      this.#bytes = 0;
      this.#waitedBytes = 0;
    }
    this.#named = gate.heldLately(nowMs);
    this.#askedAtMs = nowMs;
    this.#requests += 1;
    this.#lanesTold = lanesWanted;
    return {
      worker: this.#options.worker,
      jobId,
      // Lanes that have begun and may not read count for nothing: nobody has to wait for them.
      holds: { bytesPerSecond: this.#named, lanes: holds === 0 ? 0 : running },
      wantsBytesPerSecond: lanesWanted < wanted && lanesWanted === 0 ? 0 : this.#wants,
      lanesWanted,
      readLatencyP95Ms: gate.takeP95Ms(),
      slowDowns: Math.max(0, slowDowns() - this.#slowDownsTold),
    };
  }
}

/** Null is no limit. */
function orInfinity(rate: number | null): number {
  return rate ?? Infinity;
}
