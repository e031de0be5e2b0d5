/**
 * Names are bytes. A path is held as a string with one character per byte (Latin-1 of the raw bytes), so that names that
 * are not UTF-8 survive, so that V8 keeps one byte per character, and so that `<` compares in byte order, which is the
 * order of an S3 listing. Only `display` makes text of it.
 */
declare const brand: unique symbol;
export type BytePath = string & { readonly [brand]: "BytePath" };

/** The tree's own root. */
export const rootPath = "" as BytePath;

export function pathFromBytes(bytes: Uint8Array): BytePath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1") as BytePath;
}

export function pathFromText(text: string): BytePath {
  return Buffer.from(text, "utf8").toString("latin1") as BytePath;
}

export function pathToBytes(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** The UTF-8 text of a path, or null when its bytes are no UTF-8. */
export function pathToText(path: BytePath): string | null {
  if (!isHigh(path)) return path;
  const bytes = pathToBytes(path);
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : null;
}

/**
 * For people and JSON: UTF-8 where the bytes are UTF-8, each other byte as `\xNN`; a backslash of the name is doubled
 * only where such an escape stands in the same name, so that the answer is unambiguous for a given `exact` flag.
 */
export function displayPath(path: BytePath): string {
  const text = pathToText(path);
  if (text !== null) return text;
  let shown = "";
  for (const character of path) {
    const code = character.charCodeAt(0);
    if (character === "\\") shown += "\\\\";
    else if (code < 0x20 || code >= 0x7f) shown += `\\x${code.toString(16).padStart(2, "0")}`;
    else shown += character;
  }
  return shown;
}

/** Joins a directory (the root is the empty path) and a name. */
export function joinPath(directory: BytePath, name: string): BytePath {
  return (directory === "" ? name : `${directory}/${name}`) as BytePath;
}

/** The directory that holds the entry; the root for a name without a slash. */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf("/");
  return (slash < 0 ? "" : path.slice(0, slash)) as BytePath;
}

/**
 * The place of an entry in every listing: a directory sorts as if it ended in a slash, which makes a depth-first walk
 * of a file system the same order as the keys of a bucket.
 */
export function orderKey(path: BytePath, isDirectory: boolean): BytePath {
  return (isDirectory && path !== "" ? `${path}/` : path) as BytePath;
}

/** True for a relative path of plain segments: what may be joined to a root directory without leaving it. */
export function isContained(path: BytePath): boolean {
  if (path === "" || path.includes("\0")) return false;
  // A name like most: one segment, which is no dot.
  if (!path.includes("/")) return path !== "." && path !== "..";
  for (const segment of path.split("/")) {
    if (segment === "" || segment === "." || segment === "..") return false;
  }
  return true;
}

function isHigh(path: BytePath): boolean {
  for (let at = 0; at < path.length; at += 1) if (path.charCodeAt(at) >= 0x80) return true;
  return false;
}
