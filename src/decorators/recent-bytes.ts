/**
 * How many bytes came within the last second or less, counted by several threads in shared memory. Time is cut into
 * slots; a slot counts until all of it is too old, so that the sum is never less than what came.
 */
const slotMs = 20;
/** More than are counted: one is not used again before it has long been left out. */
const slotCount = 64;
const lowHalf = 0xffff_ffffn;

export class RecentBytes {
  static readonly byteLength = slotCount * BigUint64Array.BYTES_PER_ELEMENT;
  /** Each holds its number since the clock began, and its bytes: a half of the word each. */
  readonly #slots: BigUint64Array;

  constructor(buffer: SharedArrayBuffer, offset: number) {
    this.#slots = new BigUint64Array(buffer, offset, slotCount);
  }

  add(bytes: number, nowMs: number): void {
    const number = slotAt(nowMs);
    const index = number % slotCount;
    for (;;) {
      const seen = Atomics.load(this.#slots, index);
      const sum = bytesOf(seen, number) + bytes;
      const next = (BigInt(number) << 32n) | (sum > Number(lowHalf) ? lowHalf : BigInt(sum));
      if (Atomics.compareExchange(this.#slots, index, seen, next) === seen) return;
    }
  }

  /** @param ms up to a second */
  sum(nowMs: number, ms: number): number {
    const now = slotAt(nowMs);
    let sum = 0;
    for (let number = slotAt(nowMs - ms); number <= now; number += 1) sum += this.#bytes(number);
    return sum;
  }

  /** @returns after how many milliseconds so many of these bytes do not count any more; Infinity when there are fewer */
  msUntilGone(bytes: number, nowMs: number, ms: number): number {
    const now = slotAt(nowMs);
    let gone = 0;
    for (let number = slotAt(nowMs - ms); number <= now; number += 1) {
      gone += this.#bytes(number);
      if (gone >= bytes) return (number + 1) * slotMs + ms - nowMs;
    }
    return Infinity;
  }

  /** @returns how much more than meant came in the last stretch of that time, in whichever it is most */
  mostBeyond(nowMs: number, ms: number, meantIn: (ms: number) => number): number {
    const first = slotAt(nowMs - ms);
    let [sum, most] = [0, 0];
    for (let number = slotAt(nowMs); number >= first; number -= 1) {
      sum += this.#bytes(number);
      most = Math.max(most, sum - meantIn(nowMs - number * slotMs));
    }
    return most;
  }

  #bytes(number: number): number {
    // Before the clock began there was nothing.
    return number < 0 ? 0 : bytesOf(Atomics.load(this.#slots, number % slotCount), number);
  }
}

function slotAt(ms: number): number {
  return Math.floor(ms / slotMs);
}

function bytesOf(word: bigint, number: number): number {
  return word >> 32n === (BigInt(number) & lowHalf) ? Number(word & lowHalf) : 0;
}
