/**
 * Extended attributes. Carried are those that belong to the data: `user.*`, `trusted.*`, POSIX ACLs and file
 * capabilities. Labels that a host gives (SELinux, IMA) stay with the host. What cannot be carried is a loss of its
 * entry; only without koffi nobody can see what there is.
 */
import { isAccessList } from "../../model/entry.ts";
import type { ExtendedAttributes } from "../../ports/source.ts";
import { systemCode } from "./errors.ts";
import { xattrCalls, type XattrCalls } from "./xattr-calls.ts";

export const xattrsSupported = xattrCalls !== null;

const carried = /^(?:user\.|trusted\.|system\.posix_acl_|security\.capability$)/;
const none: ExtendedAttributes = new Map();
/** Errors with which a file system says that it keeps none. */
const without = new Set(["ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);
/** Errors with which a system keeps a name or a value to itself. */
const withheld = new Set(["EACCES", "EPERM", "E2BIG"]);
/** Stands for names that the system does not tell. */
const untold = "*";

/** @returns null where nobody can look */
export function readXattrs(fd: number): ExtendedAttributes | null {
  if (xattrCalls === null) return null;
  const names = namesOf(xattrCalls, fd);
  if (names.length === 0) return none;
  const found = new Map<string, Uint8Array | null>();
  for (const name of names) {
    const value = valueOf(xattrCalls, fd, name);
    if (value !== "gone") found.set(name, value);
  }
  return found;
}

/** Of those that are carried. */
function namesOf(calls: XattrCalls, fd: number): readonly string[] {
  try {
    return calls.list(fd).filter((name) => carried.test(name));
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (without.has(code)) return [];
    if (withheld.has(code)) return [untold];
    throw error;
  }
}

function valueOf(calls: XattrCalls, fd: number, name: string): Uint8Array | null | "gone" {
  if (name === untold) return null;
  try {
    return calls.get(fd, name);
  } catch (error) {
    const code = systemCode(error) ?? "";
    // Removed since it was listed: the file's new change time tells of it.
    if (code === "ENODATA") return "gone";
    if (withheld.has(code)) return null;
    throw error;
  }
}

/**
 * Gives the open file these attributes, and takes access lists away that it has beside them: a new file inherits those
 * of its directory, which would let in whom the source does not. @returns false when any could not be set
 */
export function writeXattrs(fd: number, wanted: ExtendedAttributes): boolean {
  if (xattrCalls === null) return wanted.size === 0;
  let complete = true;
  const attempt = (change: () => void): void => {
    try {
      change();
    } catch {
      complete = false;
    }
  };
  const calls = xattrCalls;
  for (const name of namesOf(calls, fd))
    if (isAccessList(name) && !wanted.has(name)) attempt(() => calls.remove(fd, name));
  for (const [name, value] of wanted) {
    if (value === null) complete = false;
    else attempt(() => calls.set(fd, name, value));
  }
  return complete;
}
