/**
 * The items of a chunk as stored and as handed to lanes: bytes per file, not a row per file. Values of one field stand
 * together; a path tells only what differs from the one before; numbers are told by whichever step leaves fewest bits.
 * A million small files are some 250 such lists. The first byte is the format: tables, which are few and never stand
 * among files, are kept as JSON.
 */
import { assert } from "../base/assert.ts";
import type { Item, Standing } from "./chunk.ts";
import { ColumnReader, ColumnWriter, damaged, getWide, TextColumn, type Wide, WideWriter } from "./columns.ts";
import type { Entry, EntryKind, Version } from "./entry.ts";
import type { BytePath } from "./path.ts";

const format = 1;
const formatOfTables = 2;
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

/** Items of a row as they are stored. */
export interface PackedItems {
  readonly encoded: Uint8Array;
  readonly count: number;
  /** Sum of their lengths. */
  readonly bytes: number;
}

/** Takes items one by one and keeps no object of them: a long listing leaves nothing behind but these columns. */
export class ItemWriter {
  readonly #marks = new ColumnWriter();
  readonly #shared = new ColumnWriter();
  readonly #rest = new TextColumn();
  readonly #links: string[] = [];
  readonly #etags: string[] = [];
  readonly #versionIds: (string | null)[] = [];
  readonly #standing: Standing[] = [];
  readonly #wide = Object.fromEntries(wideNames.map((name) => [name, new WideWriter()])) as Record<
    (typeof wideNames)[number],
    WideWriter
  >;
  #before = "";
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(item: Item): void {
    const { entry, standing } = item;
    this.#marks.byte(flagsOf(item));
    this.#addPath(entry.path);
    if (entry.link !== null) this.#links.push(entry.link);
    if (standing !== undefined) this.#standing.push(standing);
    this.#addVersion(entry);
    const columns = this.#wide;
    columns.size.push(entry.sizeBytes);
    columns.offset.push(item.offset);
    columns.length.push(item.length);
    columns.block.push(item.blockBytes);
    this.#count += 1;
    this.#bytes += item.length;
  }

  finish(): PackedItems {
    const writer = new ColumnWriter();
    writer.varint(this.#count);
    writer.raw(this.#marks.bytes);
    writer.raw(this.#shared.bytes);
    this.#rest.appendTo(writer);
    writer.strings(this.#links, "latin1");
    writer.strings(this.#etags, "utf8");
    writer.strings(this.#versionIds, "utf8");
    const columns = Object.fromEntries(wideNames.map((name) => [name, this.#wide[name].column()])) as Columns;
    for (const name of wideNames) writer.wide(columns[name], peerOf(columns, name));
    writer.strings(this.#standing, "utf8");
    return { encoded: writer.finish(format), count: this.#count, bytes: this.#bytes };
  }

  /** Front coding: the length shared with the path before, then the rest. */
  #addPath(path: BytePath): void {
    const before = this.#before;
    const most = Math.min(path.length, before.length);
    let shared = 0;
    while (shared < most && path.charCodeAt(shared) === before.charCodeAt(shared)) shared += 1;
    this.#shared.varint(shared);
    this.#rest.push(path, shared);
    this.#before = path;
  }

  /** `kept` is the modification time among the attributes, `modified` that of the version: nearly always the same. */
  #addVersion({ version, attributes }: Entry): void {
    const columns = this.#wide;
    let modified: bigint;
    if (version.kind === "stat") {
      modified = version.mtimeNs;
      columns.inode.pushBig(version.inode);
      columns.changed.pushBig(version.ctimeNs);
    } else {
      assert(Number.isSafeInteger(version.modifiedMs), "an object's time is whole milliseconds");
      modified = BigInt(version.modifiedMs);
      this.#etags.push(version.etag);
      this.#versionIds.push(version.versionId);
      columns.inode.push(0);
      columns.changed.push(0);
    }
    columns.modified.pushBig(modified);
    columns.kept.pushBig(attributes?.mtimeNs ?? modified);
    columns.mode.push(attributes?.mode ?? 0);
    columns.uid.push(attributes?.uid ?? 0);
    columns.gid.push(attributes?.gid ?? 0);
  }
}

function flagsOf(item: Item): number {
  const { entry } = item;
  let byte = kinds.indexOf(entry.kind);
  assert(byte >= 0, "tables have lists of their own");
  if (entry.version.kind === "object") byte += flags.object;
  if (entry.attributes !== null) byte += flags.attributes;
  if (entry.sparse) byte += flags.sparse;
  if (item.compare) byte += flags.compare;
  if (entry.link !== null) byte += flags.link;
  if (item.standing !== undefined) byte += flags.standing;
  return byte;
}

export function packItems(items: Iterable<Item>): PackedItems {
  const list = [...items];
  if (list.some(({ entry }) => entry.kind === "table")) return packTables(list);
  const writer = new ItemWriter();
  for (const item of list) writer.add(item);
  return writer.finish();
}

export function unpackItems({ encoded }: PackedItems): Item[] {
  return decodeItems(encoded);
}

function packTables(items: readonly Item[]): PackedItems {
  const json = Buffer.from(JSON.stringify(items), "utf8");
  const bytes = items.reduce((sum, { length }) => sum + length, 0);
  return { encoded: Buffer.concat([Uint8Array.of(formatOfTables), json]), count: items.length, bytes };
}

/** Its own words: whatever is not JSON is damaged. */
function decodeTables(bytes: Uint8Array): Item[] {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as Item[];
  } catch {
    throw damaged("tables");
  }
}

export function encodeItems(items: readonly Item[]): Uint8Array {
  return packItems(items).encoded;
}

/** @throws state_unusable when the bytes are damaged or of a later format */
export function decodeItems(bytes: Uint8Array): Item[] {
  if (bytes[0] === formatOfTables) return decodeTables(bytes.subarray(1));
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
