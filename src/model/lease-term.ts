/**
 * Until when a lease holds, in shared memory: a lane may write thousands of small files before it hears of an event, and
 * one that was stopped for longer than its lease must not go on even with the next of them.
 */
export class LeaseTerm {
  static readonly byteLength = BigInt64Array.BYTES_PER_ELEMENT;
  readonly buffer: SharedArrayBuffer;
  readonly #untilUs: BigInt64Array;

  /** @param buffer of `byteLength`; a new one: a lease that is over */
  constructor(buffer = new SharedArrayBuffer(LeaseTerm.byteLength)) {
    this.buffer = buffer;
    this.#untilUs = new BigInt64Array(buffer);
  }

  /** By the monotonic clock that all threads of the process share. */
  get untilMs(): number {
    return Number(Atomics.load(this.#untilUs, 0)) / 1_000;
  }

  set untilMs(ms: number) {
    Atomics.store(this.#untilUs, 0, BigInt(Math.floor(ms * 1_000)));
  }
}
