/**
 * How long reads of the source took, counted by several threads: a histogram in shared memory, whose buckets grow by 6 %
 * each, so that a percentile is right to that. Whoever reports takes what was counted since the last report.
 */
export const bucketsPerDoubling = 12;
const shortestMs = 0.1;
/** The last one, from about 2 minutes on, is open. */
const buckets = 245;

/** The longest time of a bucket, in milliseconds. */
export function bucketMs(index: number): number {
  return shortestMs * 2 ** (index / bucketsPerDoubling);
}

export class ReadLatency {
  static readonly byteLength = buckets * Int32Array.BYTES_PER_ELEMENT;
  readonly #cells: Int32Array;
  /** By whoever holds this object: what it has taken so far. */
  readonly #taken = Array.from({ length: buckets }, () => 0);

  constructor(buffer: ArrayBufferLike = new ArrayBuffer(ReadLatency.byteLength), byteOffset = 0) {
    this.#cells = new Int32Array(buffer, byteOffset, buckets);
  }

  add(ms: number): void {
    const doublings = Math.log2(Math.max(ms, shortestMs) / shortestMs);
    Atomics.add(this.#cells, Math.min(buckets - 1, Math.ceil(doublings * bucketsPerDoubling)), 1);
  }

  /** The 95th percentile of what was counted since the last call, in milliseconds, rounded up; null of nothing. */
  takeP95Ms(): number | null {
    const counts = Array.from({ length: buckets }, (_, index) => Atomics.exchange(this.#cells, index, 0));
    for (const [index, count] of counts.entries()) this.#taken[index] = (this.#taken[index] ?? 0) + count;
    const total = counts.reduce((a, b) => a + b, 0);
    if (total === 0) return null;
    let seen = 0;
    const index = counts.findIndex((count) => (seen += count) >= total * 0.95);
    return bucketMs(index);
  }

  /** All that was ever counted, one number a bucket: right where one object takes, and the same one is asked. */
  everCounted(): readonly number[] {
    return this.#taken.map((taken, index) => taken + Atomics.load(this.#cells, index));
  }
}
