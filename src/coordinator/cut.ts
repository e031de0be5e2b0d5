/**
 * Cuts a listing into rows: small entries are packed, large ones get a head (their ranges come into being when it is
 * prepared), directories and links travel apart because they are finished after everything else.
 */
import type { ChunkKind, Item, Standing } from "../model/chunk.ts";
import { type Entry, hasContent } from "../model/entry.ts";
import { orderKey } from "../model/path.ts";
import { ItemWriter, packItems } from "../model/item-codec.ts";
import { type PlannedEnding, SettledWriter } from "../model/settled.ts";
import type { ItemLoss, NewChunk } from "../model/task.ts";
import type { PlanBatch } from "../ports/store.ts";

const packEntriesMax = 4_096;
/** Full rows that may be held. Every write also ends the rows that are not full, and costs an fsync. */
const rowsMax = 16;

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
  | { readonly type: "settle"; readonly entry: Entry; readonly ending: PlannedEnding }
  /** Only the target has it: removed at the end, or named by `check`. */
  | { readonly type: "remove"; readonly entry: Entry };

/** A row that is filling. Nothing of its items is held but what will be stored. */
interface Row {
  readonly items: ItemWriter;
  readonly settled: SettledWriter | null;
  readonly lost: ItemLoss[];
}

export class Cutter {
  readonly #limits: CutLimits;
  readonly #open = new Map<ChunkKind, Row>();
  #rows: NewChunk[] = [];
  #entries = 0;
  #bytes = 0;
  #cursor: string | null;
  #full = false;

  /** @param cursor  where the plan goes on: it stands there until something is added */
  constructor(limits: CutLimits, cursor: string | null) {
    this.#limits = limits;
    this.#cursor = cursor;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0 && this.#open.size === 0;
  }

  /**
   * The moment to write what is gathered, with the cursor after the last entry: some row is full for which lanes may
   * wait, or many are.
   */
  get full(): boolean {
    return this.#full || this.#rows.length >= rowsMax;
  }

  add(decision: Decision): void {
    const { entry } = decision;
    const item = this.#itemOf(decision);
    this.#cursor = orderKey(entry.path, entry.kind === "directory");
    if (decision.type === "remove") {
      this.#pack(entry.kind === "directory" ? "extra_directories" : "extras", item, decision);
      return;
    }
    this.#entries += 1;
    this.#bytes += entry.sizeBytes;
    if (decision.type === "settle") {
      if (entry.kind === "table") this.#settleTable(item, decision.ending);
      else this.#pack("settled", item, decision);
    } else if (entry.kind === "directory") {
      this.#pack("directories", item, decision);
    } else if (entry.kind === "hardlink") {
      this.#pack("links", item, decision);
    } else if (
      entry.kind === "table" ||
      entry.sizeBytes > this.#limits.chunkBytes ||
      (this.#limits.wholeDigests && item.length > item.blockBytes)
    ) {
      const lost = [{ item: 0, losses: decision.losses }];
      this.#rows.push({ kind: "head", items: packItems([item]), attempt: 0, lost });
    } else {
      this.#pack("pack", item, decision);
    }
  }

  /** Everything gathered since the last call, as one page of the plan. */
  take(done: boolean): PlanBatch {
    for (const [kind, row] of this.#open) this.#close(kind, row);
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
    const length = hasContent(entry.kind) ? entry.sizeBytes : 0;
    // What is not moved is not cut, and may be larger than the target can hold.
    return {
      entry,
      offset: 0,
      length,
      blockBytes: entry.kind === "table" ? Math.max(1, length) : this.#limits.blockBytes(moves ? length : 0),
      compare: moves && decision.compare,
      standing: moves ? decision.standing : undefined,
    };
  }

  #pack(kind: ChunkKind, item: Item, decision: Decision): void {
    let row = this.#open.get(kind);
    if (row !== undefined && kind === "pack" && row.items.bytes + item.length > this.#limits.chunkBytes) {
      this.#close(kind, row);
      this.#full = true;
      row = undefined;
    }
    if (row === undefined) {
      row = { items: new ItemWriter(), settled: kind === "settled" ? new SettledWriter() : null, lost: [] };
      this.#open.set(kind, row);
    }
    if (decision.type === "settle") row.settled?.add(row.items.count, decision.entry.sizeBytes, decision.ending);
    if (decision.type === "move" && decision.losses.length > 0)
      row.lost.push({ item: row.items.count, losses: decision.losses });
    row.items.add(item);
    if (row.items.count >= packEntriesMax) {
      this.#close(kind, row);
      this.#full ||= kind === "pack";
    }
  }

  /** Tables never stand among files. */
  #settleTable(item: Item, ending: PlannedEnding): void {
    const settled = new SettledWriter();
    settled.add(0, item.entry.sizeBytes, ending);
    this.#rows.push({ kind: "settled", items: packItems([item]), attempt: 0, settled: settled.finish() });
  }

  #close(kind: ChunkKind, { items, settled, lost }: Row): void {
    this.#open.delete(kind);
    const row = { kind, items: items.finish(), attempt: 0, lost };
    this.#rows.push(settled === null ? row : { ...row, settled: settled.finish() });
  }
}
