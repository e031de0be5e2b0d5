import type { ErrorRecord } from "../base/errors.ts";
import type { ChunkId, ChunkKind, JobId, Lease, RowRange, Stage } from "./chunk.ts";
import { type ChunkEvidence, type Entry, type Evidence, isProven, type Outcome, type ReadFrom } from "./entry.ts";
import type { PackedItems } from "./item-codec.ts";
import type { Counters } from "./job.ts";

/** What a worker is handed by a claim: one stage of one chunk, and what earlier stages and attempts left. */
export interface Task {
  readonly jobId: JobId;
  readonly chunkId: ChunkId;
  readonly kind: ChunkKind;
  readonly stage: Stage;
  readonly lease: Lease;
  /** Encoded items (`model/item-codec`): decoded only in the lane that needs them. */
  readonly items: Uint8Array;
  readonly staging: string | null;
  /** Confirmed blocks of the transfer so far, or all of them in later stages. */
  readonly receipts: Receipts;
  /** Endings recorded so far; items that have one are skipped. */
  readonly endings: readonly ItemEnding[];
  /** Block digests of the pre-flight read; null unless the job asked for it. */
  readonly prehash: Uint8Array | null;
  /** How often this row was tried before, counting only tries that failed. */
  readonly attempt: number;
  /** A removal: how many entries of the source did not arrive. Nothing is removed unless all did. 0 for everything else. */
  readonly withheldBy: number;
  /** A head at `publish` or `digest`: the receipts of its ranges in order of offset. */
  readonly ranges: readonly RangeReceipts[] | null;
  /** Until this claim, by the Store's clock. Nothing is decided by it. */
  readonly wait: ClaimWait;
}

export interface ClaimWait {
  /** Since it could be claimed, or since the lease before this one ran out. */
  readonly ms: number;
  /** The lease before this one had run out: its worker is lost, or stalls. */
  readonly tookOver: boolean;
}

export interface RangeReceipts {
  readonly chunkId: ChunkId;
  readonly offset: number;
  readonly length: number;
  readonly receipts: Receipts;
}

/** Blocks `0 … count-1` of a chunk, confirmed durable on the target, in order. */
export interface Receipts {
  readonly count: number;
  /** SHA-256 of each block, 32 bytes each; zeros where the item had no outcome of its own bytes. */
  readonly digests: Uint8Array;
  /** What the target needs to find a block again (an ETag, which file it is in); null for targets that need nothing. */
  readonly tags: readonly (string | null)[] | null;
}

export const noReceipts: Receipts = { count: 0, digests: new Uint8Array(0), tags: null };

/** Confirmed progress inside a chunk: what a successor need not do again. */
export interface Progress {
  readonly firstBlock: number;
  readonly receipts: Receipts;
  /** Sent, in all blocks of the chunk up to the end of these; items that have ended otherwise do not count. */
  readonly bytes: number;
  /** Items that ended before the end of these blocks otherwise than by being written; some of their blocks may be earlier. */
  readonly endings: readonly ItemEnding[];
}

/** The end of one item in one task, where it differs from the task's plain success. */
export interface ItemEnding {
  readonly item: number;
  readonly outcome: Outcome;
  readonly evidence: Evidence;
  readonly error: ErrorRecord | null;
  /** The entry as it is now, when it changed: what the next try pins. */
  readonly now: Entry | null;
  /** Bytes of a block for that entry, which may have grown; absent keeps those that it had. */
  readonly nowBlockBytes?: number | undefined;
  /** Not an end: the item goes on in a later row. Set by the transition alone. */
  readonly again: boolean;
}

/** What of an item did not survive on the target though its bytes did, each a short word (`xattrs`, `owner`). */
export interface ItemLoss {
  readonly item: number;
  readonly losses: readonly string[];
}

/** One block that is not what it should be. */
export interface BadBlock {
  readonly item: number;
  /** Index in the chunk. */
  readonly block: number;
  readonly source: string;
  readonly target: string | null;
}

/** A range of a table, and how many of the table's nominal bytes go with it. */
export interface SizedRows extends RowRange {
  readonly bytes: number;
}

export type TaskResult =
  /** The staging place of a head, and of a table how its rows are cut. */
  | { readonly type: "prepared"; readonly staging: string | null; readonly rowRanges?: readonly SizedRows[] }
  /** A head whose target already holds the same content; digests of its blocks in order. */
  | {
      readonly type: "same";
      readonly digests: Uint8Array;
      /** Of a table. */
      readonly rows?: number;
      readonly evidence: Evidence;
      readonly readFrom: ReadFrom;
      readonly lost: readonly ItemLoss[];
    }
  /** `godwit check` on a head: the content differs; of a table, in which columns or rows. */
  | { readonly type: "different"; readonly error?: ErrorRecord }
  | { readonly type: "prehashed"; readonly digests: Uint8Array; readonly endings: readonly ItemEnding[] }
  | {
      readonly type: "transferred";
      /** What was not yet reported as progress. */
      readonly progress: Progress;
      readonly evidence: ChunkEvidence;
      readonly lost: readonly ItemLoss[];
    }
  | {
      readonly type: "read_back";
      readonly bad: readonly BadBlock[];
      readonly endings: readonly ItemEnding[];
      readonly readFrom: ReadFrom;
    }
  | {
      readonly type: "compared";
      readonly digests: Uint8Array;
      readonly endings: readonly ItemEnding[];
      readonly readFrom: ReadFrom;
    }
  | { readonly type: "published"; readonly endings: readonly ItemEnding[]; readonly lost: readonly ItemLoss[] }
  | { readonly type: "removed"; readonly count: number; readonly endings: readonly ItemEnding[] }
  | { readonly type: "sealed"; readonly endings: readonly ItemEnding[]; readonly lost: readonly ItemLoss[] }
  | {
      readonly type: "digested";
      readonly sha256: string;
      readonly evidence: Evidence;
      readonly error: ErrorRecord | null;
    }
  /** A head or range whose entry changed, vanished or can never be held: the entry ends or starts anew. */
  | { readonly type: "entry_ended"; readonly ending: ItemEnding };

/** A row that a plan page or a retry adds, packed as it is stored. */
export interface NewChunk {
  readonly kind: ChunkKind;
  readonly items: PackedItems;
  /** Of `settled` rows, and only of them. */
  readonly settled?: Settled;
  readonly attempt: number;
  /** What the target cannot hold of items that it otherwise takes. */
  readonly lost?: readonly ItemLoss[];
  /** The digests of an earlier pre-flight read, which the next try must match: it is not read beforehand again. */
  readonly prehash?: Uint8Array;
}

/** How the items of a row ended that was planned with all of its ends: one for each item, in order. */
export interface Settled {
  /** Encoded (`model/ending-codec`). */
  readonly endings: Uint8Array;
  /** Those that need words. */
  readonly told: readonly ItemEnding[];
  readonly counters: Counters;
}

/** Ends that a report names one by one; of the others their number says all. */
export function needsWords({ outcome, error }: Pick<ItemEnding, "outcome" | "error">): boolean {
  return error !== null || !isProven(outcome);
}
