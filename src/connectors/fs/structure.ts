/** Directories, symlinks and hard links: staged like files where a name can be staged. */
import {
  type BigIntStats,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { GodwitError } from "../../base/errors.ts";
import { type Entry, modifiedNs, sameTime } from "../../model/entry.ts";
import { type BytePath, displayPath, pathToBytes } from "../../model/path.ts";
import type { Loss, Observed } from "../../ports/source.ts";
import { setLinkAttributes } from "./attributes.ts";
import type { Containment } from "./contain.ts";
import { isMissing, systemCode } from "./errors.ts";
import { assertContained, type Root } from "./root.ts";
import { stagingPath } from "./staging.ts";
import { entryOf, kindOf } from "./stat-entry.ts";
import { writeXattrs } from "./xattrs.ts";

export interface Structure {
  readonly root: Root;
  readonly containment: Containment;
  readonly jobId: string;
}

export function makeDirectory({ root, containment }: Structure, entry: Entry, observed: Observed): readonly Loss[] {
  if (entry.path !== "") assertContained(entry.path);
  containment.makeDirectory(entry.path);
  const losses: Loss[] = observed.metadata?.isPlain === false ? ["metadata"] : [];
  if (observed.xattrs === null) return losses;
  const fd = openSync(root.at(entry.path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return writeXattrs(fd, observed.xattrs) ? losses : [...losses, "xattrs"];
  } finally {
    closeSync(fd);
  }
}

export function makeSymlink({ root, containment, jobId }: Structure, entry: Entry): readonly Loss[] {
  containment.dirty.add(containment.makeParent(entry.path));
  const staging = root.at(stagingPath(jobId, entry));
  const text = entry.link ?? ("" as BytePath);
  try {
    symlinkSync(pathToBytes(text), staging);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    if (readlinkSync(staging, { encoding: "latin1" }) !== text) {
      unlinkSync(staging);
      symlinkSync(pathToBytes(text), staging);
    }
  }
  return setLinkAttributes(staging, entry);
}

/**
 * The first name has its place by now: links are made after all files, also after those that failed. What stands there
 * then may be older: it is judged by what the source's file is, so that no link leads to other bytes than those.
 * @throws target_missing when the file under the first name is not there, or is another version
 */
export function makeHardLink({ root, containment, jobId }: Structure, entry: Entry, observed: Observed): void {
  const first = entry.link ?? ("" as BytePath);
  assertContained(first);
  containment.dirty.add(containment.makeParent(entry.path));
  const staging = root.at(stagingPath(jobId, entry));
  if (!containment.hasParent(first)) throw firstNameMissing(entry);
  try {
    unlinkSync(staging);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    linkSync(root.at(first), staging);
  } catch (error) {
    const code = systemCode(error);
    if (isMissing(error)) throw firstNameMissing(entry);
    if (code === "EXDEV" || code === "EMLINK" || code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS") {
      throw new GodwitError("kind_unsupported", {
        disposition: "rejected",
        what: `${displayPath(entry.path)} cannot be a hard link to ${displayPath(first)} on the target (${code})`,
        hint: "Both names must lie on one file system that has hard links.",
        cause: error,
      });
    }
    throw error;
  }
  // Of the link, not of the first name: that one may lead to another file by now.
  const stat = lstatSync(staging, { bigint: true });
  if (isVersionOf(observed.entry, stat)) return;
  unlinkSync(staging);
  throw firstNameOld(entry);
}

/** Whether this is the file of that size and time. Without koffi times are exact to a microsecond only. */
function isVersionOf(wanted: Entry, stat: BigIntStats): boolean {
  if (kindOf(stat) !== "file" || Number(stat.size) !== wanted.sizeBytes) return false;
  const apart = stat.mtimeNs - modifiedNs(wanted);
  return (apart > -1_000n && apart < 1_000n) || sameTime(wanted, entryOf(wanted.path, stat, "file", null));
}

/** True when both names lead to one file. */
export function isSameFile(root: Root, path: BytePath, first: BytePath): boolean {
  const a = lstatSync(root.at(path), { bigint: true, throwIfNoEntry: false });
  const b = lstatSync(root.at(first), { bigint: true, throwIfNoEntry: false });
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

function firstNameOld(entry: Entry): GodwitError {
  return new GodwitError("target_missing", {
    disposition: "rejected",
    what: `${displayPath(entry.path)}: its other name ${displayPath(entry.link ?? entry.path)} is another version on the target, by size and time`,
    hint: "The file under its first name did not arrive, or changed since: see what the report says of it, then run again.",
  });
}

function firstNameMissing(entry: Entry): GodwitError {
  return new GodwitError("target_missing", {
    disposition: "rejected",
    what: `${displayPath(entry.path)}: its other name ${displayPath(entry.link ?? entry.path)} is not on the target`,
    hint: "The file under its first name did not arrive: see what the report says of it.",
  });
}
