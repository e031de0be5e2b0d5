import type { BigIntStats } from "node:fs";
import type { BytePath } from "../../model/path.ts";

/**
 * Which name of a hard-linked file came first in the listing. Holds files with several names only, and each of them
 * only until all its names were seen.
 */
export class HardLinks {
  readonly #first = new Map<string, { readonly path: BytePath; left: bigint }>();
  #earlier: (() => void) | null;

  /**
   * @param earlier lists the names before the cursor at which a listing was taken up again; run once, and only when a
   * file with several names turns up, since the first of them may lie before the cursor
   */
  constructor(earlier: (() => void) | null) {
    this.#earlier = earlier;
  }

  /** @returns null when this is the first name */
  firstName(stat: BigIntStats, path: BytePath): BytePath | null {
    const list = this.#earlier;
    this.#earlier = null;
    list?.();
    const id = `${stat.dev}:${stat.ino}`;
    const known = this.#first.get(id);
    if (known === undefined) {
      this.#first.set(id, { path, left: stat.nlink - 1n });
      return null;
    }
    known.left -= 1n;
    if (known.left <= 0n) this.#first.delete(id);
    return known.path;
  }
}
