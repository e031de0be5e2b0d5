import { hash } from "node:crypto";
import type { ChunkId, Item } from "../model/chunk.ts";
import { type ChunkEvidence, type Evidence, weakerEvidence } from "../model/entry.ts";
import { rowsOfTags } from "../model/row-count.ts";
import type { ChunkRecord } from "../ports/store.ts";
import { digestBytes } from "./block-digests.ts";
import type { ReportRange } from "./schema.ts";
import type { VerdictTally } from "./verdict-tally.ts";

/** A large entry as its rows tell it: the head, and the ranges that came so far. */
export interface LargeEntry {
  readonly row: ChunkRecord;
  readonly item: Item;
  readonly ranges: ReportRange[];
  /** Of the ranges, the weakest. */
  evidence: Evidence | null;
  /** Set where the entry is one block. */
  sha256: string | null;
  rangeBytes: number;
  /** Of a table, in the ranges so far. */
  rows: number | null;
  unprovenChunks: number;
}

/**
 * Brings the ranges of large entries together with their heads. A Store that streams ranges right behind their head
 * keeps one entry here at a time; any other order costs memory for the entries that are open, never the result.
 */
export class LargeEntries {
  readonly #verdicts: VerdictTally;
  readonly #open = new Map<ChunkId, LargeEntry>();

  constructor(verdicts: VerdictTally) {
    this.#verdicts = verdicts;
  }

  /** @returns the entry when it is whole without any range (it ended early, or has not been done) */
  addHead(row: ChunkRecord, item: Item): LargeEntry | null {
    const large: LargeEntry = {
      row,
      item,
      ranges: [],
      evidence: null,
      sha256: row.sha256,
      rangeBytes: 0,
      rows: null,
      unprovenChunks: 0,
    };
    if (row.stage !== "done" || row.endings.length > 0 || item.entry.sizeBytes === 0) return large;
    this.#open.set(row.chunkId, large);
    return null;
  }

  /** @returns the entry when this was its last range */
  addRange(row: ChunkRecord): LargeEntry | null {
    const large = row.parentId === null ? undefined : this.#open.get(row.parentId);
    // Its head has not been done, or has ended without it (dropped ranges of an entry that started anew).
    if (large === undefined || row.state === "failed") return null;
    const { entry, blockBytes } = large.item;
    const { digests, count } = row.receipts;
    if (count === Math.ceil(row.length / blockBytes)) {
      const digest = hash("sha256", digests.subarray(0, count * digestBytes));
      large.ranges.push({ offset_bytes: row.offset, length_bytes: row.length, digest });
      if (row.length === entry.sizeBytes && entry.sizeBytes <= blockBytes)
        large.sha256 ??= Buffer.from(digests.subarray(0, digestBytes)).toString("hex");
    }
    if (!this.#verdicts.isMatched(row.chunkId)) large.unprovenChunks += 1;
    const evidence = evidenceOf(row.evidence, 0);
    large.evidence = large.evidence === null ? evidence : weakerEvidence(large.evidence, evidence);
    large.rangeBytes += row.length;
    const rows = rowsOfTags(row.receipts.tags);
    if (rows !== null) large.rows = (large.rows ?? 0) + rows;
    if (large.rangeBytes < entry.sizeBytes) return null;
    this.#open.delete(row.parentId as ChunkId);
    large.ranges.sort((a, b) => a.offset_bytes - b.offset_bytes);
    return large;
  }

  /** Entries that were said to be done and lack ranges: reported as they are, and found wanting. */
  rest(): readonly LargeEntry[] {
    return [...this.#open.values()];
  }
}

/** The head's own evidence (about the whole entry) where it is stronger than that of its weakest range. */
export function evidenceOfLarge(large: LargeEntry): Evidence {
  const whole = evidenceOf(large.row.evidence, 0);
  const parts = large.evidence ?? "none";
  return weakerEvidence(whole, parts) === parts ? whole : parts;
}

export function evidenceOf(evidence: ChunkEvidence, item: number): Evidence {
  return typeof evidence === "string" ? evidence : (evidence[item] ?? "none");
}
