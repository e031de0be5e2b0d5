import type { BytePath } from "../../model/path.ts";
import type { Rows } from "./rows.ts";

/** What is known of some names of a level that stand together. */
export interface Slice {
  /** Null while it is under way, and where the walk has to look by itself. */
  rows: Rows | null;
  isOpen: boolean;
  /** Names that count as held until the walk is here. */
  held: number;
}

/** A directory on the walk's stack, or one that it has yet to reach. */
export class Level {
  readonly path: BytePath;
  /** Sorted; directories end in a slash. */
  readonly names: readonly string[];
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
  readonly #prefix: string;

  /** @param prefix  what comes before each name: nothing where the names are whole keys */
  constructor(path: BytePath, names: readonly string[], prefix: string) {
    this.path = path;
    this.names = names;
    this.#prefix = prefix;
  }

  keyAt(index: number): BytePath {
    return (this.#prefix + (this.names[index] ?? "")) as BytePath;
  }

  /** Nothing of it is asked any more. */
  release(): void {
    this.own?.release();
    for (const slice of this.slices) slice?.rows?.release();
    this.own = null;
    this.slices.length = 0;
  }
}
