/**
 * Runs a scenario. Where something happens the fleet is simulated heartbeat by heartbeat; where nothing does, its pace is
 * measured for a while, and then time is let pass to the next thing that happens. So months of a fleet take seconds, and
 * what decides is the product's own code all the same.
 */
import { calmMs, reactionMs } from "../model/aimd.ts";
import type { Instant } from "../model/chunk.ts";
import { capsByMinute, transferMs } from "./arithmetic.ts";
import { ByBytes, Calendar, type Happening } from "./calendar.ts";
import { Fleet } from "./fleet.ts";
import { LoadMeter, type Peak } from "./load-meter.ts";
import { Random } from "./random.ts";
import { Profile } from "./profile.ts";
import { Regimes } from "./regimes.ts";
import { type Scale, scaleOf } from "./scale.ts";
import type { Scenario } from "./scenario.ts";
import { SimTime } from "./sim-time.ts";
import { Tally } from "./tally.ts";

/** One look of the simulation at its fleet. */
const lookMs = 1_000;
const minuteMs = 60_000;
/** No pace is measured for longer than this, or than this divided by the number of workers. */
const measureMs = 120_000;
const measureWorkerMs = 1_200_000;
/** While the throttle gives lanes back, nothing stays as it is for longer than its five minutes. */
const measureThrottledMs = 30_000;
/** What a change needs until it has reached every worker: heartbeats of 10 s, and shares that make room for others. */
const settleMs = 25_000;
/** A death: the lease of 30 s, and the next claims. */
const deathSettleMs = 45_000;
/** A grant looks ahead by its life of 30 s: that long before a window begins, things begin to change. */
const lookAheadMs = 35_000;
const yearMs = 365 * 24 * 3_600_000;
/** Whatever is not done by then is not done. */
const yearsMax = 5;
const skipMsMin = 3_000;
const skipMsMax = 24 * 3_600_000;
/** Of misfortunes of single chunks, so many are simulated; the others cost what those did. */
const simulatedMisfortunesMax = 40;
/** Calls of the Store, in which effort is counted: the same on every machine, so that a seed gives one result. */
const calls = { most: 150_000, morePerWorker: 1_000 };

export interface Simulated {
  readonly scale: Scale;
  readonly tally: Tally;
  readonly peakSecond: Peak;
  readonly peakMinute: Peak;
  readonly sourceBytes: number;
  /** From the start to the proven end; null: it would not end. */
  readonly durationMs: number | null;
  /** Until then it was simulated; after that it went on as it had been. */
  readonly simulatedUntilMs: number;
  /** Of this, heartbeat by heartbeat. */
  readonly detailMs: number;
  /** Of the duration, as a part of it: from how far the measured paces lie apart. */
  readonly standardError: number;
  readonly failedEntries: number;
}

export interface SimulateOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  /** `setImmediate` of `node:timers/promises`. */
  readonly turn: () => Promise<unknown>;
  readonly signal: AbortSignal;
  /** Calls of the Store, after which the job goes on as it had been; absent: enough for most. */
  readonly callsMax?: number;
  /** After each look: how much of the fleet's time is over. */
  readonly onTime?: (simulatedMs: number) => void;
}

/** @throws what a defect of the fleet's own code throws; the signal's reason */
export async function simulate(options: SimulateOptions): Promise<Simulated> {
  const run = await Run.open(options);
  await using _ = run;
  return await run.toEnd();
}

/** The most that the scenario's workers move together. */
export function fleetRate({ workers }: Scenario): number {
  const most = workers.shifts.reduce((sum, { count }) => sum + count, workers.count);
  return most * workers.bytesPerSecond;
}

