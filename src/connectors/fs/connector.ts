/**
 * Directories of this machine, as source and as target. It owns paths, names and durability on file systems; it refuses
 * whatever would leave its root, and knows nothing of jobs, digests or retries.
 */
import { readdirSync, statSync } from "node:fs";
import type { Connector, OpenOptions } from "../../ports/connector.ts";
import type { Source } from "../../ports/source.ts";
import type { Target } from "../../ports/target.ts";
import { diagnose } from "./diagnose.ts";
import { isMissing, rootError, rootMissing, systemCode } from "./errors.ts";
import { readPathList } from "./files-from.ts";
import { makeDirectories } from "./make-directories.ts";
import { type Root, rootOfUrl, toFsPath } from "./root.ts";
import { FsSource } from "./source.ts";
import { sweep } from "./sweep.ts";
import { FsTarget } from "./target.ts";

export const fsConnector: Connector = {
  scheme: "file:",
  openSource: async (url: string, options: OpenOptions): Promise<Source> => openFsSource(url, options),
  openTarget: async (url: string, options: OpenOptions): Promise<Target> =>
    new FsTarget(openTargetRoot(rootOfUrl(url), options.missingRoot ?? "make"), options),
  checkList: (file) => void readPathList(file),
  diagnose,
  sweep,
};

/** @param threadsAfterMs how long a listing takes before threads help it; 0 has them from its beginning */
export function openFsSource(url: string, options: OpenOptions, threadsAfterMs?: number): Source {
  return new FsSource(openSourceRoot(rootOfUrl(url)), options, threadsAfterMs);
}

function openSourceRoot(root: Root): Root {
  const path = toFsPath(root.bytes);
  try {
    const { location } = root;
    if (!statSync(path).isDirectory()) {
      throw rootError(
        "source_missing",
        `${location} is no directory`,
        "Give the directory that holds it, and --include its name.",
      );
    }
    // Asked now, so that a job does not begin which cannot list even its first directory.
    readdirSync(path, { withFileTypes: false, encoding: "buffer" });
    return root.resolved();
  } catch (error) {
    const code = systemCode(error);
    if (code === null) throw error;
    if (isMissing(error)) throw rootMissing("source_missing", root.location);
    throw rootError("unreadable", `${root.location} cannot be listed (${code})`, "Run as a user who may read it.");
  }
}

function openTargetRoot(root: Root, missing: NonNullable<OpenOptions["missingRoot"]>): Root {
  const path = toFsPath(root.bytes);
  try {
    if (missing === "make") makeDirectories(root.bytes, 0o777);
    else if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      if (missing === "accept") return root;
      throw rootError(
        "target_missing",
        `${root.location} does not exist`,
        "Mount it, then run the same command again. If it was removed for good, make an empty directory in its place.",
      );
    }
    if (!statSync(path).isDirectory()) throw notDirectory(root);
    return root.resolved();
  } catch (error) {
    const code = systemCode(error);
    if (code === null) throw error;
    if (code === "EEXIST" || code === "ENOTDIR") throw notDirectory(root);
    throw rootError(
      "target_unwritable",
      `${root.location} cannot be made (${code})`,
      "Run as a user who may write there, or choose another place.",
    );
  }
}

function notDirectory(root: Root): Error {
  return rootError(
    "target_not_directory",
    `${root.location} is no directory`,
    "Choose a directory, or a path that does not exist yet.",
  );
}
