/**
 * The items of a chunk as stored and as handed to lanes: bytes per file, not a row per file. Values of one field stand
 * together; a path tells only what differs from the one before; numbers are told by whichever step leaves fewest bits.
 * A million small files are some 250 such lists. The first byte is the format.
 */
import { assert } from "../base/assert.ts";
import type { Item } from "./chunk.ts";
import { ColumnReader, ColumnWriter, damaged, getWide, setWide, type Wide, wide } from "./columns.ts";
import type { Entry, EntryKind, Version } from "./entry.ts";
import type { BytePath } from "./path.ts";

const format = 1;
/** The order is stored: append only, up to four. */
const kinds: readonly EntryKind[] = ["file", "directory", "symlink", "hardlink"];
const flags = { object: 4, attributes: 8, sparse: 16, compare: 32, link: 64, standing: 128 } as const;

const wideNames = [
  "size",
  "offset",
  "length",
  "block",
  "inode",
  "changed",
  "modified",
  "kept",
  "mode",
  "uid",
  "gid",
] as const;
type Columns = Record<(typeof wideNames)[number], Wide>;

/** `kept` is the modification time among the attributes, `modified` that of the version: nearly always the same. */
function columnsOf(items: readonly Item[]): Columns {
  const columns = Object.fromEntries(wideNames.map((name) => [name, wide(items.length)])) as Columns;
  items.forEach((item, index) => {
    const { entry } = item;
    const { version, attributes } = entry;
    setWide(columns.size, index, entry.sizeBytes);
    setWide(columns.offset, index, item.offset);
    setWide(columns.length, index, item.length);
    setWide(columns.block, index, item.blockBytes);
    if (version.kind === "stat") {
      columns.inode.bigints[index] = version.inode;
      columns.modified.bigints[index] = version.mtimeNs;
      columns.changed.bigints[index] = version.ctimeNs;
    } else {
      assert(Number.isSafeInteger(version.modifiedMs), "an object's time is whole milliseconds");
      columns.modified.bigints[index] = BigInt(version.modifiedMs);
    }
    columns.kept.bigints[index] = attributes?.mtimeNs ?? columns.modified.bigints[index] ?? 0n;
    setWide(columns.mode, index, attributes?.mode ?? 0);
    setWide(columns.uid, index, attributes?.uid ?? 0);
    setWide(columns.gid, index, attributes?.gid ?? 0);
  });
  return columns;
}

function flagsOf(item: Item): number {
  const { entry } = item;
  let byte = kinds.indexOf(entry.kind);
  if (entry.version.kind === "object") byte += flags.object;
  if (entry.attributes !== null) byte += flags.attributes;
  if (entry.sparse) byte += flags.sparse;
  if (item.compare) byte += flags.compare;
  if (entry.link !== null) byte += flags.link;
  if (item.standing !== undefined) byte += flags.standing;
  return byte;
}

export function encodeItems(items: readonly Item[]): Uint8Array {
  const writer = new ColumnWriter();
  writer.varint(items.length);
  for (const item of items) writer.byte(flagsOf(item));
  writePaths(
    writer,
    items.map((item) => item.entry.path),
  );
  const links = items.map((item) => item.entry.link).filter((link) => link !== null);
  writer.strings(links, "latin1");
  const objects = items.map((item) => item.entry.version).filter((version) => version.kind === "object");
  writer.strings(
    objects.map((version) => version.etag),
    "utf8",
  );
  writer.strings(
    objects.map((version) => version.versionId),
    "utf8",
  );
  const columns = columnsOf(items);
  for (const name of wideNames) writer.wide(columns[name], peerOf(columns, name));
  const standing = items.map((item) => item.standing).filter((tag) => tag !== undefined);
  writer.strings(standing, "utf8");
  return writer.finish(format);
}

