import type { BytePath } from "../../model/path.ts";
import type { FileStat } from "./stat-entry.ts";

/**
 * Which name of a hard-linked file came first in the listing. Holds files with several names only, and each of them
 * only until all its names were seen.
 */
export class HardLinks {
  readonly #first = new Map<string, { readonly path: BytePath; left: number }>();
  #earlier: (() => void) | null;

  /**
   * @param earlier lists the names before the cursor at which a listing was taken up again; run once, and only when a
   * file with several names turns up, since the first of them may lie before the cursor
   */
  constructor(earlier: (() => void) | null) {
    this.#earlier = earlier;
  }

  /** @returns null when this is the first name */
  firstName(stat: FileStat, path: BytePath): BytePath | null {
    const list = this.#earlier;
    this.#earlier = null;
    list?.();
    const id = `${stat.dev}:${stat.ino}`;
    const known = this.#first.get(id);
    if (known === undefined) {
      this.#first.set(id, { path: ownCopy(path), left: Number(stat.nlink) - 1 });
      return null;
    }
    known.left -= 1;
    if (known.left <= 0) this.#first.delete(id);
    return known.path;
  }
}

/** Of a path that was cut out of a directory's names: kept for long, it would keep all of them. */
function ownCopy(path: BytePath): BytePath {
  return Buffer.from(path, "latin1").toString("latin1") as BytePath;
}
