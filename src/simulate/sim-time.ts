/**
 * Simulated time. It moves only when nothing else can run: all promises that can settle have settled, so the next thing
 * to happen is the earliest timer. No test ever waits.
 */
import type { Instant } from "../model/chunk.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

const usualStart: Instant = 1_800_000_000_000;

export class SimTime {
  /** One turn of the event loop: every promise that can settle has settled by then. */
  readonly #turn: () => Promise<unknown>;
  #monotonicMs = 0;
  #wallMs: Instant;
  #order = 0;
  /** Latest first, so that the next one is popped. */
  readonly #timers: Timer[] = [];

  /** @param turn `setImmediate` of `node:timers/promises` */
  constructor(turn: () => Promise<unknown>, start: Instant = usualStart) {
    this.#turn = turn;
    this.#wallMs = start;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** The one wall clock of all processes and of the Store. */
  now(): number {
    return this.#wallMs;
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  /** @returns takes the timer back */
  after(ms: number, fire: () => void): () => void {
    this.#order += 1;
    const timer: Timer = { atMs: this.#monotonicMs + Math.max(0, ms), order: this.#order, fire };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle] as Timer).atMs > timer.atMs) low = middle + 1;
      else high = middle;
    }
    // Timers of one moment fire in the order in which they were set.
    this.#timers.splice(low, 0, timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /** Runs until `done`, looked at whenever nothing else can run. @returns false when time is up or nothing is left */
  async run(done: () => boolean): Promise<boolean> {
    for (;;) {
      await this.#turn();
      if (done()) return true;
      const timer = this.#timers.pop();
      if (timer === undefined) return false;
      this.#wallMs += timer.atMs - this.#monotonicMs;
      this.#monotonicMs = timer.atMs;
      timer.fire();
    }
  }

  runFor(ms: number): Promise<boolean> {
    let over = false;
    this.after(ms, () => (over = true));
    return this.run(() => over);
  }
}
