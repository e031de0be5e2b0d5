/**
 * A read limit that several threads share. It counts in bytes: what may have been read by now grows with time (never
 * past the end of a grant), and whoever wants to read books a place behind those before it, and waits until its place is
 * reached. No lane owns a share, so that one busy lane may use the whole limit. Places are bytes, not moments: when the
 * limit changes, they are reached sooner or later, and nothing is booked anew.
 *
 * What is not used in time is made up for, up to `lateMs` of it; the rest is lost. Whatever happens, any second holds no
 * more than `mostInSecond` times the limit, and one read where that is more: a read must also find room beside what came
 * within the last second and what was asked for and has not come yet. So the same holds at a source whose answers come
 * late, and all at once.
 */
import { Bell } from "../base/bell.ts";
import { ReadLatency } from "../model/read-latency.ts";
import type { GateUsage, ReadGate } from "../ports/budget.ts";
import type { Clock } from "../ports/clock.ts";
import { RecentBytes } from "./recent-bytes.ts";

const lateMs = 250;
/** Leaves room for what a source sends beside the bytes. */
const mostInSecond = 1.02;
/** Of a second's worth: what comes faster than the limit by no more than this is no burst. */
const burstPart = 0.02;
const secondUs = 1_000_000n;
/** A wait that is longer hears of a changed limit while it lasts; a shorter one finds out at its end. */
const deafMsMax = 50;
/** Timers cannot be set for longer than some weeks. */
const waitMsMax = 3_600_000;

const modes = { free: 0n, limited: 1n, closed: 2n } as const;
/** `round` is odd while the others are written. `since` is -1 until somebody who knows the time looks; `until` 0: no end. */
const cell = {
  round: 0,
  mode: 1,
  rate: 2,
  base: 3,
  since: 4,
  until: 5,
  booked: 6,
  read: 7,
  waited: 8,
  waiting: 9,
  asked: 10,
  usual: 11,
  least: 12,
  before: 13,
  beforeUntil: 14,
} as const;
const cellCount = 15;

/** What is asked for and not answered yet is no more than is read in the time of a usual answer, and in so much more. */
const aheadMs = 50;
const requestsMin = 3;
/** Of the usual time, each answer changes so much; one that took longer counts as twice the usual time. */
const usualPart = 0.1;
/** The time of the quickest answers falls at once, and rises by so much of what is missing to the usual one. */
const leastPart = 0.01;
/** The most that is reckoned with. */
const leastMsMax = 500;
/** In `before`. */
const noLimit = -1n;

interface State {
  readonly nowMs: number;
  readonly isClosed: boolean;
  readonly isFree: boolean;
  readonly bytesPerSecond: number;
  /** How far places are reached. */
  readonly reached: number;
  /** The largest share of the last second, where that is more than it is now; 0 where it is not; null: no limit. */
  readonly before: number | null;
}

interface WaitOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Read by any thread; set by one alone. */
export class SharedLimit implements ReadGate {
  static readonly byteLength =
    cellCount * BigInt64Array.BYTES_PER_ELEMENT +
    RecentBytes.byteLength +
    Int32Array.BYTES_PER_ELEMENT +
    ReadLatency.byteLength;
  /** How long reads took. */
  readonly latency: ReadLatency;
  readonly #cells: BigInt64Array;
  readonly #recent: RecentBytes;
  /** Counts changes, for those who wait in other threads; those of this thread hear the bell. */
  readonly #changes: Int32Array;
  readonly #bell = new Bell();

  /** @param buffer shared memory of `byteLength`; of zeros: no limit */
  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(buffer, 0, cellCount);
    let offset = this.#cells.byteLength;
    this.#recent = new RecentBytes(buffer, offset);
    offset += RecentBytes.byteLength;
    this.#changes = new Int32Array(buffer, offset, 1);
    this.latency = new ReadLatency(buffer, offset + this.#changes.byteLength);
  }

