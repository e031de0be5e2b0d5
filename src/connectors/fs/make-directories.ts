import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "./errors.ts";
import { toFsPath } from "./root.ts";

/**
 * Makes a directory and those that lead to it. Node's own recursive mkdir never comes back where the system answers that
 * there is no such file although the parent is there: /proc does so, and other file systems of the kernel.
 * @param bytes absolute path, one character per byte
 * @throws the system's own errors
 */
export function makeDirectories(bytes: string, mode: number): void {
  const missing: string[] = [];
  for (let at = bytes; statSync(toFsPath(at), { throwIfNoEntry: false }) === undefined; at = dirname(at)) {
    missing.push(at);
  }
  for (const at of missing.toReversed()) {
    try {
      mkdirSync(toFsPath(at), { mode });
    } catch (error) {
      // Another process was faster. A link that leads nowhere is there as well, but nothing can be made in it.
      const isMade = systemCode(error) === "EEXIST" && statSync(toFsPath(at), { throwIfNoEntry: false }) !== undefined;
      if (!isMade) throw error;
    }
  }
}
