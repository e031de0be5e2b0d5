import { createHash, hash, type Hash } from "node:crypto";
import { assert, must } from "../base/assert.ts";
import { blockStarts, type Item } from "./chunk.ts";
import { RowDigest } from "./row-digest.ts";

/** A frame as sources and targets give it (`ports/source`). */
export interface BlockFrame {
  readonly item: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly pairsWithNext?: boolean;
}

/** SHA-256 of two streams of one length at once, which is faster than one after another where it is to be had at all. */
export interface Sha256Pair {
  begin(): void;
  /** Both of one length, a multiple of 64 bytes. */
  update(one: Uint8Array, other: Uint8Array): void;
  /** @returns the digests of both */
  end(): readonly [Uint8Array, Uint8Array];
}

export type NewSha256Pair = () => Sha256Pair;

export interface Hashed<F> {
  readonly frame: F;
  /** Counted over the chunk. */
  readonly block: number;
  /** The SHA-256 of the block, with its last frame. */
  readonly digest: Uint8Array | null;
}

/** A block that ended with its item. */
export interface Whole {
  readonly block: number;
  readonly digest: Uint8Array;
}

/** Of the rows of one range, in their order or without one. */
interface RowsHash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Each frame is one row. */
function unorderedRows(): RowsHash {
  const rows = new RowDigest();
  return { update: (row) => rows.add(row), digest: () => rows.digest() };
}

interface Place {
  readonly block: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Computes the SHA-256 of every block of a work from its frames, in the order in which they come. */
export class BlockHasher<F extends BlockFrame> {
  readonly #items: readonly Item[];
  readonly #starts: readonly number[];
  #running: Hash | null = null;
  /** The first frame of a pair waits for the second. */
  #first: F | null = null;
  #isPairRunning = false;
  readonly #newPair: NewSha256Pair | null;
  #sideBySide: Sha256Pair | null = null;
  #rows: RowsHash | null = null;

  /** @param newPair  null where no pairs were asked for */
  constructor(items: readonly Item[], newPair: NewSha256Pair | null) {
    this.#items = items;
    this.#newPair = newPair;
    this.#starts = blockStarts(items);
  }

  /** @returns what is hashed of all frames so far: nothing while a frame waits for its pair, then both */
  take(frame: F): readonly Hashed<F>[] {
    const rows = this.#rowsOf(frame.item);
    if (rows !== null) {
      rows.update(frame.bytes);
      return [{ frame, block: this.#starts[frame.item] as number, digest: null }];
    }
    if (this.#first !== null) {
      const first = this.#first;
      this.#first = null;
      return this.#pair(first, frame);
    }
    if (frame.pairsWithNext === true) {
      this.#first = frame;
      return [];
    }
    const place = this.#placeOf(frame);
    return [{ frame, block: place.block, digest: this.#single(frame, place) }];
  }

  /**
   * The item has ended: what came of a block that is not whole is forgotten. Where only its end says how long it is
   * (rows of a table), its one block is whole now, and its digest is returned.
   */
  end(item: number): Whole | null {
    const rows = this.#rowsOf(item);
    this.#forget();
    return rows === null ? null : { block: this.#starts[item] as number, digest: rows.digest() };
  }

  #rowsOf(index: number): RowsHash | null {
    const { entry, rows } = must(this.#items[index], "a frame is of an item");
    if (entry.kind !== "table") return null;
    return (this.#rows ??= rows?.isOrdered === false ? unorderedRows() : createHash("sha256"));
  }

  #forget(): void {
    this.#rows = null;
    this.#running = null;
    this.#first = null;
    this.#isPairRunning = false;
  }

  #single({ bytes }: F, { isFirst, isLast }: Place): Uint8Array | null {
    if (isFirst && isLast) return hash("sha256", bytes, "buffer");
    if (isFirst) this.#running = createHash("sha256");
    const running = must(this.#running, "a block comes from its start");
    running.update(bytes);
    if (!isLast) return null;
    this.#running = null;
    return running.digest();
  }

  #pair(one: F, other: F): readonly Hashed<F>[] {
    this.#sideBySide ??= must(this.#newPair, "pairs come only where they were asked for")();
    const pair = this.#sideBySide;
    const [place, next] = [this.#placeOf(one), this.#placeOf(other)];
    assert(one.item === other.item && place.block + 1 === next.block, "pairs are of neighbouring blocks");
    assert(place.isFirst === next.isFirst && place.isLast === next.isLast, "blocks of a pair go side by side");
    if (place.isFirst) pair.begin();
    assert(place.isFirst || this.#isPairRunning, "a block comes from its start");
    pair.update(one.bytes, other.bytes);
    this.#isPairRunning = !place.isLast;
    const [digest, nextDigest] = place.isLast ? pair.end() : [null, null];
    return [
      { frame: one, block: place.block, digest },
      { frame: other, block: next.block, digest: nextDigest },
    ];
  }

  /** A frame never crosses a block's border. */
  #placeOf({ item: index, offset, bytes }: F): Place {
    const item = must(this.#items[index], "a frame is of an item");
    const from = offset - item.offset;
    const inItem = Math.floor(from / item.blockBytes);
    const blockEnd = Math.min((inItem + 1) * item.blockBytes, item.length);
    return {
      block: (this.#starts[index] as number) + inItem,
      isFirst: from === inItem * item.blockBytes,
      isLast: from + bytes.length === blockEnd,
    };
  }
}
