import { readFileSync } from "node:fs";
import {
  type BytePath,
  displayPath,
  isContained,
  orderKey,
  parentPath,
  pathFromText,
  rootPath,
} from "../../model/path.ts";
import type { Cursor, Problem } from "../../ports/source.ts";
import { rootError, systemCode } from "./errors.ts";
import type { Listed, Lister } from "./lister.ts";
import { kindOf } from "./stat-entry.ts";

/**
 * A list of paths relative to the root: one a line, or NUL-separated where the file holds a NUL byte. A leading `./` or
 * `/` and a slash at the end are left off. A directory stands for itself alone (as in rsync); `find -print0` fits.
 * @param passOver what does not stay inside the root is left out
 * @throws config_invalid
 */
export function readPathList(file: string, passOver = false): readonly BytePath[] {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    const what = `the list ${file} cannot be read (${systemCode(error) ?? "unknown"})`;
    throw rootError("config_invalid", what, "Give --files-from a file that is there and readable.");
  }
  const paths = new Set<BytePath>();
  for (const line of text.split(text.includes("\0") ? "\0" : "\n")) {
    const path = line.replace(/^(?:\.?\/+)+/, "").replace(/\/+$/, "") as BytePath;
    if (path === "" || path === "." || (passOver && !isContained(path))) continue;
    if (!isContained(path)) {
      throw rootError(
        "config_invalid",
        `${displayPath(path)} in ${displayPath(pathFromText(file))} does not stay inside the source`,
        "List plain relative paths.",
      );
    }
    paths.add(path);
  }
  return [...paths];
}

/** The listed paths and the directories that hold them, in listing order. */
export function* walkList(lister: Lister, paths: readonly BytePath[], after: Cursor | null): Generator<Listed> {
  const asked = new Set(paths);
  const parents = new Set<BytePath>([rootPath]);
  for (const path of paths) {
    for (let parent = parentPath(path); !parents.has(parent); parent = parentPath(parent)) parents.add(parent);
  }
  const keys: BytePath[] = Array.from(parents, (parent) => orderKey(parent, true));
  for (const path of paths) if (!parents.has(path)) keys.push(orderKey(path, isDirectory(lister, path)));
  keys.sort();
  let closed: { readonly key: BytePath; readonly problem: Problem } | null = null;
  for (const key of keys) {
    const isDirectoryKey = key === "" || key.endsWith("/");
    const path = (isDirectoryKey ? key.slice(0, -1) : key) as BytePath;
    let listed: Listed;
    if (closed !== null && key.startsWith(closed.key)) {
      listed = { key, problem: { ...closed.problem, path, isDirectory: isDirectoryKey, sizeBytes: 0 } };
    } else {
      listed = lister.look(path, isDirectoryKey);
      // What cannot be entered (a filter, a link in a directory's place) takes everything below it with it.
      if ("problem" in listed && isDirectoryKey) closed = listed;
    }
    if (after !== null && key <= after) continue;
    yield "problem" in listed && !asked.has(path)
      ? { ...listed, problem: { ...listed.problem, onTheWay: true } }
      : listed;
  }
}

function isDirectory(lister: Lister, path: BytePath): boolean {
  try {
    return kindOf(lister.stat(path)) === "directory";
  } catch {
    return false;
  }
}