class Run implements AsyncDisposable {
  readonly #scenario: Scenario;
  readonly #signal: AbortSignal;
  readonly #onTime: SimulateOptions["onTime"];
  readonly #time: SimTime;
  readonly #fleet: Fleet;
  readonly #meter: LoadMeter;
  readonly #tally: Tally;
  readonly #scale: Scale;
  readonly #calendar: Calendar;
  readonly #regimes = new Regimes();
  readonly #profile = new Profile();
  readonly #readErrors: ByBytes;
  readonly #damages: ByBytes;
  readonly #cap: (at: Instant) => number | null;
  readonly #effort: { calls: number };
  readonly #callsMax: number;
  #settledAtMs = settleMs + lookMs * 10;
  #detailMs = 0;
  #squaredErrorMs = 0;
  #boundary: Boundary;
  #seen = { at: 0, sourceBytes: 0, verifiedBytes: 0, wastedBytes: 0, key: "" };
  #misfortunes = { read_error: 0, corrupt_chunk: 0 };

  private constructor(options: SimulateOptions, parts: { fleet: Fleet; world: World; effort: { calls: number } }) {
    const { scenario, signal, callsMax } = options;
    this.#callsMax = callsMax ?? calls.most + calls.morePerWorker * scenario.workers.count;
    const { time, meter, tally, scale, random, cap } = parts.world;
    this.#scenario = scenario;
    this.#signal = signal;
    this.#onTime = options.onTime;
    this.#fleet = parts.fleet;
    this.#effort = parts.effort;
    this.#time = time;
    this.#meter = meter;
    this.#tally = tally;
    this.#scale = scale;
    this.#cap = cap;
    this.#calendar = new Calendar(scenario, random.fork());
    this.#readErrors = new ByBytes(random.fork(), scenario.failures.readErrorsPerPetabyte);
    this.#damages = new ByBytes(random.fork(), scenario.failures.corruptChunksPerPetabyte);
    this.#boundary = this.#nextBoundary();
    this.#seen = { ...this.#seen, at: time.now(), key: this.#key() };
  }

  static async open(options: SimulateOptions): Promise<Run> {
    const { scenario, seed, turn } = options;
    const { data, workers, start } = scenario;
    const cap = capsByMinute(scenario.source);
    const effort = { calls: 0 };
    const lanes = (workers.count + workers.shifts.reduce((sum, { count }) => sum + count, 0)) * workers.lanes;
    const bytesPerSecond = Math.min(fleetRate(scenario), scenario.source.limitBytesPerSecond ?? Infinity);
    const world: World = {
      time: new SimTime(turn, start),
      meter: new LoadMeter(start, cap),
      tally: new Tally(),
      scale: scaleOf({ chunkBytes: scenario.chunkBytes, ...data, lanes, bytesPerSecond }),
      random: new Random(seed),
      cap,
    };
    const { time, meter, tally, random } = world;
    const onCall = (): void => void (effort.calls += 1);
    const fleet = await Fleet.open({ scenario, scale: world.scale, time, random: random.fork(), meter, tally, onCall });
    return new Run(options, { fleet, world, effort });
  }

