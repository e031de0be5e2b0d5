/**
 * The listing of a tree: depth-first, in byte order of `orderKey`, one directory's names in memory at a time (and those
 * of its parents). It continues after any cursor without listing again what lies before it.
 */
import { opendirSync, statSync } from "node:fs";
import { GodwitError } from "../../base/errors.ts";
import { type BytePath, joinPath, orderKey, rootPath } from "../../model/path.ts";
import type { Cursor } from "../../ports/source.ts";
import { isMissing, listingError, systemCode } from "./errors.ts";
import type { Listed, Lister } from "./lister.ts";
import { isStagingName } from "./staging.ts";

interface Level {
  readonly path: BytePath;
  /** Sorted; directories end in a slash. */
  readonly names: readonly string[];
  next: number;
  /** Device and inode: known only where links are followed, to see loops. */
  readonly id: string | null;
}

export function* walk(lister: Lister, after: Cursor | null): Generator<Listed> {
  const stack: Level[] = [];
  const root = lister.look(rootPath, true);
  if ("problem" in root) throw rootGone(lister);
  stack.push({ path: rootPath, names: namesOf(lister, rootPath), next: 0, id: root.id });
  if (after === null) yield root;
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const name = level.names[level.next];
    level.next += 1;
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const isDirectory = name.endsWith("/");
    const path = joinPath(level.path, isDirectory ? name.slice(0, -1) : name);
    const key = orderKey(path, isDirectory);
    const isPast = after !== null && key <= after;
    if (isPast && !(isDirectory && after.startsWith(key))) continue;
    const listed = isDirectory ? enter(lister, path, stack) : lister.look(path, false);
    // A directory before the cursor was given before: only what is in it is missing.
    if (!isPast) yield listed;
  }
}

function rootGone(lister: Lister): GodwitError {
  const hint = "It was there when the job began: mount it again, then run the same command again.";
  return new GodwitError("listing_failed", { disposition: "fatal", what: `${lister.root.location} is gone`, hint });
}

/** Lists a directory before it is given, so that one which went away in between is one problem and no entry. */
function enter(lister: Lister, path: BytePath, stack: Level[]): Listed {
  const listed = lister.look(path, true);
  if (!("entry" in listed)) return listed;
  if (listed.id !== null && stack.some((level) => level.id === listed.id)) return lister.loop(path);
  try {
    stack.push({ path, names: namesOf(lister, path), next: 0, id: listed.id });
  } catch (error) {
    if (isMissing(error)) return lister.gone(path, true);
    throw listingError(error, path);
  }
  return listed;
}

function namesOf(lister: Lister, path: BytePath): readonly string[] {
  const at = lister.root.at(path);
  const names: string[] = [];
  const directory = opendirSync(at, { encoding: "latin1", bufferSize: 2048 });
  try {
    for (let child = directory.readSync(); child !== null; child = directory.readSync()) {
      const { name } = child;
      if (isStagingName(name)) continue;
      const isDirectory =
        child.isDirectory() || (lister.follows && child.isSymbolicLink() && leadsToDirectory(lister, path, name));
      names.push(isDirectory ? `${name}/` : name);
    }
  } finally {
    directory.closeSync();
  }
  return names.toSorted();
}

function leadsToDirectory(lister: Lister, path: BytePath, name: string): boolean {
  try {
    return statSync(lister.root.at(joinPath(path, name))).isDirectory();
  } catch (error) {
    // A link to nowhere, or to itself: what is wrong with it is said when it is looked at.
    if (systemCode(error) === null) throw error;
    return false;
  }
}
