import type { ErrorRecord } from "../base/errors.ts";
import { type BytePath, displayPath, orderKey } from "../model/path.ts";

/**
 * A bucket can hold `a` beside `a/b`; a file system cannot. Keys come in byte order, so that every key between the two
 * begins with the first: remembering the names that the present key begins with is enough.
 */
export class NameConflicts {
  readonly #open: BytePath[] = [];

  /** @returns why this entry cannot stand beside an earlier one */
  check(path: BytePath, isDirectory: boolean): ErrorRecord | null {
    const key = orderKey(path, isDirectory);
    while (this.#open.length > 0 && !key.startsWith(this.#open.at(-1) as string)) this.#open.pop();
    const file = this.#open.findLast((earlier) => key.startsWith(`${earlier}/`));
    // A directory is what the keys below it need, not what they clash with.
    if (!isDirectory) this.#open.push(path);
    if (file === undefined) return null;
    return {
      code: "target_conflict",
      disposition: "rejected",
      what: `${displayPath(path)} needs a directory where the source also has the object ${displayPath(file)}`,
      hint: "A file system cannot hold both. Copy one of them to another target.",
    };
  }
}
