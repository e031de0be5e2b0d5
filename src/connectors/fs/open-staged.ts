import { type BigIntStats, closeSync, constants, fchmodSync, fstatSync, openSync } from "node:fs";
import { systemCode } from "./errors.ts";
import type { FsPath } from "./root.ts";

const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
const ownerWrite = 0o200;

/**
 * Opens a partial file that is there already, to write to it. One of a read-only file has its final mode from its end
 * on, and so has a copy of a published one: a plain user may not open it then, who is its owner. It gets the owner's
 * write bit until it ends again.
 * @param check throws when this is another file than the expected one: its mode stays
 */
export function openStaged(path: FsPath, check: (stat: BigIntStats) => void): number {
  try {
    return openSync(path, O_RDWR | O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) !== "EACCES" || !letOwnerWrite(path, check)) throw error;
    return openSync(path, O_RDWR | O_NOFOLLOW);
  }
}

/** @returns false where the mode is not ours to set, or would be that of another name too */
function letOwnerWrite(path: FsPath, check: (stat: BigIntStats) => void): boolean {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile() || stat.uid !== BigInt(process.geteuid?.() ?? -1) || stat.nlink !== 1n) return false;
    check(stat);
    fchmodSync(fd, (Number(stat.mode) & 0o7777) | ownerWrite);
    return true;
  } finally {
    closeSync(fd);
  }
}
