/**
 * How fast the fleet goes while nothing changes: measured, for each set of circumstances (how many workers live, what the
 * cap is, how many lanes may run), from stretches that were simulated heartbeat by heartbeat.
 */

/** Seconds next to each other are alike; batches of them are nearly independent, and tell how far a pace is off. */
const batchMs = 10_000;
/** A pace that is known this well, as a part of it, is not measured further. */
const errorMax = 0.002;
const measureMsMin = 40_000;

interface Measured {
  ms: number;
  bytes: number;
  /** Of batches, bytes per millisecond. */
  readonly paces: number[];
  batch: { ms: number; bytes: number };
}

export class Regimes {
  readonly #known = new Map<string, Measured>();

  add(key: string, ms: number, bytes: number): void {
    let measured = this.#known.get(key);
    if (measured === undefined)
      this.#known.set(key, (measured = { ms: 0, bytes: 0, paces: [], batch: { ms: 0, bytes: 0 } }));
    measured.ms += ms;
    measured.bytes += bytes;
    measured.batch = { ms: measured.batch.ms + ms, bytes: measured.batch.bytes + bytes };
    if (measured.batch.ms < batchMs) return;
    measured.paces.push(measured.batch.bytes / measured.batch.ms);
    measured.batch = { ms: 0, bytes: 0 };
  }

  /**
   * Whether it was measured for long enough.
   * @param cycleMs in which each lane gets a new chunk: lanes that begin together go on in step for a while
   * @param mostMs after which it is good enough, however far its batches lie apart
   */
  isKnown(key: string, { cycleMs, mostMs }: { readonly cycleMs: number; readonly mostMs: number }): boolean {
    const ms = this.#known.get(key)?.ms ?? 0;
    return ms >= mostMs || (ms >= Math.max(measureMsMin, cycleMs) && this.error(key) <= errorMax);
  }

  /** @returns bytes per second; null when it was never measured */
  pace(key: string): number | null {
    const measured = this.#known.get(key);
    return measured === undefined ? null : (measured.bytes * 1_000) / measured.ms;
  }

  /** The standard error of a pace, as a part of it: how wrong it may be for having been measured so briefly. */
  error(key: string): number {
    const paces = this.#known.get(key)?.paces ?? [];
    const mean = paces.reduce((a, b) => a + b, 0) / paces.length;
    if (paces.length < 2 || mean === 0) return 0;
    const variance = paces.reduce((sum, pace) => sum + (pace - mean) ** 2, 0) / (paces.length - 1);
    return Math.sqrt(variance / paces.length) / mean;
  }
}
