/**
 * Cuts a listing into rows: small entries are packed, large ones get a head (their ranges come into being when it is
 * prepared), directories and links travel apart because they are finished after everything else.
 */
import type { ChunkKind, Item, Standing } from "../model/chunk.ts";
import type { Entry } from "../model/entry.ts";
import { orderKey } from "../model/path.ts";
import type { ItemEnding, ItemLoss, NewChunk } from "../model/task.ts";
import type { PlanBatch } from "../ports/store.ts";

const packEntriesMax = 4_096;

export interface CutLimits {
  /** A pack ends here; a larger entry gets rows of its own. */
  readonly chunkBytes: number;
  readonly blockBytes: (sizeBytes: number) => number;
  /** What has several blocks gets rows of its own too: only those are read whole, for a digest of the whole file. */
  readonly wholeDigests: boolean;
}

/** What the plan decided for one listed entry. */
export type Decision =
  | {
      readonly type: "move";
      readonly entry: Entry;
      readonly compare: boolean;
      readonly losses: readonly string[];
      readonly standing?: Standing | undefined;
    }
  | { readonly type: "settle"; readonly entry: Entry; readonly ending: Omit<ItemEnding, "item" | "again" | "now"> }
  /** Only the target has it: removed at the end, or named by `check`. */
  | { readonly type: "remove"; readonly entry: Entry };

/** What is known of an item beside itself. */
interface Noted {
  readonly ending?: ItemEnding;
  readonly losses?: readonly string[];
}

interface Pack {
  readonly items: Item[];
  readonly endings: ItemEnding[];
  readonly lost: ItemLoss[];
  bytes: number;
}

export class Cutter {
  readonly #limits: CutLimits;
  readonly #open = new Map<ChunkKind, Pack>();
  #rows: NewChunk[] = [];
  #entries = 0;
  #bytes = 0;
  #cursor: string | null = null;
  #full = false;

  constructor(limits: CutLimits) {
    this.#limits = limits;
  }

  /** Some row is full: the moment to write what is gathered, with the cursor after the last entry. */
  get full(): boolean {
    return this.#full;
  }

  add(decision: Decision): void {
    const { entry } = decision;
    const item = this.#itemOf(decision);
    this.#cursor = orderKey(entry.path, entry.kind === "directory");
    if (decision.type === "remove") {
      this.#pack(entry.kind === "directory" ? "extra_directories" : "extras", item, {});
      return;
    }
    this.#entries += 1;
    this.#bytes += entry.sizeBytes;
    if (decision.type === "settle") {
      this.#pack("settled", item, { ending: { ...decision.ending, item: 0, again: false, now: null } });
    } else if (entry.kind === "directory") {
      this.#pack("directories", item, decision);
    } else if (entry.kind === "hardlink") {
      this.#pack("links", item, decision);
    } else if (
      entry.sizeBytes > this.#limits.chunkBytes ||
      (this.#limits.wholeDigests && item.length > item.blockBytes)
    ) {
      const lost = [{ item: 0, losses: decision.losses }];
      this.#rows.push({ kind: "head", items: [item], endings: [], attempt: 0, lost });
      this.#full ||= this.#rows.length >= 64;
    } else {
      this.#pack("pack", item, decision);
    }
  }

  /** Everything gathered since the last call, as one page of the plan. */
  take(done: boolean): PlanBatch {
    for (const [kind, pack] of this.#open) this.#close(kind, pack);
    const batch: PlanBatch = {
      chunks: this.#rows,
      listed: { entries: this.#entries, bytes: this.#bytes },
      cursor: this.#cursor,
      done,
    };
    this.#rows = [];
    this.#entries = 0;
    this.#bytes = 0;
    this.#full = false;
    return batch;
  }

  #itemOf(decision: Decision): Item {
    const { entry } = decision;
    const moves = decision.type === "move";
    const length = entry.kind === "file" ? entry.sizeBytes : 0;
    // What is not moved is not cut, and may be larger than the target can hold.
    return {
      entry,
      offset: 0,
      length,
      blockBytes: this.#limits.blockBytes(moves ? length : 0),
      compare: moves && decision.compare,
      standing: moves ? decision.standing : undefined,
    };
  }

  #pack(kind: ChunkKind, item: Item, { ending, losses = [] }: Noted): void {
    let pack = this.#open.get(kind);
    const carries = kind === "pack";
    if (pack !== undefined && carries && pack.bytes + item.length > this.#limits.chunkBytes) {
      this.#close(kind, pack);
      this.#full = true;
      pack = undefined;
    }
    if (pack === undefined) {
      pack = { items: [], endings: [], lost: [], bytes: 0 };
      this.#open.set(kind, pack);
    }
    if (ending !== undefined) pack.endings.push({ ...ending, item: pack.items.length });
    if (losses.length > 0) pack.lost.push({ item: pack.items.length, losses });
    pack.items.push(item);
    if (carries) pack.bytes += item.length;
    if (pack.items.length >= packEntriesMax) {
      this.#close(kind, pack);
      this.#full = true;
    }
  }

  #close(kind: ChunkKind, pack: Pack): void {
    this.#open.delete(kind);
    this.#rows.push({ kind, items: pack.items, endings: pack.endings, attempt: 0, lost: pack.lost });
  }
}
