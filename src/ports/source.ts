import type { ErrorRecord } from "../base/errors.ts";
import type { RowRange, Work } from "../model/chunk.ts";
import type { Entry, Outcome } from "../model/entry.ts";
import type { BytePath } from "../model/path.ts";
import type { SizedRows } from "../model/task.ts";

/** Where a listing continues: after the entry (or problem) with this order key. */
export type Cursor = string;

/** Something listed that cannot be an entry, or is left out by choice. Never a log line: it is counted like an entry. */
export interface Problem {
  readonly path: BytePath;
  readonly isDirectory: boolean;
  readonly sizeBytes: number;
  readonly outcome: Extract<Outcome, "filtered" | "unsupported" | "failed" | "vanished">;
  readonly error: ErrorRecord | null;
  /** Nobody asked for it: a directory that only leads to a path of a list. False when absent. */
  readonly onTheWay?: boolean;
}

export interface PlanPage {
  /** In byte order of `orderKey`, and greater than everything in earlier pages. */
  readonly entries: readonly Entry[];
  /** In the same order among themselves; within the page's range of keys. */
  readonly problems: readonly Problem[];
  /** After this page. */
  readonly cursor: Cursor;
}

/** Extended attributes by name (bytes as Latin-1), values raw; null for one that is there and could not be read. */
export type ExtendedAttributes = ReadonlyMap<string, Uint8Array | null>;

/** A checksum that the store itself keeps for a whole entry. */
export interface StoreChecksum {
  readonly algorithm: "sha256" | "sha1" | "md5" | "crc32" | "crc32c" | "crc64nvme";
  readonly hex: string;
  /** Null: of the bytes. Else of the checksums of so many parts, in order: their borders must be known to compare it. */
  readonly parts: number | null;
}

/** What an object store keeps with an object beside its bytes: goes to another store as it is. */
export interface ObjectMetadata {
  /** How the bytes are to be served, by the names of HTTP in lower case: `content-type`, `cache-control` … */
  readonly headers: Readonly<Record<string, string>>;
  /** The user's own, without the store's prefix; attributes that are kept there are among them. */
  readonly user: Readonly<Record<string, string>>;
  /** It says no more than the attributes, and what a store says of any object: without it nothing is lost. */
  readonly isPlain: boolean;
  /** The store keeps more than it told, or than can be sent again: that is lost on every target. */
  readonly isPartial: boolean;
}

/** One column of a table, in the words of its engine. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  /** Computed by the server: never sent. */
  readonly isGenerated: boolean;
  /** What follows `add column` where a table gets it later. */
  readonly clause: string;
}

/** What an entry is right now. */
export interface Observed {
  readonly entry: Entry;
  /** Null where the source has no such thing, or nobody could look. */
  readonly xattrs: ExtendedAttributes | null;
  readonly checksum: StoreChecksum | null;
  /** Absent where the source is no object store. */
  readonly metadata?: ObjectMetadata;
  /** Of a table alone. */
  readonly columns?: readonly TableColumn[];
}

/**
 * Bytes of one item at an offset of its entry, or the end of the item: so that one changed file does not shift a packed
 * chunk. Frames of an item come in order of offset (but for pairs), items in order of index, each item ends in exactly
 * one `end`. `bytes` is a view into a buffer that is used again: it is valid until the next frame is pulled, the first
 * of a pair until the next but one. A frame never crosses the border of a block.
 */
export type Frame = BytesFrame | EndFrame;
export interface BytesFrame {
  readonly item: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /**
   * The next frame lies in the same place of the next block, and both blocks are whole: they can be hashed at once. Only
   * where pairs were asked for; false when absent.
   */
  readonly pairsWithNext?: boolean;
}
export interface EndFrame {
  readonly item: number;
  readonly end: ItemEnd;
}
export type ItemEnd =
  /** All bytes were given, and the version was the pinned one from the first to the last of them. */
  | {
      readonly outcome: "read";
      readonly observed: Observed;
      /** Of a table: how many rows were given. */
      readonly rows?: number;
      /** What the read could not keep of what was promised. Absent: nothing. */
      readonly losses?: readonly Loss[];
    }
  /** The version is another one: what was given of this item must not be used. `now` is null when it is gone again. */
  | { readonly outcome: "changed"; readonly error: ErrorRecord; readonly now: Entry | null }
  | { readonly outcome: "vanished" | "failed"; readonly error: ErrorRecord };

/** An item that was not given whole. */
export type BrokenEnd = Exclude<ItemEnd, { readonly outcome: "read" }>;

export interface ReadRequest {
  readonly work: Work;
  /** The first block, counted over all items of the work. Items that end before it get no frames. */
  readonly from: number;
  /** Items to leave out. */
  readonly skip: ReadonlySet<number>;
  /** Frames may come in pairs; a source need not give any. False when absent. */
  readonly paired?: boolean;
  /** Absent: read as fast as it goes. */
  readonly budget?: ReadBudget;
}

