import { type BytePath, rootPath } from "../../model/path.ts";
import type { Rows } from "./rows.ts";

/** What is known of some names of a level that stand together. */
export interface Slice {
  /** Null while it is under way, and where the walk has to look by itself. */
  rows: Rows | null;
  isOpen: boolean;
  /** Names that count as held until the walk is here. */
  held: number;
}

/** Keys as a listing thread gives them, with a NUL between them. */
export interface JoinedKeys {
  readonly text: string;
  readonly count: number;
}

/** A directory on the walk's stack, or one that it has yet to reach. */
export class Level {
  readonly path: BytePath;
  readonly count: number;
  next = 0;
  /** Device and inode: known only where links are followed, to see loops. */
  id: string | null = null;
  /** Where its slices begin: at the names that were still to come when there were threads to look at them. */
  sliced = 0;
  /** By their place in the order, each of `sliceNames` names. */
  readonly slices: (Slice | undefined)[] = [];
  /** Rows of a slice before that of its first name. */
  rowsBefore: 0 | 1 = 0;
  /** The directory itself, as a thread saw it. */
  own: Rows | null = null;
  /** Taken apart where the walk gets here: strings that wait for that outlive V8's nursery, and are costly garbage. */
  readonly #joined: string;
  #names: readonly string[] | null;
  readonly #prefix: string;

  /** @param names  of this directory, or whole keys. Sorted; directories end in a slash */
  constructor(path: BytePath, names: readonly string[] | JoinedKeys) {
    const isJoined = "text" in names;
    this.path = path;
    this.count = isJoined ? names.count : names.length;
    this.#joined = isJoined ? names.text : "";
    this.#names = isJoined ? null : names;
    this.#prefix = isJoined || path === rootPath ? "" : `${path}/`;
  }

  get mayHaveDirectories(): boolean {
    return this.#names !== null || this.#joined.includes("/\0") || this.#joined.endsWith("/");
  }

  keyAt(index: number): BytePath {
    this.#names ??= this.#joined.split("\0");
    return (this.#prefix + (this.#names[index] ?? "")) as BytePath;
  }

  /** Nothing of it is asked any more. */
  release(): void {
    this.own?.release();
    for (const slice of this.slices) slice?.rows?.release();
    this.own = null;
    this.slices.length = 0;
  }
}
