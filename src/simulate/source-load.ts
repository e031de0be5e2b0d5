/** What the whole fleet reads of the source at this moment, and how slow that makes the source. */
import type { Instant } from "../model/chunk.ts";
import { rateAt } from "../model/timetable.ts";
import { bySlot } from "./arithmetic.ts";
import { slownessAt, settledSlowness } from "./latency.ts";
import type { LoadMeter } from "./load-meter.ts";
import type { SourceModel } from "./scenario.ts";
import type { SimTime } from "./sim-time.ts";

export class SourceLoad {
  readonly #time: SimTime;
  readonly #model: SourceModel;
  readonly #meter: LoadMeter;
  /** What others read of it at that moment, in bytes per second. */
  readonly othersAt: (at: Instant) => number;
  #rate = 0;
  #at: Instant;
  /** What reads take now, against an idle source. */
  slowness = 1;

  constructor(time: SimTime, model: SourceModel, meter: LoadMeter) {
    this.#time = time;
    this.#model = model;
    this.#meter = meter;
    this.#at = time.now();
    const { others } = model;
    this.othersAt = bySlot(others, (at) => (others === null ? 0 : (rateAt(others, at) ?? 0)));
  }

  get bytesPerSecond(): number {
    return this.#rate;
  }

  change(by: number): void {
    this.settle();
    // Sums of differences drift by fractions of a byte.
    this.#rate = Math.max(0, this.#rate + by);
  }

  /** Counts what has flowed until now. */
  settle(): void {
    const now = this.#time.now();
    if (now > this.#at) this.#meter.add(this.#at, now, (this.#rate * (now - this.#at)) / 1_000);
    this.#at = now;
  }

  /** Time goes on by so much, and so does everything else, at that rate on average. */
  skip(ms: number, bytesPerSecond: number): void {
    this.settle();
    this.#meter.addSteady(this.#at, this.#at + ms, bytesPerSecond);
    this.#at += ms;
  }

  /** @param demand what the fleet reads at some slowness. @returns whether it has changed by more than a hair */
  look(demand: (slowness: number) => number): boolean {
    const { latency } = this.#model;
    if (latency === null) return false;
    const before = this.slowness;
    this.slowness = settledSlowness(latency, demand, this.othersAt(this.#time.now()));
    return Math.abs(this.slowness - before) > 0.005 * before;
  }

  /** The 95th percentile of reads now; null where nothing is said of it. */
  latencyMs(): number | null {
    const { latency } = this.#model;
    if (latency === null) return null;
    const load = this.#rate + this.othersAt(this.#time.now());
    return latency.baseMs * Math.max(this.slowness, slownessAt(latency, load));
  }
}
