import type { ChunkKind, Item, Place, Stage } from "./chunk.ts";
import type { ChunkEvidence } from "./entry.ts";
import type { Counters } from "./job.ts";
import type { BadBlock, ItemEnding, ItemLoss, NewChunk, Progress, SizedRows } from "./task.ts";

/** A failing entry or chunk is tried this often in all. */
export const attemptsMax = 3;

/** The part of a row that a transition looks at. */
export interface ChunkView {
  readonly kind: ChunkKind;
  readonly stage: Stage;
  readonly attempt: number;
  /** Sum of the lengths of its items. */
  readonly bytes: number;
  /** Decoded only where a transition needs it. */
  readonly items: () => readonly Item[];
  readonly endings: readonly ItemEnding[];
  /** Block digests of the pre-flight read of these items; null where there was none. */
  readonly prehash: Uint8Array | null;
}

/** What happens to the ranges of a head. */
export type RangesEffect =
  /** Cut the head's item at whole blocks, or as given, and add them; the head waits for all. */
  | { readonly type: "create"; readonly rows: readonly SizedRows[] | null }
  /**
   * A new staging place exists. Damaged ranges (at `transfer`, waiting) become pending. The others: verified again
   * before publishing, or, where publishing comes first, wait at `verify`; those that had been verified give that
   * back. The head waits for those that are pending. Leases of ranges end.
   */
  | { readonly type: "repair"; readonly others: Place }
  /** All move; the head waits for all when `gate`. */
  | { readonly type: "move"; readonly place: Place; readonly gate: boolean }
  /** The entry has ended or starts anew: its ranges go (done, failed) and give back what they counted (`takenBack`). */
  | { readonly type: "drop" };

/** What happens to the head of a range. */
export type HeadEffect =
  | { readonly type: "passed" }
  /** Back to `prepare`, unless it is there already; if it had been counted as verified, that is taken back. */
  | { readonly type: "repair" }
  /** The entry ends, or starts anew in a later row. */
  | { readonly type: "end"; readonly ending: ItemEnding };

export interface Effects {
  readonly place: Place;
  readonly attempt: number;
  /** Appended to what the row has; null keeps it; `clear` forgets it. */
  readonly progress: Progress | "clear" | null;
  readonly endings: readonly ItemEnding[];
  readonly staging?: string | null;
  readonly prehash?: Uint8Array;
  readonly sha256?: string;
  readonly evidence?: ChunkEvidence;
  /** Recorded as exceptions of the row's items; the items themselves go on. */
  readonly lost: readonly ItemLoss[];
  readonly add: readonly NewChunk[];
  readonly ranges: RangesEffect | null;
  readonly head: HeadEffect | null;
  readonly verdict: {
    /** `inconclusive`: what could be read was right, and something could not be read; that ended, or is sent again. */
    readonly result: "match" | "mismatch" | "inconclusive";
    readonly bad: readonly BadBlock[];
    /** Every block was read: only then has anybody computed a digest of the target. */
    readonly isWhole: boolean;
  } | null;
  readonly counters: Counters;
}

/** A row that moves, and nothing else. */
export const noEffects = {
  progress: null,
  endings: [],
  lost: [],
  add: [],
  ranges: null,
  head: null,
  verdict: null,
  counters: {},
} as const satisfies Omit<Effects, "place" | "attempt">;
