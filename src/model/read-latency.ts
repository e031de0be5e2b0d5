/**
 * How long reads of the source took, counted by several threads: a histogram in shared memory, whose buckets grow by 6 %
 * each, so that a percentile is right to that. Whoever reports takes what was counted since the last report.
 */
const bucketsPerDoubling = 12;
const shortestMs = 0.1;
/** The last one, from about 2 minutes on, is open. */
const buckets = 245;

export class ReadLatency {
  static readonly byteLength = buckets * Int32Array.BYTES_PER_ELEMENT;
  readonly #cells: Int32Array;

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
    const total = counts.reduce((a, b) => a + b, 0);
    if (total === 0) return null;
    let seen = 0;
    const index = counts.findIndex((count) => (seen += count) >= total * 0.95);
    return shortestMs * 2 ** (index / bucketsPerDoubling);
  }
}
