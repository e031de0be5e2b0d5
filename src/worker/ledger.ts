import { assert } from "../base/assert.ts";
import { blockStarts, type Item } from "../model/chunk.ts";
import type { ItemEnding, Progress } from "../model/task.ts";
import type { BlockReceipt } from "../ports/target.ts";

const digestBytes = 32;
/** Confirmations are gathered this long before they are recorded: one write to the Store serves many blocks. */
const progressIntervalMs = 500;

export interface LedgerOptions {
  readonly items: readonly Item[];
  readonly firstBlock: number;
  /** Items that had ended before this transfer. */
  readonly skip: ReadonlySet<number>;
  readonly monotonicMs: () => number;
  readonly onProgress: (progress: Progress) => void;
}

/** One transfer's digests, what of them the target has confirmed, and what of that was reported. */
export class Ledger {
  /** 32 bytes per block of the chunk; zeros where nothing was read. */
  readonly digests: Uint8Array;
  readonly #options: LedgerOptions;
  readonly #starts: readonly number[];
  readonly #tags: (string | null)[] = [];
  readonly #endings = new Map<number, ItemEnding>();
  /** Items whose bytes do not count as sent. */
  readonly #ended: Set<number>;
  #confirmed: number;
  #reported: number;
  #reportedAtMs: number;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#starts = blockStarts(options.items);
    this.#ended = new Set(options.skip);
    this.digests = new Uint8Array((this.#starts.at(-1) as number) * digestBytes);
    this.#confirmed = options.firstBlock;
    this.#reported = options.firstBlock;
    this.#reportedAtMs = options.monotonicMs();
  }

  /** The first end of an item counts: what follows from it is no news. */
  end(ending: ItemEnding): void {
    if (!this.#endings.has(ending.item)) this.#endings.set(ending.item, ending);
    this.#ended.add(ending.item);
  }

  /** An item whose end and digests were known before the transfer: reported with the blocks around it, never without. */
  know(ending: ItemEnding, digests: Uint8Array): void {
    this.end(ending);
    const from = (this.#starts[ending.item] as number) * digestBytes;
    const to = (this.#starts[ending.item + 1] as number) * digestBytes;
    this.digests.set(digests.subarray(from, to), from);
  }

  confirm({ block, tag }: BlockReceipt): void {
    assert(block >= this.#confirmed, "blocks are confirmed in order");
    if (tag !== null) this.#tags[block] = tag;
    this.#confirmed = block + 1;
    const now = this.#options.monotonicMs();
    if (now - this.#reportedAtMs < progressIntervalMs) return;
    this.#reportedAtMs = now;
    const upTo = this.#reportable();
    if (upTo > this.#reported) this.#options.onProgress(this.#take(upTo, false));
  }

  /**
   * The last block of an item is held back until a later item is confirmed: only then has the target seen the item's
   * end and set its attributes, and a successor may pass it over.
   */
  #reportable(): number {
    return this.#starts.includes(this.#confirmed) ? this.#confirmed - 1 : this.#confirmed;
  }

  /** All that was not reported: the write has returned, so every block is durable or belongs to an item that ended. */
  rest(): Progress {
    return this.#take(this.#starts.at(-1) as number, true);
  }

  #take(upTo: number, isLast: boolean): Progress {
    const first = this.#reported;
    const count = upTo - first;
    this.#reported = upTo;
    const endings = [...this.#endings.values()].filter(
      ({ item }) => isLast || (this.#starts[item + 1] as number) <= upTo,
    );
    for (const { item } of endings) this.#endings.delete(item);
    const tags =
      this.#tags.length === 0 ? null : Array.from({ length: count }, (_, at) => this.#tags[first + at] ?? null);
    const digests = this.digests.slice(first * digestBytes, upTo * digestBytes);
    return { firstBlock: first, receipts: { count, digests, tags }, bytes: this.#sent(upTo), endings };
  }

  #sent(upTo: number): number {
    let bytes = 0;
    for (const [index, { length, blockBytes }] of this.#options.items.entries()) {
      const blocks = upTo - (this.#starts[index] as number);
      if (blocks <= 0) break;
      if (!this.#ended.has(index)) bytes += Math.min(length, blocks * blockBytes);
    }
    return bytes;
  }
}
