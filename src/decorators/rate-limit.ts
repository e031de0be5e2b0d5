/**
 * A read limit that several threads share. It keeps one number, the moment at which the next byte may be read (the
 * generic cell rate algorithm, ITU-T I.371): taking bytes moves it on, and whoever took them sleeps until it is past.
 * No lane owns a share, so that one busy lane may use the whole limit.
 */
import type { Clock } from "../ports/clock.ts";
import type { ReadBudget, Source } from "../ports/source.ts";

/** Unused time that may be caught up: small, so that a pause does not become a burst. */
const burstMs = 10;
const microsecondsPerMs = 1_000;

export class SharedLimit {
  static readonly byteLength = 2 * BigInt64Array.BYTES_PER_ELEMENT;
  readonly #cells: BigInt64Array;

  /** @param buffer shared memory of `byteLength`; cell 0 is the limit in bytes per second (0: none), cell 1 the moment */
  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(buffer);
  }

  set bytesPerSecond(limit: number) {
    Atomics.store(this.#cells, 0, BigInt(Math.round(limit)));
  }

  get bytesPerSecond(): number {
    return Number(Atomics.load(this.#cells, 0));
  }

  /** Books the bytes and returns how long to wait before they are asked for, in milliseconds. */
  take(bytes: number, nowMs: number): number {
    const limit = this.bytesPerSecond;
    if (limit === 0) return 0;
    const now = BigInt(Math.round(nowMs * microsecondsPerMs));
    const earliest = now - BigInt(burstMs * microsecondsPerMs);
    const costs = BigInt(Math.ceil((bytes * 1_000_000) / limit));
    for (;;) {
      const seen = Atomics.load(this.#cells, 1);
      const next = (seen > earliest ? seen : earliest) + costs;
      if (Atomics.compareExchange(this.#cells, 1, seen, next) !== seen) continue;
      return next > now ? Number(next - now) / microsecondsPerMs : 0;
    }
  }
}

/** A step takes about so long, so that the rate holds over any second. */
const stepMs = 250;
const stepBytesMin = 256 * 1024;

/** The same source, read no faster than the shared limit. What is read ahead is booked ahead. */
export function limitReads(source: Source, limit: SharedLimit, clock: Clock): Source {
  const budget: ReadBudget = {
    book: (bytes, signal) => {
      const waitMs = limit.take(bytes, clock.monotonicMs());
      return waitMs > 0 ? clock.sleep(waitMs, signal) : null;
    },
    stepBytes: (mostBytes) => {
      const { bytesPerSecond } = limit;
      if (bytesPerSecond === 0) return mostBytes;
      return Math.min(mostBytes, Math.max(stepBytesMin, Math.round((bytesPerSecond * stepMs) / 1_000)));
    },
  };
  return {
    location: source.location,
    keepsDirectories: source.keepsDirectories,
    plan: (after, signal) => source.plan(after, signal),
    observe: (entry, signal) => source.observe(entry, signal),
    ...(source.partBytes !== undefined && {
      partBytes: (entry, parts, signal) => source.partBytes?.(entry, parts, signal) ?? Promise.resolve(null),
    }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
    read: (request, signal) => source.read({ ...request, budget }, signal),
  };
}
