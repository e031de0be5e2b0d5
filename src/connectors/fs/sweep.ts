import { lstatSync, opendirSync, unlinkSync } from "node:fs";
import { type BytePath, displayPath, joinPath, rootPath } from "../../model/path.ts";
import type { OpenOptions, Orphan, SweepRequest } from "../../ports/connector.ts";
import { isMissing, listingError, rootMissing, writeError } from "./errors.ts";
import { type Root, rootOfUrl } from "./root.ts";
import { isStagingName } from "./staging.ts";

/** Partial files that no job finished. Only names of our exact pattern are looked at; links are not followed. */
export async function* sweep(
  url: string,
  { olderThanMs, dryRun }: SweepRequest,
  _options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Orphan> {
  const root = resolved(rootOfUrl(url));
  const pending: BytePath[] = [rootPath];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    signal.throwIfAborted();
    const { names, directories } = look(root, path);
    for (const directory of directories) pending.push(directory);
    for (const name of names) {
      const orphan = judge(root, joinPath(path, name), { olderThanMs, dryRun });
      if (orphan !== null) yield orphan;
    }
  }
}

function resolved(root: Root): Root {
  try {
    return root.resolved();
  } catch (cause) {
    if (!isMissing(cause)) throw writeError(cause, rootPath);
    throw rootMissing("target_missing", root.location);
  }
}

function look(root: Root, path: BytePath): { names: readonly string[]; directories: readonly BytePath[] } {
  const names: string[] = [];
  const directories: BytePath[] = [];
  try {
    const directory = opendirSync(root.at(path), { encoding: "latin1" });
    try {
      for (let child = directory.readSync(); child !== null; child = directory.readSync()) {
        if (child.isDirectory()) directories.push(joinPath(path, child.name));
        else if (isStagingName(child.name)) names.push(child.name);
      }
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (path === "" || !isMissing(error)) throw listingError(error, path);
  }
  return { names: names.toSorted(), directories };
}

function judge(
  root: Root,
  path: BytePath,
  { olderThanMs, dryRun }: { readonly olderThanMs: number; readonly dryRun: boolean },
): Orphan | null {
  const at = root.at(path);
  const stat = lstatSync(at, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory()) return null;
  // By the change time: the modification time may already be that of the source.
  const ageMs = Date.now() - stat.ctimeMs;
  if (ageMs < olderThanMs) return null;
  const orphan = { name: displayPath(path), sizeBytes: stat.isFile() ? stat.size : null, ageMs };
  if (dryRun) return { ...orphan, removed: false };
  try {
    unlinkSync(at);
  } catch (error) {
    if (!isMissing(error)) throw writeError(error, path);
  }
  return { ...orphan, removed: true };
}
