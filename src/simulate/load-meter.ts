/**
 * What was read of the source, by the clock: the most in any second and any minute, beside what was allowed then. Windows
 * of a second move on by a tenth of one, windows of a minute by a second.
 */
import type { Instant } from "../model/chunk.ts";

const tickMs = 100;
const ticksOfSecond = 10;
const secondsOfMinute = 60;

export interface Peak {
  readonly bytesPerSecond: number;
  /** Against the highest cap that was in force in the window; null where nothing was capped. */
  readonly ofCap: number | null;
}

class Window {
  readonly #slots: Float64Array;
  readonly #ms: number;
  #at = 0;
  #sum = 0;
  #highest = 0;
  #ofCap: number | null = null;

  constructor(slots: number, slotMs: number) {
    this.#slots = new Float64Array(slots);
    this.#ms = slots * slotMs;
  }

  push(bytes: number, end: Instant, cap: (at: Instant) => number | null): void {
    this.#sum += bytes - (this.#slots[this.#at] ?? 0);
    this.#slots[this.#at] = bytes;
    this.#at = (this.#at + 1) % this.#slots.length;
    // Sums of many small differences drift; each time around it is made anew.
    if (this.#at === 0) this.#sum = this.#slots.reduce((a, b) => a + b, 0);
    const rate = (this.#sum * 1_000) / this.#ms;
    this.#highest = Math.max(this.#highest, rate);
    const [first, last] = [cap(end - this.#ms), cap(end)];
    if (first === null || last === null) return;
    const allowed = Math.max(first, last);
    // What a closed source still gave is told as of a cap of one byte per second: far above, and seen.
    this.#ofCap = Math.max(this.#ofCap ?? 0, rate === 0 ? 0 : rate / Math.max(1, allowed));
  }

  get peak(): Peak {
    return { bytesPerSecond: this.#highest, ofCap: this.#ofCap };
  }
}

export class LoadMeter {
  readonly #cap: (at: Instant) => number | null;
  readonly #second = new Window(ticksOfSecond, tickMs);
  readonly #minute = new Window(secondsOfMinute, 1_000);
  #tickBytes = 0;
  #tickEnd: Instant;
  #secondBytes = 0;
  #ticks = 0;
  /** All that was read. */
  totalBytes = 0;

  constructor(start: Instant, cap: (at: Instant) => number | null) {
    this.#cap = cap;
    this.#tickEnd = start + tickMs;
  }

  /** So many bytes flowed evenly from the one moment to the other. Calls come in the order of their ends. */
  add(from: Instant, to: Instant, bytes: number): void {
    this.totalBytes += bytes;
    this.advance(from);
    const rate = to > from ? bytes / (to - from) : 0;
    let at = from;
    while (to > this.#tickEnd) {
      this.#tickBytes += rate * Math.max(0, this.#tickEnd - at);
      at = Math.max(at, this.#tickEnd);
      this.#close();
    }
    this.#tickBytes += to > from ? rate * (to - at) : bytes;
  }

  /** Nothing more is to come of what was before. */
  advance(to: Instant): void {
    while (to > this.#tickEnd) this.#close();
  }

  /** A stretch without events in which it went on as it was: only its first minute is walked through. */
  addSteady(from: Instant, to: Instant, bytesPerSecond: number): void {
    const walked = Math.min(to - from, (secondsOfMinute + 2) * 1_000);
    this.add(from, from + walked, (bytesPerSecond * walked) / 1_000);
    this.totalBytes += (bytesPerSecond * (to - from - walked)) / 1_000;
    const skippedTicks = Math.floor((to - from - walked) / tickMs);
    this.#tickEnd += skippedTicks * tickMs;
  }

  get peakSecond(): Peak {
    return this.#second.peak;
  }

  get peakMinute(): Peak {
    return this.#minute.peak;
  }

  #close(): void {
    this.#second.push(this.#tickBytes, this.#tickEnd, this.#cap);
    this.#secondBytes += this.#tickBytes;
    this.#tickBytes = 0;
    this.#ticks += 1;
    if (this.#ticks % ticksOfSecond === 0) {
      this.#minute.push(this.#secondBytes, this.#tickEnd, this.#cap);
      this.#secondBytes = 0;
    }
    this.#tickEnd += tickMs;
  }
}