  async toEnd(): Promise<Simulated> {
    while (this.#fleet.end === null && !this.#isExhausted()) {
      this.#signal.throwIfAborted();
      await this.#second();
      this.#onTime?.(this.#time.now() - this.#scenario.start);
      const { defect, end } = this.#fleet;
      if (defect !== null) throw defect;
      if (end !== null) break;
      await this.#happen();
      this.#fleet.lookAtSource();
      if (!this.#scenario.isInDetail && this.#isSettled()) this.#skip();
      if (this.#isStuck()) break;
    }
    return this.#result();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
  }

  /** In detail. */
  async #second(): Promise<void> {
    let isOver = false;
    const takeBack = this.#time.after(lookMs, () => (isOver = true));
    await this.#time.run(() => isOver || this.#fleet.end !== null);
    takeBack();
    this.#fleet.load.settle();
    const { at, sourceBytes, verifiedBytes, wastedBytes, key } = this.#seen;
    const now = this.#time.now();
    const ms = now - at;
    if (ms === 0) return;
    const moved = {
      sourceBytes: this.#meter.totalBytes - sourceBytes,
      verifiedBytes: this.#tally.verifiedBytes - verifiedBytes,
    };
    this.#detailMs += ms;
    const wasted = this.#tally.wastedBytes - wastedBytes;
    this.#note(at, ms, { ...moved, wasted });
    const next = this.#key();
    if (this.#time.monotonicMs() - lookMs >= this.#settledAtMs && next === key)
      this.#regimes.add(key, ms, moved.sourceBytes);
    this.#see(next);
    for (let count = this.#readErrors.pass(moved.sourceBytes); count > 0; count -= 1) this.#failRead();
    for (let count = this.#damages.pass(moved.sourceBytes); count > 0; count -= 1) this.#damage();
  }

  #see(key: string): void {
    this.#seen = {
      at: this.#time.now(),
      sourceBytes: this.#meter.totalBytes,
      verifiedBytes: this.#tally.verifiedBytes,
      wastedBytes: this.#tally.wastedBytes,
      key,
    };
  }

  #note(from: Instant, ms: number, moved: { sourceBytes: number; verifiedBytes: number; wasted: number }): void {
    const { sourceBytes, verifiedBytes, wasted } = moved;
    this.#tally.stretches.push({ from, ms, sourceBytes, verifiedBytes, capBytesPerSecond: this.#cap(from) });
    this.#profile.add(this.#hourKey(from), ms, sourceBytes - wasted);
  }

  #failRead(): void {
    if (this.#misfortunes.read_error < simulatedMisfortunesMax) this.#fleet.failRead();
    else this.#charge("read_error");
    this.#misfortunes.read_error += 1;
  }

  #damage(): void {
    if (this.#misfortunes.corrupt_chunk < simulatedMisfortunesMax) this.#fleet.damages += 1;
    else this.#charge("corrupt_chunk");
    this.#misfortunes.corrupt_chunk += 1;
  }

  /** It costs what those that were simulated did, on average. */
  #charge(reason: "read_error" | "corrupt_chunk"): void {
    const { count, bytes } = this.#tally.retries[reason];
    const each = count === 0 ? 0 : bytes / count;
    this.#tally.retry(reason, each);
    this.#fleet.leftBytes += each;
  }

  async #happen(): Promise<void> {
    for (const happening of this.#calendar.take(this.#time.now())) await this.#one(happening);
  }

