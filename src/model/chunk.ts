import { type Entry, hasContent } from "./entry.ts";

export type ChunkId = number;
export type JobId = string;
export type WorkerId = string;
/** Milliseconds since 1970, by whoever's clock the context names (the Store's, for leases). */
export type Instant = number;

/**
 * What a chunk row is.
 * - `pack`: whole small entries, up to 64 MiB or 4,096 of them
 * - `head`: the one row of a large entry: it prepares the staging place, later publishes, and is the parent of its ranges
 * - `range`: a slice of a large entry
 * - `links`: hard links, made after all files are in place
 * - `directories`: made when first needed, given their modes and times at the very end
 * - `extras`: entries that only the target has (`sync --delete`)
 * - `extra_directories`: the same for directories, removed after what is in them
 * - `settled`: entries that reached their outcome while planning (unchanged, filtered, unsupported)
 */
export type ChunkKind =
  | "pack"
  | "head"
  | "range"
  | "links"
  | "directories"
  | "extras"
  | "extra_directories"
  | "settled";

/**
 * The work that a row needs next. Not every kind passes every stage; `nextStage` is the only place that knows the order.
 * - `prepare`   a head: compares with what is already there, or makes the staging place; its ranges come into being with it
 * - `prehash`   reads the source once more, beforehand (`--source-evidence prehash`)
 * - `compare`   reads both sides, writes nothing (`godwit check`)
 * - `transfer`  reads the source, writes the target
 * - `verify`    reads the target back
 * - `digest`    a head: reads the whole landed entry in order (`--file-digest`, or evidence about whole files)
 * - `publish`   makes the entry visible under its name
 * - `remove`    deletes what only the target has
 * - `seal`      sets the attributes of directories
 * - `reconcile` reads the published target once more
 */
export const stages = [
  "prepare",
  "prehash",
  "compare",
  "transfer",
  "verify",
  "digest",
  "publish",
  "remove",
  "seal",
  "reconcile",
  "done",
] as const;
export type Stage = (typeof stages)[number];

/**
 * - `pending` may be claimed
 * - `waiting` for its head (a range) or its ranges (a head)
 * - `in_progress` is leased
 * - `verified` has ended well, `failed` has ended badly; both only at stage `done`
 */
export const chunkStates = ["pending", "waiting", "in_progress", "verified", "failed"] as const;
export type ChunkState = (typeof chunkStates)[number];

/** Who holds a chunk. The epoch is the fencing token: it grows at every claim and every write asserts it. */
export interface Lease {
  readonly chunkId: ChunkId;
  readonly worker: WorkerId;
  readonly epoch: number;
  /** By the Store's clock. */
  readonly expiresAt: Instant;
}

/** One entry, or one slice of it, inside a chunk. */
export interface Item {
  readonly entry: Entry;
  /** First byte of the slice in the entry; 0 in packs. */
  readonly offset: number;
  /** Bytes of the slice; 0 where there is no content. Of a table it is nominal: its part of the table's size. */
  readonly length: number;
  /** Bytes of a block; the last block of an entry may be shorter. */
  readonly blockBytes: number;
  /** An entry of the same kind and size stands on the target: compare contents before anything is written. */
  readonly compare: boolean;
  /**
   * What stood under the final name when the entry was planned, in the target's own words (an ETag); null for nothing.
   * Absent where that is not known, or the target has no use for it.
   */
  readonly standing?: Standing | undefined;
  /** A range of a table: which rows. Its bytes are one block, however many they are. Absent for everything else. */
  readonly rows?: RowRange | undefined;
}

export type Standing = string | null;

/** Rows of a table, as its source cut them. */
export interface RowRange {
  /** In the words of the connectors: a worker and a verifier on another machine find the same rows by it. */
  readonly slice: string;
  /** They come in the same order on both sides. Else a frame is a row, and the digest is one of a multiset. */
  readonly isOrdered: boolean;
}

/** Where the blocks of an item stand in its chunk. An empty file has one block of no bytes; a non-file has none. */
export function blockCount(item: Item): number {
  if (!hasContent(item.entry.kind)) return 0;
  return Math.max(1, Math.ceil(item.length / item.blockBytes));
}

/** First block of each item, and the sum as the last element: `n + 1` numbers for `n` items. */
export function blockStarts(items: readonly Item[]): readonly number[] {
  const starts: number[] = [0];
  let total = 0;
  for (const item of items) {
    total += blockCount(item);
    starts.push(total);
  }
  return starts;
}

