/** Seeded numbers (sfc32 of PractRand, http://pracrand.sourceforge.net): the only source of chance in a simulation. */
import { must } from "../base/assert.ts";

export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(0x9e3779b9, 0x243f6a88, seed, 1);
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  /** An integer from 0 to `end - 1`. */
  below(end: number): number {
    return this.#next() % end;
  }

  /** An integer from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean {
    return this.#next() / 2 ** 32 < percent / 100;
  }

  /** From 0 up to, but never, 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** The wait for the next of events that come by themselves, of a mean wait (a Poisson process). */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  pick<T>(choices: readonly T[]): T {
    return must(choices[this.below(choices.length)], "there is something to pick");
  }

  /** By weight; weights are positive integers. */
  weighted<T>(choices: readonly (readonly [T, number])[]): T {
    let left = this.below(choices.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [choice, weight] of choices) {
      if (left < weight) return choice;
      left -= weight;
    }
    throw new RangeError("weights are positive integers");
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(this.#next(), at);
    return bytes.subarray(0, length);
  }

  /** Another stream, so that what one part draws does not move the other's numbers. */
  fork(): Random {
    return new Random(this.#next());
  }

  #next(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const out = (a + b + counter) >>> 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + out;
    return out;
  }
}
