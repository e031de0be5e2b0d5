/**
 * Watches how sources bear the load, and has the fleet back off: reads the signals from outside, and has the Store decide
 * with them and with what workers have reported. Several coordinators may do so at once. A signal that cannot be read is
 * taken to be above its threshold after some failures: a source that cannot be watched is not read at full speed.
 */
import { GodwitError, toGodwitError } from "../base/errors.ts";
import type { ExternalThreshold, Threshold } from "../model/threshold.ts";
import type { BudgetStore, Observation, SourceRecord } from "../ports/budget.ts";
import type { Clock } from "../ports/clock.ts";
import type { Signals } from "../ports/signals.ts";

const intervalMs = 10_000;
const patienceMs = 5_000;
const failuresMax = 3;

export interface ThrottleOptions {
  readonly budget: Pick<BudgetStore, "sources" | "throttle">;
  readonly signals: Signals;
  readonly clock: Clock;
  /** The Store did not answer: this turn is left out. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Runs until the signal aborts. */
export async function throttle(options: ThrottleOptions): Promise<void> {
  const { budget, clock, onError, signal } = options;
  const observer = new Observer(options);
  while (!signal.aborted) {
    try {
      const sources = await budget.sources();
      await Promise.all(
        sources.map(async (source) => {
          const observations = await observer.observe(source);
          if (!signal.aborted) await budget.throttle(source.id, observations);
        }),
      );
    } catch (error) {
      onError(error);
    }
    // Rejects when it is over, which ends the loop.
    await clock.sleep(intervalMs, signal).catch(() => undefined);
  }
}

class Observer {
  readonly #options: ThrottleOptions;
  /** In a row, by source and name. */
  readonly #failures = new Map<string, number>();

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  observe(source: SourceRecord): Promise<readonly Observation[]> {
    return Promise.all(source.thresholds.filter(isExternal).map((threshold) => this.#one(source, threshold)));
  }

  async #one(source: SourceRecord, threshold: ExternalThreshold): Promise<Observation> {
    const { name, above } = threshold;
    const key = JSON.stringify([source.id, name]);
    try {
      const value = await this.#read(threshold);
      this.#failures.delete(key);
      return { name, isAbove: value > above, text: `${value}, above ${above}` };
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const { what } = toGodwitError(error);
      return { name, isAbove: failures >= failuresMax, text: `cannot be read, and counts as above: ${what}` };
    }
  }

  async #read(threshold: ExternalThreshold): Promise<number> {
    const { signals, clock, signal } = this.#options;
    const over = new AbortController();
    const late = clock.sleep(patienceMs, AbortSignal.any([signal, over.signal])).then(
      () => over.abort(noAnswer(threshold)),
      () => undefined,
    );
    try {
      const until = AbortSignal.any([signal, over.signal]);
      return await Promise.race([signals.read(threshold, until), late.then(() => Promise.reject(noAnswer(threshold)))]);
    } finally {
      over.abort();
    }
  }
}

function isExternal(threshold: Threshold): threshold is ExternalThreshold {
  return threshold.type !== "read_latency";
}

function noAnswer({ name }: ExternalThreshold): GodwitError {
  return new GodwitError("signal_unreadable", {
    disposition: "retry",
    what: `the signal ${name} gave no answer within ${patienceMs / 1_000} s`,
    hint: "Is its server up, and can this host reach it?",
  });
}
