/** The names of one directory, as the walk takes them and as listing threads do. */
import { opendirSync, statSync } from "node:fs";
import { type BytePath, joinPath } from "../../model/path.ts";
import { systemCode } from "./errors.ts";
import type { Root } from "./root.ts";
import { isStagingName } from "./staging.ts";

/**
 * Sorted; directories end in a slash.
 * @param follows links to directories count as directories
 * @throws what the system says when the directory cannot be listed
 */
export function namesOf(root: Root, path: BytePath, follows: boolean): readonly string[] {
  const names: string[] = [];
  const directory = opendirSync(root.at(path), { encoding: "latin1", bufferSize: 2048 });
  try {
    for (let child = directory.readSync(); child !== null; child = directory.readSync()) {
      const { name } = child;
      if (isStagingName(name)) continue;
      const isDirectory =
        child.isDirectory() || (follows && child.isSymbolicLink() && leadsToDirectory(root, path, name));
      names.push(isDirectory ? `${name}/` : name);
    }
  } finally {
    directory.closeSync();
  }
  return names.toSorted();
}

function leadsToDirectory(root: Root, path: BytePath, name: string): boolean {
  try {
    return statSync(root.at(joinPath(path, name))).isDirectory();
  } catch (error) {
    // A link to nowhere, or to itself: what is wrong with it is said when it is looked at.
    if (systemCode(error) === null) throw error;
    return false;
  }
}
