import type { BytePath } from "./path.ts";

/**
 * What a source lists. Devices, sockets and pipes are never entries: a source lists them as problems. A `table` is rows of
 * a database: its size is nominal, the room that it takes there.
 */
export const entryKinds = ["file", "directory", "symlink", "hardlink", "table"] as const;
export type EntryKind = (typeof entryKinds)[number];

/** It has content, which is moved and proven; the others are what their name and attributes say. */
export function hasContent(kind: EntryKind): boolean {
  return kind === "file" || kind === "table";
}

/** What the source said that an entry is when it was planned. Every later read checks it. */
export type Version = StatVersion | ObjectVersion;

export interface StatVersion {
  readonly kind: "stat";
  readonly inode: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export interface ObjectVersion {
  readonly kind: "object";
  /** As the store gives it, without the quotes. */
  readonly etag: string;
  /** Null where the bucket keeps no versions. */
  readonly versionId: string | null;
  readonly modifiedMs: number;
}

/** POSIX attributes. A source that has none (an object without our metadata) gives null in their place. */
export interface Attributes {
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
}

export interface Entry {
  readonly path: BytePath;
  readonly kind: EntryKind;
  /** 0 for what has no content. A hard link is listed with its file's size, and planned with 0 where it stays a link. */
  readonly sizeBytes: number;
  readonly version: Version;
  readonly attributes: Attributes | null;
  /** A symlink's text, or the path of the first name of a hard-linked file; else null. */
  readonly link: BytePath | null;
  /** The file takes less room than its size: holes are kept as holes. */
  readonly sparse: boolean;
}

/**
 * Where an entry ends. Each listed entry ends in exactly one of these; the last three belong to `godwit check` alone.
 * The order is stored: append only.
 */
export const outcomes = [
  "verified",
  "identical",
  "unchanged",
  "filtered",
  "unsupported",
  "changed",
  "vanished",
  "failed",
  "missing",
  "extra",
  "different",
] as const;
export type Outcome = (typeof outcomes)[number];

/** What the proof of an entry's source bytes rests on. The order is stored: append only. */
export const evidences = ["none", "one_read", "second_read", "store_checksum", "manifest", "size_and_mtime"] as const;
export type Evidence = (typeof evidences)[number];

/** Of a chunk: one word for all of its items, or, where they differ, one for each. */
export type ChunkEvidence = Evidence | readonly Evidence[];

/** From the weakest to the strongest: what may stand for things that differ. */
const strength: readonly Evidence[] = [
  "none",
  "size_and_mtime",
  "one_read",
  "second_read",
  "store_checksum",
  "manifest",
];

export function weakerEvidence(a: Evidence, b: Evidence): Evidence {
  return strength.indexOf(b) < strength.indexOf(a) ? b : a;
}

/** Where the bytes of a read-back came from: the medium itself, the page cache, or a store's own answer. */
export type ReadFrom = "medium" | "cache" | "store";

/** Outcomes that let a job end `complete`. */
export function isProven(outcome: Outcome): boolean {
  return outcome === "verified" || outcome === "identical" || outcome === "unchanged" || outcome === "filtered";
}

export function sameVersion(a: Version, b: Version): boolean {
  if (a.kind === "stat") {
    return b.kind === "stat" && a.inode === b.inode && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
  }
  return b.kind === "object" && a.etag === b.etag && (a.versionId ?? null) === (b.versionId ?? null);
}

export function sameAttributes(a: Attributes, b: Attributes | null): boolean {
  return b !== null && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeNs === b.mtimeNs;
}

/** A stable text of a version: part of staging names, Merkle leaves and the report. */
export function versionText(version: Version): string {
  if (version.kind === "stat") return `stat:${version.inode}:${version.mtimeNs}:${version.ctimeNs}`;
  return `object:${version.etag}:${version.versionId ?? ""}`;
}

/** The time by which `--compare mtime` judges: the kept modification time, else the store's. */
export function modifiedNs(entry: Entry): bigint {
  if (entry.attributes !== null) return entry.attributes.mtimeNs;
  return entry.version.kind === "stat" ? entry.version.mtimeNs : BigInt(entry.version.modifiedMs) * 1_000_000n;
}

/** The unit in which a time was kept, by its trailing zeros. */
function coarse(time: bigint): bigint {
  if (time % 1_000_000_000n === 0n) return 1_000_000_000n;
  return time % 1_000_000n === 0n ? 1_000_000n : 1n;
}

/** Stores keep times in steps of their own: a source's nanoseconds are the same when the coarser side agrees. */
export function sameTime(a: Entry, b: Entry): boolean {
  const ours = modifiedNs(a);
  const theirs = modifiedNs(b);
  if (ours === theirs) return true;
  const step = coarse(ours) > coarse(theirs) ? coarse(ours) : coarse(theirs);
  return step > 1n && ours / step === theirs / step;
}

/** The extended attributes that hold POSIX ACLs: they say who may do what, as the mode does. */
export function isAccessList(name: string): boolean {
  return name.startsWith("system.posix_acl_");
}