  async #one(happening: Happening): Promise<void> {
    const { workers, failures } = this.#scenario;
    const now = this.#time.now();
    switch (happening.type) {
      case "worker_dies": {
        const dead = this.#fleet.killWorker();
        if (dead === null) return;
        this.#calendar.put(now + workers.replacedAfterMs, { type: "worker_starts", shift: dead.shift });
        return this.#disturb(deathSettleMs);
      }
      case "worker_stalls":
        this.#fleet.stallWorker(failures.stallMs);
        return this.#disturb(failures.stallMs + deathSettleMs);
      case "worker_starts":
        // Whoever was to be replaced after its shift is not.
        if (this.#isOver(happening.shift)) return;
        this.#fleet.startWorker(happening.shift);
        return this.#disturb(settleMs);
      case "shift_ends":
        this.#fleet.endShift(happening.shift);
        return this.#disturb(settleMs);
      case "coordinator_dies":
        if (!(await this.#fleet.killCoordinator())) return;
        this.#calendar.put(now + workers.replacedAfterMs, { type: "coordinator_starts" });
        return this.#disturb(settleMs);
      case "coordinator_starts":
        this.#fleet.startCoordinator();
        return;
      case "slow_down":
        this.#fleet.slowDown();
        return this.#disturb(settleMs);
    }
  }

  #isOver(shift: number | null): boolean {
    const untilMs = shift === null ? null : (this.#scenario.workers.shifts[shift]?.untilMs ?? null);
    return untilMs !== null && this.#time.now() >= this.#scenario.start + untilMs;
  }

  #disturb(ms: number): void {
    this.#settledAtMs = Math.max(this.#settledAtMs, this.#time.monotonicMs() + ms);
  }

  #isSettled(): boolean {
    if (this.#fleet.planned === 0 || this.#time.monotonicMs() < this.#settledAtMs) return false;
    const key = this.#key();
    const cycleMs = this.#cycleMs(this.#regimes.pace(key) ?? 0);
    return this.#regimes.isKnown(key, { cycleMs, mostMs: this.#measureMsMax() });
  }

  #measureMsMax(): number {
    if (this.#fleet.storeTime.throttle().lanesAllowed !== null) return measureThrottledMs;
    // Fewer workers cost less, and their paces lie further apart.
    return Math.max(measureMs, measureWorkerMs / Math.max(1, this.#fleet.workers.length));
  }

  /** In which each lane gets a new chunk. */
  #cycleMs(bytesPerSecond: number): number {
    if (bytesPerSecond === 0) return 0;
    return transferMs(
      this.#fleet.workers.length * this.#scenario.workers.lanes * this.#scale.chunkBytes,
      bytesPerSecond,
    );
  }

  /** To the next thing that happens. */
  #skip(): void {
    const now = this.#time.now();
    if (now >= this.#boundary.at) this.#boundary = this.#nextBoundary();
    const key = this.#key();
    const pace = this.#regimes.pace(key);
    if (pace === null) return;
    const { at, isReal } = this.#boundary;
    const changesAt = isReal ? at - lookAheadMs : at;
    const until = Math.min(now + skipMsMax, this.#calendar.nextAt, changesAt, this.#throttleAt(), this.#endAt(pace));
    const ms = Math.floor(until - now);
    if (isReal && until === changesAt && ms < skipMsMin) this.#disturb(Math.max(0, ms) + lookAheadMs + settleMs);
    if (ms < skipMsMin) return;
    // What is transferred is verified soon: over a while, both go at one pace.
    const bytes = (pace * ms) / 1_000;
    const moved = { sourceBytes: bytes, verifiedBytes: bytes };
    this.#fleet.load.skip(ms, pace);
    this.#fleet.storeTime.skip(ms, this.#fleet.living);
    this.#fleet.leftBytes -= Math.min(this.#fleet.leftBytes, moved.sourceBytes);
    this.#tally.verifiedBytes += moved.verifiedBytes;
    this.#squaredErrorMs += (this.#regimes.error(key) * ms) ** 2;
    this.#time.jump(ms);
    this.#note(now, ms, { ...moved, wasted: 0 });
    this.#see(this.#key());
    for (let count = this.#readErrors.pass(moved.sourceBytes); count > 0; count -= 1) this.#failRead();
    for (let count = this.#damages.pass(moved.sourceBytes); count > 0; count -= 1) this.#damage();
  }

  /** When the throttle may do something that it has not done yet. */
  #throttleAt(): Instant {
    const { lanesAllowed, cutAt, calmSince } = this.#fleet.storeTime.throttle();
    if (calmSince !== null) return lanesAllowed === null ? Infinity : calmSince + calmMs;
    return lanesAllowed === 1 || cutAt === null ? Infinity : cutAt + reactionMs;
  }

  /** The end is simulated in detail: all that lanes hold and could begin with is left for it. */
  #endAt(bytesPerSecond: number): Instant {
    const { workers } = this.#scenario;
    const reserve = (this.#fleet.workers.length * workers.lanes * this.#scale.chunkBytes) / 4;
    const left = this.#fleet.leftBytes - reserve;
    if (left <= 0) return this.#time.now();
    return bytesPerSecond === 0 ? Infinity : this.#time.now() + (left / bytesPerSecond) * 1_000;
  }

  /** What decides the fleet's pace. */
  #key(): string {
    const { lanesAllowed } = this.#fleet.storeTime.throttle();
    const living = this.#fleet.workers.filter(({ process }) => process.isRunning).length;
    return `${this.#hourKey(this.#time.now())} ${living} ${lanesAllowed ?? "all"}`;
  }

  /** What the clock alone decides. */
  #hourKey(at: Instant): string {
    const since = at - this.#scenario.start;
    const shifts = this.#scenario.workers.shifts.filter(
      ({ fromMs, untilMs }) => since >= fromMs && (untilMs === null || since < untilMs),
    );
    return `${this.#cap(at)} ${this.#fleet.load.othersAt(at)} ${shifts.reduce((sum, { count }) => sum + count, 0)}`;
  }

  /** The next minute in which the clock has something else to say, within a day. */
  #nextBoundary(): Boundary {
    const now = this.#time.now();
    const said = (at: Instant): string => `${this.#cap(at)} ${this.#fleet.load.othersAt(at)}`;
    const present = said(now);
    for (let at = Math.floor(now / minuteMs + 1) * minuteMs; at < now + skipMsMax; at += minuteMs)
      if (said(at) !== present) return { at, isReal: true };
    return { at: now + skipMsMax, isReal: false };
  }

