/**
 * Extended attributes by fs-xattr, an optional dependency. Carried are the attributes that belong to the data: `user.*`,
 * `trusted.*`, POSIX ACLs and file capabilities. Labels that a host gives (SELinux, IMA) stay with the host.
 */
import { createRequire } from "node:module";
import type { ExtendedAttributes } from "../../ports/source.ts";
import { systemCode } from "./errors.ts";
import { native } from "./native.ts";
import type { FsPath } from "./root.ts";

interface FsXattr {
  listAttributesSync(path: string): string[];
  getAttributeSync(path: string, name: string): Buffer;
  setAttributeSync(path: string, name: string, value: Buffer): void;
}

function load(): FsXattr | null {
  try {
    return createRequire(import.meta.url)("fs-xattr") as FsXattr;
  } catch {
    return null;
  }
}
const library = load();
const isLinux = process.platform === "linux";

export const xattrsSupported = library !== null;

const carried = /^(?:user\.|trusted\.|system\.posix_acl_|security\.capability$)/;

function isCarried(name: string): boolean {
  return !isLinux || carried.test(name);
}

/** The library takes paths; on Linux the path of the open file itself, so that names of any bytes work. */
function pathOf(fd: number, path: FsPath): string | null {
  if (isLinux) return `/proc/self/fd/${fd}`;
  return typeof path === "string" ? path : null;
}

/** @returns null when there are none (or the system or the file system has no such thing) */
export function readXattrs(fd: number, path: FsPath): ExtendedAttributes | null {
  if (library === null || (native !== null && native.xattrListBytes(fd) === 0)) return null;
  const at = pathOf(fd, path);
  if (at === null) return null;
  const names = listNames(library, at);
  let found: Map<string, Uint8Array> | null = null;
  for (const name of names) {
    if (!isCarried(name)) continue;
    const value = valueOf(library, at, name);
    if (value === null) continue;
    found ??= new Map();
    found.set(Buffer.from(name, "utf8").toString("latin1"), value);
  }
  return found;
}

function valueOf(from: FsXattr, at: string, name: string): Buffer | null {
  try {
    return from.getAttributeSync(at, name);
  } catch (error) {
    // Removed since it was listed: the file's new change time tells of it.
    if (systemCode(error) === "ENODATA") return null;
    throw error;
  }
}

function listNames(from: FsXattr, at: string): readonly string[] {
  try {
    return from.listAttributesSync(at);
  } catch {
    // The file system keeps none.
    return [];
  }
}

/** Makes the attributes of the open file those wanted. @returns false when any could not be set */
export function writeXattrs(fd: number, path: FsPath, wanted: ExtendedAttributes): boolean {
  const at = library === null ? null : pathOf(fd, path);
  if (library === null || at === null) return wanted.size === 0;
  let complete = true;
  for (const [name, value] of wanted) {
    try {
      const text = Buffer.from(name, "latin1").toString("utf8");
      library.setAttributeSync(at, text, Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    } catch {
      complete = false;
    }
  }
  return complete;
}