/** Bytes of a range: whole blocks, as near to the wanted size of a chunk as they go. */
export function chunkBytesOf(blockBytes: number, wantedBytes: number): number {
  return Math.max(1, Math.floor(wantedBytes / blockBytes)) * blockBytes;
}

/** What a connector is given to read or write: a chunk without its bookkeeping. */
export interface Work {
  readonly jobId: JobId;
  readonly chunkId: ChunkId;
  readonly kind: ChunkKind;
  readonly items: readonly Item[];
  /** What `prepare` returned for the entry of a range or head (an upload id, a name); null for packs. */
  readonly staging: string | null;
  /** The fencing token of the lease under which it is done; absent where it is done under none. */
  readonly epoch?: number;
}

/** What decides the way of a row through the stages; fixed for a job. */
export interface JobTraits {
  readonly kind: "copy" | "sync" | "check";
  readonly prehash: boolean;
  readonly reconcile: boolean;
  /** Heads read their whole landed entry once, in order. */
  readonly wholeDigest: boolean;
  /** The target shows bytes only under the final name (S3): publish comes before verify. */
  readonly publishFirst: boolean;
}

export interface Place {
  readonly stage: Stage;
  readonly state: ChunkState;
}

export const ended: Place = { stage: "done", state: "verified" };

/** Where a new row starts. Ranges come into being when their head is prepared. */
export function firstPlace(kind: ChunkKind, traits: JobTraits): Place {
  if (kind === "settled") return ended;
  if (kind === "head") return { stage: "prepare", state: "pending" };
  if (kind === "extras" || kind === "extra_directories") return { stage: "remove", state: "pending" };
  if (traits.kind === "check") return { stage: "compare", state: "pending" };
  const reads = kind === "pack" || kind === "range";
  return { stage: reads && traits.prehash ? "prehash" : "transfer", state: "pending" };
}

/** What follows when the work of `stage` has ended well. */
export function nextPlace(kind: ChunkKind, stage: Stage, traits: JobTraits): Place {
  if (kind === "head") return nextOfHead(stage, traits);
  const published: Place = traits.reconcile ? { stage: "reconcile", state: "pending" } : ended;
  switch (stage) {
    case "prehash":
      return { stage: "transfer", state: "pending" };
    case "transfer":
      if (kind === "directories") return { stage: "seal", state: "pending" };
      return { stage: "verify", state: kind === "range" && traits.publishFirst ? "waiting" : "pending" };
    case "verify":
      if (traits.publishFirst) return published;
      return { stage: "publish", state: kind === "range" ? "waiting" : "pending" };
    case "publish":
      return published;
    case "prepare":
    case "digest":
    case "compare":
    case "remove":
    case "seal":
    case "reconcile":
    case "done":
      return ended;
  }
}

function nextOfHead(stage: Stage, traits: JobTraits): Place {
  const digest: Place = { stage: "digest", state: "pending" };
  switch (stage) {
    case "prepare":
      if (traits.kind === "check") return ended;
      return { stage: traits.publishFirst || !traits.wholeDigest ? "publish" : "digest", state: "waiting" };
    case "digest":
      return traits.publishFirst ? ended : { stage: "publish", state: "pending" };
    case "publish":
      return traits.publishFirst ? { stage: "verify", state: "waiting" } : ended;
    case "verify":
      return traits.wholeDigest ? digest : ended;
    default:
      return ended;
  }
}

/** Where a range stands once its head has published. */
export function afterHeadPublished(traits: JobTraits): Place {
  return traits.publishFirst ? { stage: "verify", state: "pending" } : nextPlace("range", "publish", traits);
}

/**
 * Rows of a phase are claimed only when all rows of earlier phases are done: links need their files, nothing is deleted
 * before all else is in place (or ever, when something is not: `Task.withheldBy`), reconciliation reads later than
 * every write (hard links last: a file that is repaired leaves its other names with the damaged bytes), and directories
 * are sealed at the very end, since whatever is repaired inside of them moves their times.
 */
export function phaseOf(kind: ChunkKind, stage: Stage): number {
  if (stage === "seal") return 6;
  if (stage === "reconcile") return kind === "links" ? 5 : 4;
  if (kind === "extra_directories") return 3;
  if (kind === "extras") return 2;
  if (kind === "links" && stage !== "compare") return 1;
  return 0;
}

/** Rows of this phase go one at a time, the last of the listing first: a directory stands before those in it. */
export function removesDirectories(phase: number): boolean {
  return phase === 3;
}

export function isReconciling(phase: number): boolean {
  return phase === 4 || phase === 5;
}