  /** For as long as the process lives; 0: no limit. */
  set bytesPerSecond(limit: number) {
    this.#write(limit === 0 ? modes.free : modes.limited, {
      rate: BigInt(Math.round(limit)),
      since: -1n,
      until: 0n,
      base: this.#at("booked"),
      before: 0n,
      beforeUntil: 0n,
    });
  }

  get bytesPerSecond(): number {
    return Number(this.#at("rate"));
  }

  open(bytesPerSecond: number | null, untilMs: number, nowMs: number): void {
    const mode = bytesPerSecond === null ? modes.free : bytesPerSecond === 0 ? modes.closed : modes.limited;
    // What is known of the rate outlasts a time without one: it says how small a read should be.
    const rate = mode === modes.closed ? this.bytesPerSecond : (bytesPerSecond ?? 0);
    const held = this.holds(nowMs);
    const isLess = (bytesPerSecond ?? Infinity) < (held ?? Infinity);
    this.#write(mode, {
      rate: BigInt(Math.round(rate)),
      since: micros(nowMs),
      until: BigInt(Math.max(1, Math.round(untilMs * 1_000))),
      // Nothing is made up for under a smaller share: the room that it leaves is given to others.
      base: this.#reachedAt(nowMs, isLess ? 0 : held),
      ...(isLess && {
        before: wordOf(larger(held, this.#look(nowMs).before)),
        beforeUntil: micros(nowMs) + secondUs,
      }),
    });
  }

  close(nowMs: number): void {
    this.open(0, 0, nowMs);
  }

  holds(nowMs: number): number | null {
    const { isClosed, isFree, bytesPerSecond } = this.#look(nowMs);
    return isClosed ? 0 : isFree ? null : bytesPerSecond;
  }

  heldLately(nowMs: number): number | null {
    const holds = this.holds(nowMs);
    const { before } = this.#look(nowMs);
    if (holds === null || (before !== null && holds >= before)) return holds;
    if (before === null) return this.#recent.sum(nowMs, 1_000) > 0 ? null : holds;
    const lessSinceMs = 1_000 - (Number(this.#at("beforeUntil")) / 1_000 - nowMs);
    const meant = (ms: number): number =>
      (holds * Math.min(ms, lessSinceMs) + before * Math.max(0, ms - lessSinceMs)) / 1_000;
    const isBurst = this.#recent.mostBeyond(nowMs, 1_000, meant) > burstPart * before;
    return isBurst ? before : holds;
  }

  takeUsage(): GateUsage {
    const take = (name: "read" | "waited"): number => Number(Atomics.exchange(this.#cells, cell[name], 0n));
    return { bytes: take("read"), waitedBytes: take("waited"), waiting: Number(this.#at("waiting")) };
  }

  takeP95Ms(): number | null {
    return this.latency.takeP95Ms();
  }

  /** @returns whether the bytes may be asked for at once; then they are, until they are `given` */
  passes(bytes: number, nowMs: number): boolean {
    const state = this.#look(nowMs);
    if (state.isClosed) return false;
    const seen = this.#at("booked");
    const end = behind(state, seen) + BigInt(bytes);
    if (!state.isFree && end > state.reached) return false;
    if (this.#take(bytes, state) > 0) return false;
    if (!state.isFree && Atomics.compareExchange(this.#cells, cell.booked, seen, end) !== seen) {
      this.#giveUp(bytes);
      return false;
    }
    this.#count(bytes, false);
    return true;
  }

  /**
   * Books the bytes and waits until they may be asked for; from then on they count as asked for, until they are `given`.
   * Rejects with the signal's reason.
   */
  async wait(bytes: number, options: WaitOptions): Promise<void> {
    Atomics.add(this.#cells, cell.waiting, 1n);
    try {
      this.#count(bytes, await this.#wait(bytes, options));
    } finally {
      Atomics.sub(this.#cells, cell.waiting, 1n);
    }
  }

  /**
   * What was asked for has come, or never will. A thread that dies before it has said so leaves its bytes in the count:
   * whoever shares a limit with it must end too, and begin anew with another one.
   */
  given(bytes: number, nowMs: number): void {
    this.#recent.add(bytes, nowMs);
    this.#giveUp(bytes);
  }

  answered(tookMs: number): void {
    this.latency.add(tookMs);
    const took = Math.max(0, tookMs) * 1_000;
    // Of two threads that answer at once one may be forgotten.
    const [usual, least] = [Number(this.#at("usual")), Number(this.#at("least"))];
    const isFirst = usual === 0;
    const next = isFirst ? took : usual + usualPart * (Math.min(took, 2 * usual) - usual);
    const risen = isFirst ? took : least + leastPart * (usual - least);
    Atomics.store(this.#cells, cell.usual, BigInt(Math.max(1, Math.round(next))));
    Atomics.store(this.#cells, cell.least, BigInt(Math.round(Math.min(took, risen))));
  }

  /** @returns whether it was the limit that held it up, and not the source, which has more to answer already */
  async #wait(bytes: number, { clock, signal }: WaitOptions): Promise<boolean> {
    let place: bigint | null = null;
    let isHeldUp = false;
    for (;;) {
      signal.throwIfAborted();
      const heard = { changes: Atomics.load(this.#changes, 0), rings: this.#bell.rings };
      const state = this.#look(clock.monotonicMs());
      if (state.isClosed) {
        isHeldUp = true;
        await this.#changed(heard, waitMsMax, clock, signal);
        continue;
      }
      if (!state.isFree && (place === null || isLate(state, place))) place = this.#book(state, bytes);
      const placeInMs = place === null ? 0 : ((Number(place) - state.reached) * 1_000) / state.bytesPerSecond;
      const ms = placeInMs > 0 && !state.isFree ? placeInMs : this.#take(bytes, state);
      if (ms <= 0) return isHeldUp;
      isHeldUp ||= ms !== Infinity;
      await this.#changed(heard, ms, clock, signal);
    }
  }

  /**
   * @returns after how many milliseconds there may be room for so much; 0: there is. A second at most: another thread's
   * bytes may come without a word
   */
  #roomInMs(bytes: number, { nowMs, isFree, bytesPerSecond, before }: State): number {
    if (isFree) return 0;
    const asked = Number(this.#at("asked"));
    // An answer takes as long as the quickest ones at least: by then this much of the last second is over.
    const ms = 1_000 - Math.min(leastMsMax, Number(this.#at("least")) / 1_000);
    const used = this.#recent.sum(nowMs, ms) + asked;
    // What was read under a larger share has its place in the budget for a second more.
    const most = mostInSecond * (larger(bytesPerSecond, before) ?? Infinity);
    const tooMuch = Math.min(used, used + bytes - most);
    return tooMuch <= 0 ? 0 : Math.min(1_000, this.#recent.msUntilGone(tooMuch, nowMs, ms));
  }

  /** A few requests are always under way, however large: one that hangs does not stop the others. */
  #isFarAhead(bytes: number, asked: number, { isFree, bytesPerSecond }: State): boolean {
    const ms = Number(this.#at("usual")) / 1_000 + aheadMs;
    return !isFree && asked + bytes > Math.max(requestsMin * bytes, (bytesPerSecond * ms) / 1_000);
  }

  /** Where there is room, the bytes are taken for asked for. @returns as `roomInMs` */
  #take(bytes: number, state: State): number {
    for (;;) {
      const asked = this.#at("asked");
      const ms = this.#isFarAhead(bytes, Number(asked), state) ? Infinity : this.#roomInMs(bytes, state);
      if (ms > 0) return ms;
      if (Atomics.compareExchange(this.#cells, cell.asked, asked, asked + BigInt(bytes)) === asked) return 0;
    }
  }

  #giveUp(bytes: number): void {
    Atomics.sub(this.#cells, cell.asked, BigInt(bytes));
    if (this.#at("waiting") > 0n) this.#tell();
  }

  #book(state: State, bytes: number): bigint {
    for (;;) {
      const seen = this.#at("booked");
      const end = behind(state, seen) + BigInt(bytes);
      if (Atomics.compareExchange(this.#cells, cell.booked, seen, end) === seen) return end;
    }
  }

  #count(bytes: number, hasWaited: boolean): void {
    Atomics.add(this.#cells, cell.read, BigInt(bytes));
    if (hasWaited) Atomics.add(this.#cells, cell.waited, BigInt(bytes));
  }

  /** Returns after that time; sooner when the limit has changed since `heard`, unless the time is short. */
  async #changed(
    heard: { changes: number; rings: number },
    ms: number,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<void> {
    if (ms <= deafMsMax) return clock.sleep(ms, signal);
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const mostMs = Math.min(ms, waitMsMax);
    // It ends by itself soon after: else each wait would be kept until the limit changes, which may be never.
    const elsewhere = Atomics.waitAsync(this.#changes, 0, heard.changes, mostMs + 1_000);
    if (!elsewhere.async) return;
    const timer = clock.sleep(mostMs, until);
    try {
      await Promise.race([timer, elsewhere.value, this.#bell.wait(heard.rings, until)]);
    } finally {
      over.abort();
      await timer.catch(() => undefined);
    }
  }

  /** All of it, or nothing of it: whoever looks meanwhile looks again. */
  #write(mode: bigint, values: Partial<Record<keyof typeof cell, bigint>>): void {
    Atomics.add(this.#cells, cell.round, 1n);
    for (const [name, value] of Object.entries({ ...values, mode }))
      Atomics.store(this.#cells, cell[name as keyof typeof cell], value);
    Atomics.add(this.#cells, cell.round, 1n);
    this.#tell();
  }

  /** Those who wait look again. */
  #tell(): void {
    Atomics.add(this.#changes, 0, 1);
    Atomics.notify(this.#changes, 0);
    this.#bell.ring();
  }

  /** What was not used under a smaller share is made up for as if under that, not as if the larger one had been there. */
  #reachedAt(nowMs: number, held: number | null): bigint {
    const booked = this.#at("booked");
    if (held === null) return booked;
    const most = booked + BigInt(Math.floor((held * lateMs) / 1_000));
    const reached = BigInt(this.#look(nowMs).reached);
    return reached < most ? reached : most;
  }

  #look(nowMs: number): State {
    const now = micros(nowMs);
    for (;;) {
      const round = this.#at("round");
      const mode = this.#at("mode");
      const [rate, base, until] = [Number(this.#at("rate")), Number(this.#at("base")), this.#at("until")];
      const before = now >= this.#at("beforeUntil") ? 0 : numberOf(this.#at("before"));
      const since = this.#since(now);
      if (round % 2n === 1n || this.#at("round") !== round) continue;
      const isOver = until !== 0n && now >= until;
      const grownUs = Math.max(0, Number((isOver ? until : now) - since));
      const grown = mode === modes.limited ? Math.floor((rate * grownUs) / 1_000_000) : 0;
      return {
        nowMs,
        isClosed: mode === modes.closed || isOver,
        isFree: mode === modes.free,
        bytesPerSecond: rate,
        reached: base + grown,
        before,
      };
    }
  }

  #since(now: bigint): bigint {
    const since = this.#at("since");
    if (since !== -1n) return since;
    const first = Atomics.compareExchange(this.#cells, cell.since, since, now);
    return first === since ? now : first;
  }

  #at(name: keyof typeof cell): bigint {
    return Atomics.load(this.#cells, cell[name]);
  }
}

/** Where the next place begins: behind those that are booked, and not in what is lost already. */
function behind({ reached, bytesPerSecond }: State, booked: bigint): bigint {
  const earliest = BigInt(reached - Math.floor((bytesPerSecond * lateMs) / 1_000));
  return booked > earliest ? booked : earliest;
}

function isLate({ reached, bytesPerSecond }: State, place: bigint): boolean {
  return Number(place) < reached - Math.floor((bytesPerSecond * lateMs) / 1_000);
}

/** Null is no limit. */
function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}

function wordOf(rate: number | null): bigint {
  return rate === null ? noLimit : BigInt(Math.round(rate));
}

function numberOf(word: bigint): number | null {
  return word === noLimit ? null : Number(word);
}

function micros(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000));
}