/** A read that may begin. It counts as asked for until it is disposed of: once it has come, or has failed. */
export interface Pending extends Disposable {
  /** It has come, and in a time that says how busy the source is. */
  answered(): void;
}

/** What may be read of a source, and when: shared by all who read from it. */
export interface ReadBudget {
  /**
   * Books bytes before they are asked of the source, and waits (where it returns a promise) until they may be. What is
   * asked for and has not come is bounded too: a source that stalls is not asked for a burst that it then gives all at once.
   */
  request(bytes: number, signal: AbortSignal): Pending | Promise<Pending>;
  /**
   * How much should be asked for at a time, so that what is booked does not come in bursts. Changes with the limit.
   * @param leastBytes smaller reads are not worth while, unless the limit is very small
   */
  stepBytes(mostBytes: number, leastBytes?: number): number;
}

/**
 * What a database is beside its rows, as statements of its own engine.
 * - `before` makes types, functions, tables, views
 * - `tables` by path: what is made of a table once its rows are in place (keys, indexes)
 * - `after` closes it: foreign keys, triggers, policies, positions of sequences
 */
export interface Definition {
  readonly engine: "postgres";
  readonly before: string;
  readonly tables: ReadonlyMap<BytePath, string>;
  readonly after: string;
}

/** A column, in the words of its database. */
export interface ComparedColumn {
  readonly name: string;
  /** With its modifiers, and its collation where that is not the type's. */
  readonly type: string;
}

/** A row in the form of text, which is the same on two sides that hold the same. Views: valid until the next row. */
export interface TableRow {
  /** Says which row it is: its key, or all of it where the table has none. */
  readonly identity: Uint8Array;
  readonly bytes: Uint8Array;
  /** By column; null for NULL. */
  values(): ReadonlyMap<string, string | null>;
}

/**
 * One table as of one moment, for as long as it is open. One call at a time, each generator to its end. A range is known
 * on both sides of a comparison by what one of them has cut.
 */
export interface OpenTable extends AsyncDisposable {
  readonly columns: readonly ComparedColumn[];
  /** In this order; null where nothing says which row is which. */
  readonly key: readonly string[] | null;
  /** All rows and columns, those too that the database computes itself. */
  cut(rangeBytes: number): Promise<readonly RowRange[]>;
  /** @returns at the end, how many rows were given. Each chunk is one row where the range is not ordered */
  read(range: RowRange): AsyncGenerator<Uint8Array, number>;
  rows(range: RowRange): AsyncGenerator<TableRow>;
  /** Also of rows that no range holds, since a part of their key is NULL. */
  count(): Promise<number>;
}

/** Where entries come from. Reading is free of side effects; every method may be called again after an abort. */
export interface Source extends AsyncDisposable {
  /** As shown to people; never with credentials. */
  readonly location: string;
  /** False where directories are only prefixes of names: their absence then says nothing. */
  readonly keepsDirectories: boolean;
  /**
   * Lists everything after the cursor, in order. Memory does not grow with the tree (beyond one directory's names).
   * @throws listing_failed when a directory or page cannot be listed: never an empty answer instead
   */
  plan(after: Cursor | null, signal: AbortSignal): AsyncIterable<PlanPage>;
  /** Reads items of a work. Only files have bytes; other kinds get their `end` alone. */
  read(request: ReadRequest, signal: AbortSignal): AsyncIterable<Frame>;
  /** @returns null when the entry is gone. */
  observe(entry: Entry, signal: AbortSignal): Promise<Observed | null>;
  /** Tables: cuts one into ranges of rows, which together are all of it. */
  cut?(entry: Entry, chunkBytes: number, signal: AbortSignal): Promise<readonly SizedRows[]>;
  /** Tables: one of them, to be compared with that of another side. @returns null when it is not there */
  openTable?(entry: Entry, signal: AbortSignal, budget?: ReadBudget): Promise<OpenTable | null>;
  /** A database: all that it is beside its rows, as of the moment at which the entry was planned. */
  definition?(entry: Entry, signal: AbortSignal): Promise<Definition>;
  /**
   * Bytes of each of the parts over which the store's checksum of an entry is made, in order.
   * @returns null where the store does not tell
   */
  partBytes?(entry: Entry, parts: number, signal: AbortSignal): Promise<readonly number[] | null>;
}

/** What can be lost when an entry of a source lands on a target; each a short word for the report. */
export type Loss =
  | "owner"
  | "mode"
  | "mtime"
  | "mtime_precision"
  | "xattrs"
  | "metadata"
  | "hardlink"
  | "directory_attributes"
  | "sparse"
  /** Rows of a database that were read at another moment than the others. */
  | "snapshot";
