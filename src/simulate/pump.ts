/**
 * One direction of one worker: bytes of several tasks that flow at once, in equal parts of what flows in all. Instead of
 * a read after the other there is a rate, which changes when a task begins or ends, or the limit does; a task ends when
 * its bytes have flowed.
 */
import type { SimTime } from "./sim-time.ts";

interface Stream {
  leftBytes: number;
  readonly end: () => void;
}

/** Bytes are whole; what is left of a stream after rounding is nothing. */
const nothing = 0.5;

export interface PumpOptions {
  readonly time: SimTime;
  /** Of all streams together, while there are so many. */
  readonly bytesPerSecond: (streams: number) => number;
  /** Is told how many bytes have flowed since the last time, whenever the rate may change. */
  readonly onFlowed: (bytes: number) => void;
  /** The rate has changed by so much. */
  readonly onRate: (change: number) => void;
}

export class Pump {
  readonly #options: PumpOptions;
  readonly #streams = new Set<Stream>();
  #rate = 0;
  #atMs: number;
  #takeBack: () => void = () => undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#atMs = options.time.monotonicMs();
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Bytes per second that flow now. */
  get rate(): number {
    return this.#rate;
  }

  /** Resolves when the bytes have flowed; rejects with the signal's reason. `left`: what has not flowed yet. */
  flow(bytes: number, signal: AbortSignal): { readonly done: Promise<void>; readonly left: () => number } {
    this.#settle();
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const stream: Stream = {
      leftBytes: bytes,
      end: () => {
        signal.removeEventListener("abort", abort);
        resolve();
      },
    };
    const abort = (): void => {
      this.#settle();
      this.#streams.delete(stream);
      reject(signal.reason as Error);
      this.#aim();
    };
    if (signal.aborted) reject(signal.reason as Error);
    else {
      signal.addEventListener("abort", abort, { once: true });
      this.#streams.add(stream);
    }
    this.#aim();
    const left = (): number => {
      this.#settle();
      return Math.max(0, stream.leftBytes);
    };
    return { done, left };
  }

  /** The rate may be another one from now on. */
  retune(): void {
    this.#settle();
    this.#aim();
  }

  /** Nothing flows any more, and nobody hears of it. */
  stop(): void {
    this.#settle();
    this.#streams.clear();
    this.#aim();
  }

  #settle(): void {
    const nowMs = this.#options.time.monotonicMs();
    const bytes = (this.#rate * (nowMs - this.#atMs)) / 1_000;
    this.#atMs = nowMs;
    if (bytes === 0) return;
    const each = bytes / this.#streams.size;
    for (const stream of this.#streams) stream.leftBytes -= each;
    this.#options.onFlowed(bytes);
  }

  #aim(): void {
    this.#takeBack();
    for (const stream of this.#streams) {
      if (stream.leftBytes > nothing) continue;
      this.#streams.delete(stream);
      stream.end();
    }
    const count = this.#streams.size;
    const before = this.#rate;
    this.#rate = count === 0 ? 0 : this.#options.bytesPerSecond(count);
    if (this.#rate !== before) this.#options.onRate(this.#rate - before);
    if (this.#rate <= 0) return;
    const least = Math.min(...Array.from(this.#streams, ({ leftBytes }) => leftBytes));
    const ms = (least * count * 1_000) / this.#rate;
    this.#takeBack = this.#options.time.after(ms, () => this.retune());
  }
}
