import { fchmodSync, fchownSync, futimesSync, lchownSync, lutimesSync } from "node:fs";
import { type Attributes, type Entry, modifiedNs } from "../../model/entry.ts";
import type { ExtendedAttributes, Loss, ObjectMetadata } from "../../ports/source.ts";
import { systemCode } from "./errors.ts";
import { native } from "./native.ts";
import type { FsPath } from "./root.ts";
import { writeXattrs } from "./xattrs.ts";

export const ownUid = process.geteuid?.() ?? -1;
const ownGid = process.getegid?.() ?? -1;
const umask = process.umask();

/** The owner must be able to read back what is staged; `publish` takes the bit away again where the source has it not. */
export const ownerRead = 0o400;

/** Errors with which a file system says that it has no such attribute, or that we may not set it. */
const refusing = new Set(["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSYS"]);

function attempt(losses: Loss[], loss: Loss, set: () => void): void {
  try {
    set();
  } catch (error) {
    if (!refusing.has(systemCode(error) ?? "")) throw error;
    losses.push(loss);
  }
}

export interface Wanted {
  readonly entry: Entry;
  readonly xattrs: ExtendedAttributes | null;
  /** Of a store: nothing of it is kept beyond the attributes. */
  readonly metadata?: ObjectMetadata | undefined;
  /** Bits that are added to the mode while the file is staged. */
  readonly extraMode: number;
}

/** True where only root could give the entry its owner. */
export function losesOwner(attributes: Attributes): boolean {
  return ownUid !== 0 && attributes.uid !== ownUid;
}

/** Owner, mode, extended attributes, and the time last, on an open file or directory. Returns what could not be set. */
export function setAttributes(fd: number, wanted: Wanted): readonly Loss[] {
  const losses: Loss[] = [];
  const { attributes, kind } = wanted.entry;
  if (attributes === null) {
    if (kind === "file") fchmodSync(fd, 0o666 & ~umask);
  } else {
    setOwner(fd, attributes, losses);
    // After the owner: a change of owner takes setuid and setgid away.
    attempt(losses, "mode", () => fchmodSync(fd, attributes.mode | wanted.extraMode));
  }
  if (wanted.xattrs !== null && !writeXattrs(fd, wanted.xattrs)) losses.push("xattrs");
  if (wanted.metadata?.isPlain === false) losses.push("metadata");
  // A directory without attributes of its own has no time either: a bucket's prefixes.
  if (attributes !== null || kind === "file") setTime(fd, modifiedNs(wanted.entry), losses);
  return losses;
}

function setOwner(fd: number, { uid, gid }: Attributes, losses: Loss[]): void {
  if (ownUid === 0) {
    attempt(losses, "owner", () => fchownSync(fd, uid, gid));
  } else if (uid !== ownUid) {
    losses.push("owner");
  } else if (gid !== ownGid) {
    attempt(losses, "owner", () => fchownSync(fd, uid, gid));
  }
}

/** The time alone. What cannot be set is told when all attributes are. */
export function setModified(fd: number, entry: Entry): void {
  setTime(fd, modifiedNs(entry), []);
}

function setTime(fd: number, mtimeNs: bigint, losses: Loss[]): void {
  if (native !== null && native.setMtime(fd, mtimeNs)) return;
  const seconds = Number(mtimeNs) / 1e9;
  attempt(losses, "mtime", () => futimesSync(fd, seconds, seconds));
  if (!losses.includes("mtime") && mtimeNs % 1_000_000_000n !== 0n) losses.push("mtime_precision");
}

/** A symlink has an owner and a time, and no mode of its own. */
export function setLinkAttributes(path: FsPath, { attributes }: Entry): readonly Loss[] {
  if (attributes === null) return [];
  const losses: Loss[] = [];
  if (ownUid === 0) attempt(losses, "owner", () => lchownSync(path, attributes.uid, attributes.gid));
  else if (losesOwner(attributes)) losses.push("owner");
  if (native !== null && native.setLinkMtime(path, attributes.mtimeNs)) return losses;
  const seconds = Number(attributes.mtimeNs) / 1e9;
  attempt(losses, "mtime", () => lutimesSync(path, seconds, seconds));
  if (!losses.includes("mtime") && attributes.mtimeNs % 1_000_000_000n !== 0n) losses.push("mtime_precision");
  return losses;
}
