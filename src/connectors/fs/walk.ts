/**
 * The listing of a tree: depth-first, in byte order of `orderKey`, one directory's names in memory at a time (and those
 * of its parents). It continues after any cursor without listing again what lies before it. What threads
 * have listed ahead is taken from them; whatever they did not see plainly is looked at here.
 */
import { GodwitError } from "../../base/errors.ts";
import { type BytePath, rootPath } from "../../model/path.ts";
import type { Cursor } from "../../ports/source.ts";
import { isMissing, listingError } from "./errors.ts";
import { Level } from "./level.ts";
import type { Listed, Lister } from "./lister.ts";
import type { LookAhead } from "./look-ahead.ts";
import { namesOf } from "./names.ts";
import { kindOf } from "./stat-entry.ts";

/** Null: nothing can be given before the look-ahead is answered. */
export function* walk(lister: Lister, after: Cursor | null, ahead: LookAhead | null = null): Generator<Listed | null> {
  const stack: Level[] = [];
  const root = lister.look(rootPath, true);
  if ("problem" in root) throw rootGone(lister);
  stack.push(listHere(lister, rootPath, root.id));
  if (after === null) yield root;
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    if (level.next >= level.count) {
      stack.pop()?.release();
      continue;
    }
    if (ahead?.isDue === true) ahead.start(stack);
    const key = level.keyAt(level.next);
    const isDirectory = key.endsWith("/");
    const isPast = after !== null && key <= after;
    if (isPast && !(isDirectory && after.startsWith(key))) {
      level.next += 1;
      continue;
    }
    const path = (isDirectory ? key.slice(0, -1) : key) as BytePath;
    const listed = isDirectory ? enter(lister, path, stack, ahead) : lookAt(lister, level, path, ahead);
    if (listed === null) {
      yield null;
      continue;
    }
    level.next += 1;
    // A directory before the cursor was given before: only what is in it is missing.
    if (!isPast) yield listed;
  }
}

function rootGone(lister: Lister): GodwitError {
  const hint = "It was there when the job began: mount it again, then run the same command again.";
  return new GodwitError("listing_failed", { disposition: "fatal", what: `${lister.root.location} is gone`, hint });
}

function lookAt(lister: Lister, level: Level, path: BytePath, ahead: LookAhead | null): Listed | null {
  const row = ahead === null ? "by itself" : ahead.row(level);
  if (row === "wait") return null;
  if (row === "by itself" || row.mark === "unknown") return lister.look(path, false);
  if (row.mark === "filtered") return lister.filtered(path, false, kindOf(row) === "file" ? row.size : 0);
  return lister.of(path, false, row);
}

/** Lists a directory before it is given, so that one which went away in between is one problem and no entry. */
function enter(lister: Lister, path: BytePath, stack: Level[], ahead: LookAhead | null): Listed | null {
  const isAsked = ahead !== null && lister.keeps(path, true);
  const found = isAsked ? ahead.directory(path) : "by itself";
  if (found === "wait") return null;
  const listed = found === "by itself" ? lister.look(path, true) : lister.of(path, true, found.own);
  if (!("entry" in listed)) return listed;
  const { id } = listed;
  if (id !== null && stack.some((level) => level.id === id)) {
    ahead?.leave(path);
    return lister.loop(path);
  }
  if (found !== "by itself") {
    found.level.id = id;
    stack.push(found.level);
    return listed;
  }
  try {
    stack.push(listHere(lister, path, id));
  } catch (error) {
    if (isMissing(error)) return lister.gone(path, true);
    throw listingError(error, path);
  }
  ahead?.expect(stack.at(-1) as Level);
  return listed;
}

function listHere(lister: Lister, path: BytePath, id: string | null): Level {
  const level = new Level(path, namesOf(lister.root, path, lister.follows));
  level.id = id;
  return level;
}
