import { EndingWriter } from "./ending-codec.ts";
import { OutcomeSums } from "./outcome-sums.ts";
import { type ItemEnding, needsWords, type Settled } from "./task.ts";

/** The end of an entry that planning alone has found. */
export type PlannedEnding = Omit<ItemEnding, "item" | "again" | "now">;

/** Gathers the ends of a row whose items all ended while they were planned. */
export class SettledWriter {
  readonly #endings = new EndingWriter();
  readonly #told: ItemEnding[] = [];
  readonly #sums = new OutcomeSums();

  add(item: number, sizeBytes: number, planned: PlannedEnding): void {
    const { outcome, evidence, error } = planned;
    const ending: ItemEnding = { item, outcome, evidence, error, now: null, again: false };
    this.#endings.add(ending);
    if (needsWords(ending)) this.#told.push(ending);
    this.#sums.add(outcome, sizeBytes);
  }

  finish(): Settled {
    return { endings: this.#endings.finish(), told: this.#told, counters: this.#sums.counters() };
  }
}
