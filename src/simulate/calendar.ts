/** What happens when: by chance at the rates of the scenario, and by the clock. */
import { must } from "../base/assert.ts";
import type { Instant } from "../model/chunk.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";

export type Happening =
  | { readonly type: "worker_dies" | "worker_stalls" | "coordinator_dies" | "slow_down" }
  | { readonly type: "worker_starts"; readonly shift: number | null }
  | { readonly type: "shift_ends"; readonly shift: number }
  | { readonly type: "coordinator_starts" };

interface Entry {
  readonly at: Instant;
  readonly happening: Happening;
}

const weekMs = 7 * 24 * 3_600_000;

export class Calendar {
  readonly #random: Random;
  readonly #meanMs: ReadonlyMap<Happening["type"], number>;
  /** Earliest first. */
  #entries: Entry[] = [];

  constructor({ failures, workers, start }: Scenario, random: Random) {
    this.#random = random;
    const perWeek = [
      ["worker_dies", failures.workerDeathsPerWeek],
      ["worker_stalls", failures.workerStallsPerWeek],
      ["coordinator_dies", failures.coordinatorDeathsPerWeek],
      ["slow_down", failures.slowDownsPerWeek],
    ] as const;
    this.#meanMs = new Map(perWeek.filter(([, rate]) => rate > 0).map(([type, rate]) => [type, weekMs / rate]));
    for (const [type] of perWeek) this.#again(type, start);
    for (const [shift, { count, fromMs, untilMs }] of workers.shifts.entries()) {
      for (let one = 0; one < count; one += 1) this.put(start + fromMs, { type: "worker_starts", shift });
      if (untilMs !== null) this.put(start + untilMs, { type: "shift_ends", shift });
    }
  }

  get nextAt(): Instant {
    return this.#entries[0]?.at ?? Infinity;
  }

  put(at: Instant, happening: Happening): void {
    this.#entries = [...this.#entries, { at, happening }].toSorted((a, b) => a.at - b.at);
  }

  /** What was due by now; what comes by chance will come again. */
  take(now: Instant): readonly Happening[] {
    const due: Happening[] = [];
    while (this.nextAt <= now) {
      const { at, happening } = must(this.#entries.shift(), "one is due");
      due.push(happening);
      this.#again(happening.type, at);
    }
    return due;
  }

  #again(type: Happening["type"], at: Instant): void {
    const meanMs = this.#meanMs.get(type);
    if (meanMs !== undefined) this.put(at + this.#random.exponential(meanMs), { type } as Happening);
  }
}

/** Of something that comes once in so many bytes: how often within the next, and after how many the next one is due. */
export class ByBytes {
  readonly #random: Random;
  readonly #mean: number;
  #left: number;

  /** @param perPetabyte 0: never */
  constructor(random: Random, perPetabyte: number) {
    this.#random = random;
    this.#mean = perPetabyte === 0 ? Infinity : 1e15 / perPetabyte;
    this.#left = this.#draw();
  }

  pass(bytes: number): number {
    let count = 0;
    this.#left -= bytes;
    while (this.#left <= 0) {
      count += 1;
      this.#left += this.#draw();
    }
    return count;
  }

  #draw(): number {
    return this.#mean === Infinity ? Infinity : this.#random.exponential(this.#mean);
  }
}
