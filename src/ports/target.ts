import type { ErrorRecord } from "../base/errors.ts";
import type { Whole } from "../model/block-hasher.ts";
import type { Standing, Work } from "../model/chunk.ts";
import type { Entry, ReadFrom } from "../model/entry.ts";
import type { BytePath } from "../model/path.ts";
import type { ItemLoss, RangeReceipts, Receipts } from "../model/task.ts";
import type {
  BytesFrame,
  Definition,
  EndFrame,
  ExtendedAttributes,
  Frame,
  Loss,
  ObjectMetadata,
  Observed,
  TableColumn,
} from "./source.ts";

/** A frame of the source; the last frame of each block carries the block's SHA-256 (computed while it was read). */
export type DigestedFrame =
  | (BytesFrame & { readonly block: number; readonly digest: Uint8Array | null })
  /** Rows of a table: their one block and its digest come with their end. */
  | (EndFrame & Partial<Whole>);

/** Block `block` of the chunk is durable on the target. Called in order of blocks, without gaps. */
export interface BlockReceipt {
  readonly block: number;
  /** What the target needs to find the block again (an ETag, which file it is in). */
  readonly tag: string | null;
}
export type OnConfirmed = (receipt: BlockReceipt) => void;

/** An item that the target did not take. The rest of the work goes on. */
export interface Refusal {
  readonly item: number;
  readonly error: ErrorRecord;
}

/** Is told, while a write goes on, what has become of its frames so far. */
export interface WriteListener {
  readonly onConfirmed: OnConfirmed;
  /** Before any block of a later item is confirmed: whoever goes on after that block must know of it. */
  readonly onRefused: (refusal: Refusal) => void;
}

export interface WriteReceipt {
  /** All of them; a write has told each before. */
  readonly refused: readonly Refusal[];
  readonly lost: readonly ItemLoss[];
}

export type Acceptance =
  /** `as` is another kind where the target has to flatten one (a hard link becomes a file of its own). */
  | { readonly ok: true; readonly as: Entry["kind"]; readonly losses: readonly Loss[] }
  | { readonly ok: false; readonly error: ErrorRecord };

export interface PublishRequest {
  readonly work: Work;
  /** Items to leave alone. */
  readonly skip: ReadonlySet<number>;
  /**
   * A head: what the source says of the entry now, attributes included. Null for every other kind: their items were
   * read whole, and `write` has set their attributes on what it staged, from the ends of their frames.
   */
  readonly observed: Observed | null;
  /** A head: its ranges in order of offset. A pack: null. */
  readonly ranges: readonly RangeReceipts[] | null;
  readonly receipts: Receipts;
  /** What `standing` said before the source was observed; absent where the target does not say it. */
  readonly standing?: Standing | undefined;
}

/** What the source knows of an entry beside its bytes. */
export interface Known {
  /** What an object store as the source keeps with the entry. */
  readonly metadata?: ObjectMetadata | undefined;
  /** A table: what stands around the rows. Asked for by whoever makes the first table. */
  readonly definition?: (() => Promise<Definition>) | undefined;
  /** A table: its columns in this version of it. */
  readonly columns?: readonly TableColumn[] | undefined;
}

/**
 * Where chunks land. Writes are idempotent by (job, chunk, version): staging names include the pinned version, so that
 * a worker whose lease has passed to another writes the same bytes under the same name, or is refused.
 */
