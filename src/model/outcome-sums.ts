import { type Outcome, outcomes } from "./entry.ts";
import type { CounterName, Counters } from "./job.ts";

/** Entries and bytes by where they end. Thousands are mostly alike: no object is made for each. */
export class OutcomeSums {
  readonly #entries = outcomes.map(() => 0);
  readonly #bytes = outcomes.map(() => 0);

  add(outcome: Outcome, sizeBytes: number): void {
    const at = outcomes.indexOf(outcome);
    this.#entries[at] = (this.#entries[at] ?? 0) + 1;
    this.#bytes[at] = (this.#bytes[at] ?? 0) + sizeBytes;
  }

  counters(): Counters {
    const counters: Partial<Record<CounterName, number>> = {};
    outcomes.forEach((outcome, at) => {
      const entries = this.#entries[at] ?? 0;
      if (entries > 0) Object.assign(counters, outcomeCounters(outcome, entries, this.#bytes[at] ?? 0));
    });
    return counters;
  }
}

export function outcomeCounters(outcome: Outcome, entries: number, bytes: number): Counters {
  const counters: Partial<Record<CounterName, number>> = {};
  counters[`entries:${outcome}`] = entries;
  counters[`bytes:${outcome}`] = bytes;
  return counters;
}