  #isExhausted(): boolean {
    return !this.#scenario.isInDetail && this.#effort.calls >= this.#callsMax;
  }

  #isStuck(): boolean {
    return this.#time.now() - this.#scenario.start > yearsMax * yearMs;
  }

  #result(): Simulated {
    const simulatedUntilMs = this.#time.now() - this.#scenario.start;
    const { end } = this.#fleet;
    const durationMs = end === null ? this.#goOn() : simulatedUntilMs;
    return {
      scale: this.#scale,
      tally: this.#tally,
      peakSecond: this.#meter.peakSecond,
      peakMinute: this.#meter.peakMinute,
      sourceBytes: this.#meter.totalBytes,
      durationMs,
      simulatedUntilMs,
      detailMs: this.#detailMs,
      standardError: simulatedUntilMs === 0 ? 0 : Math.sqrt(this.#squaredErrorMs) / simulatedUntilMs,
      failedEntries: end?.counters["entries:failed"] ?? 0,
    };
  }

  /** The rest, at the paces that were seen at hours of its kind. @returns null when it would take years */
  #goOn(): number | null {
    const { scenario, start } = { scenario: this.#scenario, start: this.#scenario.start };
    const from = this.#time.now();
    const end = start + yearsMax * yearMs;
    let left = scenario.data.bytes - (this.#meter.totalBytes - this.#tally.wastedBytes);
    for (let at = from; at < end;) {
      const until = Math.min(Math.floor(at / minuteMs + 1) * minuteMs, end);
      const pace = this.#paceAt(at);
      const bytes = (pace * (until - at)) / 1_000;
      const part = bytes < left ? 1 : left / bytes;
      const stretch = { from: at, ms: (until - at) * part, sourceBytes: bytes * part, verifiedBytes: bytes * part };
      this.#tally.stretches.push({ ...stretch, capBytesPerSecond: this.#cap(at) });
      if (bytes >= left) return at + stretch.ms - start;
      left -= bytes;
      at = until;
    }
    return null;
  }

  #paceAt(at: Instant): number {
    const { workers } = this.#scenario;
    return (
      this.#profile.pace(this.#hourKey(at)) ??
      Math.min(this.#cap(at) ?? Infinity, workers.count * workers.bytesPerSecond)
    );
  }
}

interface Boundary {
  readonly at: Instant;
  /** False: nothing changes until then, and it is looked again. */
  readonly isReal: boolean;
}

interface World {
  readonly time: SimTime;
  readonly meter: LoadMeter;
  readonly tally: Tally;
  readonly scale: Scale;
  readonly random: Random;
  readonly cap: (at: Instant) => number | null;
}
