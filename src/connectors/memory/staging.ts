import { type Attributes, type Entry, modifiedNs, versionText } from "../../model/entry.ts";
import { type BytePath, isContained, parentPath } from "../../model/path.ts";
import type { ExtendedAttributes } from "../../ports/source.ts";
import { conflict, escape, stagingGone } from "./errors.ts";
import type { MemoryNode, MemoryPlace } from "./place.ts";

export function stagingKey(jobId: string, entry: Entry): BytePath {
  return `${jobId}\0${entry.path}\0${versionText(entry.version)}` as BytePath;
}

/** What tells the file of a block from another one that took its name. */
export type Tags = readonly (string | null)[];

export function tagOf(node: MemoryNode): string {
  return `${node.inode}`;
}

export function isTagged(node: MemoryNode, tags: Tags): boolean {
  return tags.every((tag) => tag === null || tag === tagOf(node));
}

/** The word by which a head and its ranges know what is staged: its tag, then its key. */
export function stagingWord(key: BytePath, node: MemoryNode): string {
  return `${tagOf(node)}\0${key}`;
}

export function tagsOfStaging(word: string | null): Tags {
  return [word?.slice(0, word.indexOf("\0")) ?? null];
}

export function stage(place: MemoryPlace, key: BytePath, kind: MemoryNode["kind"]): MemoryNode {
  const node = place.make(kind, { mode: 0o600 });
  place.staged.set(key, { node, stagedAtMs: Number(place.nowNs() / 1_000_000n), unsynced: [] });
  return node;
}

/** @throws target_escape, target_conflict when what leads to the path is no directory */
export function checkWay(place: MemoryPlace, path: BytePath): void {
  if (!isContained(path)) throw escape(path);
  for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
    const kind = place.nodes.get(parent)?.kind;
    if (kind === "symlink") throw escape(parent);
    if (kind !== undefined && kind !== "directory") throw conflict(parent);
  }
}

export function dress(node: MemoryNode, entry: Entry, xattrs: ExtendedAttributes | null): void {
  const usual: Attributes = { mode: 0o644, uid: 0, gid: 0, mtimeNs: modifiedNs(entry) };
  node.attributes = entry.attributes ?? usual;
  node.xattrs = xattrs;
}

/**
 * Puts what is staged of an entry under its name; leaves alone what stands there in this version already.
 * @param tags of the file that was written: another one of its name was begun anew by a stale worker
 * @throws upload_vanished, target_escape, target_conflict
 */
export function show(place: MemoryPlace, key: BytePath, entry: Entry, tags: Tags = []): void {
  const staged = place.staged.get(key);
  if (staged === undefined || !isTagged(staged.node, tags)) {
    if (!isShown(place, entry, tags)) throw stagingGone(entry.path);
    return;
  }
  give(place, entry, staged.node);
  place.staged.delete(key);
}

/** @throws target_escape, target_conflict */
export function give(place: MemoryPlace, { path }: Entry, node: MemoryNode): void {
  checkWay(place, path);
  if (place.nodes.get(path)?.kind === "directory") throw conflict(path);
  place.set(path, node);
}

/** Whether what stands under the name is this version of the entry, by kind, time and size. */
export function isShown(place: MemoryPlace, entry: Entry, tags: Tags = []): boolean {
  const there = place.nodes.get(entry.path);
  if (there === undefined || !isTagged(there, tags)) return false;
  if (entry.kind === "hardlink") return entry.link !== null && place.nodes.get(entry.link) === there;
  if (entry.kind === "file") return isVersionOf(there, entry);
  return there.kind === entry.kind && there.attributes.mtimeNs === modifiedNs(entry);
}

/** Whether this is the file of that size and time. */
export function isVersionOf(node: MemoryNode, wanted: Entry): boolean {
  if (node.kind !== "file" || node.bytes.length !== wanted.sizeBytes) return false;
  return node.attributes.mtimeNs === modifiedNs(wanted);
}
