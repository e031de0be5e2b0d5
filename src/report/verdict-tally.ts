import type { ChunkId } from "../model/chunk.ts";
import type { VerdictRecord } from "../ports/store.ts";
import type { VerdictCount } from "./schema.ts";

const pageBits = 65_536;

/** A set of chunk numbers at one bit each: 15 million chunks take 2 MB. */
class ChunkSet {
  readonly #pages = new Map<number, Uint8Array>();

  put(id: ChunkId, present: boolean): void {
    const page = Math.floor(id / pageBits);
    let bits = this.#pages.get(page);
    if (bits === undefined) {
      if (!present) return;
      bits = new Uint8Array(pageBits / 8);
      this.#pages.set(page, bits);
    }
    const bit = id % pageBits;
    const mask = 1 << (bit & 7);
    bits[bit >> 3] = present ? (bits[bit >> 3] as number) | mask : (bits[bit >> 3] as number) & ~mask;
  }

  has(id: ChunkId): boolean {
    const bits = this.#pages.get(Math.floor(id / pageBits));
    const bit = id % pageBits;
    return bits !== undefined && ((bits[bit >> 3] as number) & (1 << (bit & 7))) !== 0;
  }
}

/** What the verdicts of a job say, so that no row counts as verified on its own word. */
export class VerdictTally {
  readonly #counts = new Map<string, VerdictCount>();
  readonly #judged = new ChunkSet();
  readonly #matched = new ChunkSet();

  /** In the order in which they were given. */
  add(verdict: VerdictRecord): void {
    const { stage, result, readFrom } = verdict;
    const key = `${stage} ${result} ${readFrom}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { stage, result, read_from: readFrom, count: 1 });
    else known.count += 1;
    this.#judged.put(verdict.chunkId, true);
    this.#matched.put(verdict.chunkId, result === "match");
  }

  /**
   * The row was compared at least once. In a pack a mismatch ends the bad items alone, as an inconclusive comparison ends
   * alone those that could not be read: the others were found right, so this is enough there.
   */
  isJudged(id: ChunkId): boolean {
    return this.#judged.has(id);
  }

  /** The last verdict on the row was a match. */
  isMatched(id: ChunkId): boolean {
    return this.#matched.has(id);
  }

  counts(): VerdictCount[] {
    return [...this.#counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  }
}