export interface Target extends AsyncDisposable {
  readonly location: string;
  /** True when bytes can be read back only under the final name: then `publish` comes before `readBack`. */
  readonly publishFirst: boolean;
  /** It takes frames in pairs, as `write` gets them. False when absent. */
  readonly takesPairs?: boolean;
  /**
   * Bytes of a block for an entry of this size (8 MiB; on S3 the size of a part). Ranges are cut at whole blocks.
   * @throws too_large when the target can never hold it
   */
  blockBytes(sizeBytes: number): number;
  /** Pure: says before the copy what this target can hold of an entry. */
  accepts(entry: Entry): Acceptance;
  /**
   * Makes the staging place of a large entry. Idempotent: the same entry gives the same place, or a fresh one that
   * replaces the old. With `repair`, a damaged published entry becomes the base of the new place.
   * @returns an opaque word that later calls are given as `work.staging`
   */
  prepare(work: Work, repair: boolean, signal: AbortSignal, known?: Known): Promise<string | null>;
  /**
   * Stores the frames of one chunk and confirms each block once it is durable, in order. Directories and symlinks of
   * the work are made too. Parent directories come into being as needed.
   * An item's attributes come with its `end`, and are set on what is staged (a range leaves them to its head).
   * Safe to abort: confirmed blocks stay, the rest is as if never sent.
   * Of a pack, an item whose confirmed blocks are there no more is refused alone (`upload_vanished`).
   * @throws disk_full, target_unwritable, of a range upload_vanished …: the whole chunk stops; what was confirmed stays
   */
  write(
    work: Work,
    frames: AsyncIterable<DigestedFrame>,
    listener: WriteListener,
    signal: AbortSignal,
  ): Promise<WriteReceipt>;
  /**
   * Reads what is stored, not what was sent: staging before publishing, the published entry afterwards. Non-files get
   * an `end` that observes them. An item that is not there ends `vanished`.
   */
  readBack(request: ReadBackRequest, signal: AbortSignal): AsyncIterable<StoredFrame>;
  /** Where `readBack` gets its bytes from, once it has run. */
  readonly readFrom: ReadFrom;
  /**
   * A head: what stands under its final name now. Asked before the source is looked at for the last time and given to
   * `publish`, which then replaces that and nothing newer: so a worker that was stopped in between and wakes late does
   * no harm. Items of other rows carry it from the plan. Absent where late writers are kept out by other means.
   * @returns undefined when the target cannot tell
   */
  readonly standing?: (work: Work, signal: AbortSignal) => Promise<Standing | undefined>;
  /**
   * Makes the finished items visible, each atomically, with their attributes, and durable. Idempotent: what is already
   * published in this version is left as it is. What is staged is what the receipts and `work.staging` were given for:
   * where a worker that lost its lease has staged it anew, that is never made visible.
   */
  publish(request: PublishRequest, signal: AbortSignal): Promise<WriteReceipt>;
  /**
   * Sets modes, owners and times in place: of directories, children before parents (the items come in listing order),
   * and of files whose content was found to be there already.
   * @param xattrs extended attributes of these files, by item; those of directories were written with them
   */
  seal(
    work: Work,
    skip: ReadonlySet<number>,
    signal: AbortSignal,
    xattrs?: ReadonlyMap<number, ExtendedAttributes>,
  ): Promise<WriteReceipt>;
  /** For `sync --delete`: removes one published entry; true when something was there. */
  remove(path: BytePath, isDirectory: boolean, signal: AbortSignal): Promise<boolean>;
  /** Drops what a cancelled or pruned job has staged for this work; never touches published entries. */
  discard(work: Work, signal: AbortSignal): Promise<void>;
}

/**
 * A read-back gives bytes; with `--verify checksum`, a store that keeps a SHA-256 of each block may give that instead.
 */
export type StoredFrame = Frame | { readonly item: number; readonly block: number; readonly stored: Uint8Array };

export interface ReadBackRequest {
  readonly work: Work;
  readonly receipts: Receipts;
  /** Items to leave out. */
  readonly skip: ReadonlySet<number>;
  /** Read the published entry even where a staging place still exists. */
  readonly published: boolean;
  /** The bytes themselves are asked for: a digest that the store keeps is no answer. False when absent. */
  readonly wantsBytes?: boolean;
  /** Frames may come in pairs; a target need not give any. False when absent. */
  readonly paired?: boolean;
}
