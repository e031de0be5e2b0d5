import type { BigIntStats } from "node:fs";
import type { Attributes, Entry, EntryKind, StatVersion } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";

export type StatKind = "file" | "directory" | "symlink" | "other";

const formatMask = 0o170000;

export function kindOf(stat: BigIntStats): StatKind {
  switch (Number(stat.mode) & formatMask) {
    case 0o100000:
      return "file";
    case 0o040000:
      return "directory";
    case 0o120000:
      return "symlink";
    default:
      return "other";
  }
}

function versionOf(stat: BigIntStats): StatVersion {
  return { kind: "stat", inode: stat.ino, mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs };
}

function attributesOf(stat: BigIntStats): Attributes {
  return { mode: Number(stat.mode) & 0o7777, uid: Number(stat.uid), gid: Number(stat.gid), mtimeNs: stat.mtimeNs };
}

export function entryOf(path: BytePath, stat: BigIntStats, kind: EntryKind, link: BytePath | null): Entry {
  const isFile = kind === "file" || kind === "hardlink";
  return {
    path,
    kind,
    sizeBytes: isFile ? Number(stat.size) : 0,
    version: versionOf(stat),
    attributes: attributesOf(stat),
    link,
    // `blocks` counts 512 bytes each, on every system.
    sparse: isFile && stat.blocks * 512n < stat.size,
  };
}

/** Same version and same size as pinned. */
export function isPinned(entry: Entry, stat: BigIntStats): boolean {
  const { version } = entry;
  if (version.kind !== "stat") return false;
  if (version.inode !== stat.ino || version.mtimeNs !== stat.mtimeNs || version.ctimeNs !== stat.ctimeNs) return false;
  return entry.kind !== "file" || entry.sizeBytes === Number(stat.size);
}
