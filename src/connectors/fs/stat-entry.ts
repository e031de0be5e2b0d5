import type { Entry, EntryKind } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";

/** What entries are made of: a `BigIntStats`, or a row of what a listing thread has looked at. */
export interface FileStat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: number | bigint;
  readonly nlink: number | bigint;
  readonly uid: number | bigint;
  readonly gid: number | bigint;
  readonly size: number | bigint;
  readonly blocks: number | bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export type StatKind = "file" | "directory" | "symlink" | "other";

const formatMask = 0o170000;

export function kindOf(stat: FileStat): StatKind {
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

export function entryOf(path: BytePath, stat: FileStat, kind: EntryKind, link: BytePath | null): Entry {
  const isFile = kind === "file" || kind === "hardlink";
  const sizeBytes = isFile ? Number(stat.size) : 0;
  const { mtimeNs } = stat;
  return {
    path,
    kind,
    sizeBytes,
    version: { kind: "stat", inode: stat.ino, mtimeNs, ctimeNs: stat.ctimeNs },
    attributes: { mode: Number(stat.mode) & 0o7777, uid: Number(stat.uid), gid: Number(stat.gid), mtimeNs },
    link,
    // `blocks` counts 512 bytes each, on every system.
    sparse: isFile && Number(stat.blocks) * 512 < sizeBytes,
  };
}

/** Same version and same size as pinned. */
export function isPinned(entry: Entry, stat: FileStat): boolean {
  const { version } = entry;
  if (version.kind !== "stat") return false;
  if (version.inode !== stat.ino || version.mtimeNs !== stat.mtimeNs || version.ctimeNs !== stat.ctimeNs) return false;
  return entry.kind !== "file" || entry.sizeBytes === Number(stat.size);
}
