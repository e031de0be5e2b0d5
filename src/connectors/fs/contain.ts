import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { type BytePath, parentPath, rootPath } from "../../model/path.ts";
import { assertContained, type Root } from "./root.ts";
import { conflict, escape, systemCode } from "./errors.ts";

/** Directories that `seal` will give their own mode stay private until then. */
const privateMode = 0o700;

/**
 * Keeps every write inside the target: a directory on the way to an entry must be a real directory, never a symlink.
 * Each directory is looked at once per task (`forget` starts anew), and made where it is missing.
 */
export class Containment {
  readonly #root: Root;
  readonly #known = new Set<BytePath>([rootPath]);
  #last: BytePath = rootPath;
  /** Directories whose names have changed since the last fsync. */
  readonly dirty = new Set<BytePath>();

  readonly #mode: number;

  /** @param mode of directories that have to be made: private while their own mode is still to come */
  constructor(root: Root, mode: number = privateMode) {
    this.#root = root;
    this.#mode = mode;
  }

  forget(): void {
    this.#known.clear();
    this.#known.add(rootPath);
    this.#last = rootPath;
  }

  /**
   * Makes sure that the directory of an entry is there, and returns it.
   * @throws target_escape, target_conflict
   */
  makeParent(path: BytePath): BytePath {
    assertContained(path);
    const parent = parentPath(path);
    if (parent === this.#last) return parent;
    this.makeDirectory(parent);
    this.#last = parent;
    return parent;
  }

  /** @returns false when the directory of the entry is not there */
  hasParent(path: BytePath): boolean {
    assertContained(path);
    return this.#look(parentPath(path), false);
  }

  makeDirectory(path: BytePath): void {
    this.#look(path, true);
  }

  #look(path: BytePath, make: boolean): boolean {
    if (this.#known.has(path)) return true;
    const parent = parentPath(path);
    if (!this.#look(parent, make)) return false;
    const at = this.#root.at(path);
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat === undefined) {
      if (!make) return false;
      try {
        mkdirSync(at, { mode: this.#mode });
      } catch (error) {
        // Another lane has made it: looked at again, since it may be anything.
        if (systemCode(error) !== "EEXIST") throw error;
        return this.#look(path, make);
      }
      this.dirty.add(parent);
      this.dirty.add(path);
    } else if (stat.isSymbolicLink()) {
      throw escape(path, "is a symlink on the target, where a directory belongs");
    } else if (!stat.isDirectory()) {
      throw conflict(path);
    } else if (
      make &&
      this.#mode === privateMode &&
      (stat.mode & privateMode) !== privateMode &&
      stat.uid === process.geteuid?.()
    ) {
      // A read-only directory from an earlier pass: opened for its owner until it gets its mode back at the end.
      chmodSync(at, (stat.mode & 0o7777) | privateMode);
    }
    this.#known.add(path);
    return true;
  }
}
