import { hash } from "node:crypto";
import { type Entry, versionText } from "../../model/entry.ts";
import { type BytePath, joinPath, parentPath } from "../../model/path.ts";

/** Length in bytes of a staging name. */
export const stagingNameBytes = ".godwit.".length + 32 + ".part".length;

/**
 * Where an entry is staged: beside its final place, so that the rename stays inside one file system, and under a name
 * of fixed length, so that names of 255 bytes work. The pinned version is part of it: another version is another file.
 */
export function stagingPath(jobId: string, entry: Entry): BytePath {
  const digest = hash("sha256", `${jobId}\0${entry.path}\0${versionText(entry.version)}`);
  return joinPath(parentPath(entry.path), `.godwit.${digest.slice(0, 32)}.part`);
}

/**
 * The word by which a head and its ranges know their partial file: its name, and which file of that name it is. The
 * name alone may be taken by another file, which a worker whose lease was lost begins anew.
 */
export function stagingWord(staging: BytePath, identity: string | null): string {
  const name = staging.slice(staging.lastIndexOf("/") + 1);
  return identity === null ? name : `${name}:${identity}`;
}

/** @returns null where nothing is known of the file */
export function identityOfStaging(word: string | null): string | null {
  return word?.slice(stagingNameBytes + 1) || null;
}

const stagingPattern = /^\.godwit\.[0-9a-f]{32}\.part$/;

export function isStagingName(name: string): boolean {
  return name.charCodeAt(0) === 0x2e && name.length === stagingNameBytes && stagingPattern.test(name);
}
