import { type BigIntStats, lstatSync, statfsSync } from "node:fs";
import { type BytePath, parentPath } from "../../model/path.ts";
import type { Root } from "./root.ts";

/**
 * File systems whose drivers may make up inode numbers, another one each time they meet a file: FUSE, and SMB under its
 * two names. Numbers of <linux/magic.h>.
 */
const inventing = new Set([0x65735546, 0xff534d42, 0xfe534d42]);

/**
 * Where the kernel gives no times of birth, the C library of Node puts the change time in their place, which moves. No
 * file of /proc has a time of birth: what it shows there is such a stand-in.
 */
const knowsBirth = lstatSync("/proc/self", { bigint: true, throwIfNoEntry: false })?.birthtimeNs === 0n;

/**
 * Tells a file from another one that took its name. An inode number alone is given again as soon as its file is gone;
 * the number of the device would change when the machine starts again.
 */
export class Identities {
  readonly #root: Root;
  readonly #inventing = new Map<bigint, boolean>();

  constructor(root: Root) {
    this.#root = root;
  }

  /** @returns null where nothing tells: no identity is asked for then */
  of(stat: BigIntStats, path: BytePath): string | null {
    let invents = this.#inventing.get(stat.dev);
    if (invents === undefined) {
      invents = inventing.has(statfsSync(this.#root.at(parentPath(path))).type);
      this.#inventing.set(stat.dev, invents);
    }
    if (invents) return null;
    return knowsBirth ? `${stat.ino.toString(36)}.${stat.birthtimeNs.toString(36)}` : stat.ino.toString(36);
  }

  /** Whether this is the one file of which all of these were recorded. */
  isRecorded(stat: BigIntStats, path: BytePath, recorded: readonly (string | null)[]): boolean {
    if (recorded.every((identity) => identity === null)) return true;
    const found = this.of(stat, path);
    return recorded.every((identity) => identity === null || found === null || identity === found);
  }
}