/** @throws state_unusable when the bytes are damaged or of a later format */
export function decodeItems(bytes: Uint8Array): Item[] {
  const reader = new ColumnReader(bytes, format);
  const count = reader.count(1);
  const marks = reader.raw(count);
  const paths = readPaths(reader, count);
  const links = reader.strings(countOf(marks, flags.link), "latin1");
  const objectCount = countOf(marks, flags.object);
  const etags = reader.strings(objectCount, "utf8");
  const versionIds = reader.strings(objectCount, "utf8");
  const columns: Partial<Columns> = {};
  // In the order of `wideNames`; a peer is read before the column that leans on it.
  for (const name of wideNames) columns[name] = reader.wide(count, peerOf(columns, name));
  const standing = reader.strings(countOf(marks, flags.standing), "utf8");
  reader.end();

  const full = columns as Columns;
  let link = 0;
  let object = 0;
  let stands = 0;
  return Array.from({ length: count }, (_, index): Item => {
    const mark = marks[index] ?? 0;
    const isObject = (mark & flags.object) !== 0;
    const version = isObject
      ? objectVersion(full, index, [etags[object], versionIds[object]])
      : statVersion(full, index);
    if (isObject) object += 1;
    const entry: Entry = {
      path: paths[index] as BytePath,
      kind: kinds[mark & 3] as EntryKind,
      sizeBytes: getWide(full.size, index),
      version,
      attributes: (mark & flags.attributes) === 0 ? null : attributesOf(full, index),
      link: (mark & flags.link) === 0 ? null : ((links[link++] ?? "") as BytePath),
      sparse: (mark & flags.sparse) !== 0,
    };
    const { offset, length, block } = full;
    const compare = (mark & flags.compare) !== 0;
    return {
      entry,
      offset: getWide(offset, index),
      length: getWide(length, index),
      blockBytes: getWide(block, index),
      compare,
      ...((mark & flags.standing) !== 0 && { standing: standing[stands++] ?? null }),
    };
  });
}

function peerOf(columns: Partial<Columns>, name: keyof Columns): Wide | undefined {
  if (name === "length") return columns.size;
  if (name === "modified") return columns.changed;
  return name === "kept" ? columns.modified : undefined;
}

function statVersion(columns: Columns, index: number): Version {
  return {
    kind: "stat",
    inode: BigInt.asUintN(64, columns.inode.bigints[index] ?? 0n),
    mtimeNs: columns.modified.bigints[index] ?? 0n,
    ctimeNs: columns.changed.bigints[index] ?? 0n,
  };
}

function objectVersion(columns: Columns, index: number, names: readonly (string | null | undefined)[]): Version {
  const [etag, versionId] = names;
  return {
    kind: "object",
    etag: etag ?? "",
    versionId: versionId ?? null,
    modifiedMs: Number(columns.modified.bigints[index]),
  };
}

function attributesOf(columns: Columns, index: number): Entry["attributes"] {
  const { mode, uid, gid, kept } = columns;
  return {
    mode: getWide(mode, index),
    uid: getWide(uid, index),
    gid: getWide(gid, index),
    mtimeNs: kept.bigints[index] ?? 0n,
  };
}

function countOf(marks: Uint8Array, flag: number): number {
  let count = 0;
  for (const mark of marks) if ((mark & flag) !== 0) count += 1;
  return count;
}

/** Front coding: the length shared with the path before, then the rest. */
function writePaths(writer: ColumnWriter, paths: readonly BytePath[]): void {
  let before = "";
  const rests = paths.map((path) => {
    let shared = 0;
    const most = Math.min(path.length, before.length);
    while (shared < most && path.charCodeAt(shared) === before.charCodeAt(shared)) shared += 1;
    writer.varint(shared);
    before = path;
    return path.slice(shared);
  });
  writer.strings(rests, "latin1");
}

function readPaths(reader: ColumnReader, count: number): readonly BytePath[] {
  const shared = Array.from({ length: count }, () => reader.varint());
  let before = "";
  return reader.strings(count, "latin1").map((rest, index) => {
    const kept = shared[index] ?? 0;
    if (kept > before.length) throw damaged("path");
    before = before.slice(0, kept) + (rest ?? "");
    return before as BytePath;
  });
}
