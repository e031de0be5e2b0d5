/**
 * Include and exclude patterns, the same for every kind of place. The rules are those that rsync and rclone users know:
 * - a pattern without a slash matches a name at any depth, one with a slash the path from the root;
 * - a slash at the end means directories only;
 * - a directory that is excluded takes everything below it with it, one that is included likewise;
 * - with any include pattern, files that none of them matches are left out; directories stay, since they lead to files.
 */
import picomatch from "picomatch";
import { type BytePath, pathToText } from "./path.ts";

export interface Filter {
  /** For walks that ask about every directory on the way down: excluded parents are not looked at again. */
  keeps(path: BytePath, isDirectory: boolean): boolean;
  /** For listings without directories (a bucket's keys): looks at the parents too. */
  keepsKey(path: BytePath): boolean;
}

type Test = (text: string, isDirectory: boolean) => boolean;

const keepsAll: Filter = { keeps: () => true, keepsKey: () => true };

export function makeFilter(include: readonly string[], exclude: readonly string[]): Filter {
  if (include.length === 0 && exclude.length === 0) return keepsAll;
  const included = include.map(testOf);
  const excluded = exclude.map(testOf);

  const isIncluded = (text: string, isDirectory: boolean): boolean => {
    if (included.length === 0 || isDirectory) return true;
    if (included.some((test) => test(text, false))) return true;
    return parentsOf(text).some((parent) => included.some((test) => test(parent, true)));
  };
  const isExcluded = (text: string, isDirectory: boolean): boolean => excluded.some((test) => test(text, isDirectory));

  return {
    keeps(path, isDirectory) {
      if (path === "") return true;
      const text = pathToText(path) ?? path;
      return !isExcluded(text, isDirectory) && isIncluded(text, isDirectory);
    },
    keepsKey(path) {
      const text = pathToText(path) ?? path;
      if (isExcluded(text, false) || !isIncluded(text, false)) return false;
      return !parentsOf(text).some((parent) => isExcluded(parent, true));
    },
  };
}

function testOf(pattern: string): Test {
  const directoriesOnly = pattern.endsWith("/");
  const bare = pattern.replace(/\/+$/, "");
  const anchored = bare.includes("/");
  // Parentheses and bars are common in names and no part of the patterns people know from rsync.
  const glob = bare.replace(/^\/+/, "").replaceAll(/[()|+@!]/g, "\\$&");
  const matches = picomatch(glob, { dot: true, nonegate: true, noextglob: true });
  return (text, isDirectory) => {
    if (directoriesOnly && !isDirectory) return false;
    return matches(anchored ? text : text.slice(text.lastIndexOf("/") + 1));
  };
}

function parentsOf(text: string): readonly string[] {
  const parents: string[] = [];
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) parents.push(text.slice(0, at));
  return parents;
}
