/**
 * POSIX attributes as user metadata, under the names and in the forms that rclone uses (`mtime`: seconds with a
 * fraction; `mode`: octal with the kind of the file; `uid`, `gid`: decimal). s3fs writes the same names with a decimal
 * mode: that is read too. See docs/reference/s3.md.
 */
import type { Attributes, EntryKind } from "../../model/entry.ts";

type Metadata = Readonly<Record<string, string>>;

const second = 1_000_000_000n;
/** The kind among the bits of `st_mode`: https://man7.org/linux/man-pages/man7/inode.7.html */
const kindBits = { file: 0o100000, directory: 0o040000 } as const;
const kindMask = 0o170000;
const knownKinds = new Set([0, 0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o120000, 0o140000]);

const names = new Set(["mtime", "mode", "uid", "gid"]);

/** @param name of user metadata */
export function isAttribute(name: string): boolean {
  return names.has(name);
}

export function metadataOf(attributes: Attributes | null, kind: EntryKind): Metadata {
  if (attributes === null) return {};
  const bits = kind === "directory" ? kindBits.directory : kindBits.file;
  return {
    mtime: mtimeText(attributes.mtimeNs),
    mode: (bits | attributes.mode).toString(8),
    uid: String(attributes.uid),
    gid: String(attributes.gid),
  };
}

/**
 * Null where the metadata says nothing of a file. What is missing beside a known mtime or mode is what a new file of
 * whoever reads would have: that is then set without being a change of owner.
 */
export function attributesOf(metadata: Metadata, kind: "file" | "directory", modifiedMs: number): Attributes | null {
  const mtimeNs = parseMtime(metadata["mtime"]);
  const mode = parseMode(metadata["mode"]);
  if (mtimeNs === null && mode === null) return null;
  return {
    mode: mode ?? (kind === "directory" ? 0o755 : 0o644),
    uid: parseId(metadata["uid"]) ?? process.getuid?.() ?? 0,
    gid: parseId(metadata["gid"]) ?? process.getgid?.() ?? 0,
    mtimeNs: mtimeNs ?? BigInt(modifiedMs) * 1_000_000n,
  };
}

function mtimeText(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  return `${ns < 0n ? "-" : ""}${size / second}.${String(size % second).padStart(9, "0")}`;
}

function parseMtime(text: string | undefined): bigint | null {
  const parsed = /^(-?)(\d{1,12})(?:\.(\d+))?$/.exec(text?.trim() ?? "");
  if (parsed === null) return null;
  const [, sign, seconds = "", fraction = ""] = parsed;
  const size = BigInt(seconds) * second + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -size : size;
}

function parseMode(text: string | undefined): number | null {
  const digits = text?.trim() ?? "";
  if (/^[0-7]{1,7}$/.test(digits)) {
    const octal = Number.parseInt(digits, 8);
    if (knownKinds.has(octal & kindMask)) return octal & 0o7777;
  }
  if (!/^\d{1,6}$/.test(digits)) return null;
  const decimal = Number(digits);
  return decimal > 0o7777 && knownKinds.has(decimal & kindMask) ? decimal & 0o7777 : null;
}

function parseId(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,10}$/.test(text.trim()) ? Number(text) : null;
}
