/**
 * A tree in memory with the manners of a file system: versions, hard links, staged files, and writes that a crash loses
 * until they are synced. For simulations and tests, which also change and damage it as other programs would.
 */
import { must } from "../../base/assert.ts";
import type { Attributes, StatVersion } from "../../model/entry.ts";
import { type BytePath, orderKey, parentPath, rootPath } from "../../model/path.ts";
import type { ExtendedAttributes } from "../../ports/source.ts";
import { missing, notMemory } from "./errors.ts";

export interface MemoryNode {
  kind: "file" | "directory" | "symlink" | "pipe";
  bytes: Buffer;
  /** A symlink's text. */
  link: BytePath | null;
  attributes: Attributes;
  xattrs: ExtendedAttributes | null;
  readonly inode: bigint;
  ctimeNs: bigint;
  names: number;
}

export interface StagedNode {
  readonly node: MemoryNode;
  readonly stagedAtMs: number;
  /** Written since the last sync: `[from, to)`. */
  unsynced: [from: number, to: number][];
}

export interface NodeOptions {
  readonly mode?: number;
  readonly xattrs?: ExtendedAttributes;
  readonly mtimeNs?: bigint;
}

const startNs = 1_700_000_000_000_000_000n;

export class MemoryPlace {
  readonly name: string;
  /** What a target here answers as its size of block: small in simulations. */
  blockBytes = 8 * 1024 * 1024;
  /** A target here shows bytes only under the final name, as a bucket does. */
  publishFirst = false;
  /** Entries of one page of a listing. */
  pageLength = 1_000;
  readonly nodes = new Map<BytePath, MemoryNode>();
  readonly staged = new Map<BytePath, StagedNode>();
  /** Called before each frame that a source reads: the moment to change something under the reader. */
  onRead: ((path: BytePath, offset: number) => void) | null = null;
  #inodes = 0n;
  #ticks = 0n;

  constructor(name: string) {
    this.name = name;
    this.nodes.set(rootPath, this.make("directory", { mode: 0o755 }));
  }

  /** The place's own time: grows with every change, and with nothing else. */
  nowNs(): bigint {
    return startNs + this.#ticks * 1_000_001n;
  }

  tickNs(): bigint {
    this.#ticks += 1n;
    return this.nowNs();
  }

  make(kind: MemoryNode["kind"], options: NodeOptions = {}): MemoryNode {
    const ctimeNs = this.tickNs();
    this.#inodes += 1n;
    const usual = kind === "directory" ? 0o755 : kind === "symlink" ? 0o777 : 0o644;
    return {
      kind,
      bytes: Buffer.alloc(0),
      link: null,
      attributes: { mode: options.mode ?? usual, uid: 0, gid: 0, mtimeNs: options.mtimeNs ?? ctimeNs },
      xattrs: options.xattrs ?? null,
      inode: this.#inodes,
      ctimeNs,
      names: 1,
    };
  }

  /** Writes a file as another program would: a new version of the same inode, or a new file. */
  put(path: BytePath, bytes: Uint8Array, options: NodeOptions = {}): void {
    const there = this.nodes.get(path);
    const node = there?.kind === "file" ? there : this.make("file", options);
    node.bytes = Buffer.from(bytes);
    node.ctimeNs = this.tickNs();
    node.attributes = {
      ...node.attributes,
      mode: options.mode ?? node.attributes.mode,
      mtimeNs: options.mtimeNs ?? node.ctimeNs,
    };
    if (options.xattrs !== undefined) node.xattrs = options.xattrs;
    this.set(path, node);
  }

  makeDirectory(path: BytePath, options: NodeOptions = {}): void {
    if (!this.nodes.has(path)) this.set(path, this.make("directory", options));
  }

  symlink(path: BytePath, text: BytePath): void {
    this.set(path, { ...this.make("symlink"), link: text });
  }

  pipe(path: BytePath): void {
    this.set(path, this.make("pipe"));
  }

  /** A second name for a file. */
  hardLink(first: BytePath, path: BytePath): void {
    const node = must(this.nodes.get(first), "the first name is there");
    node.names += 1;
    this.set(path, node);
  }

  read(path: BytePath): Buffer {
    const node = this.nodes.get(path);
    if (node?.kind !== "file") throw missing(path);
    return node.bytes;
  }

  remove(path: BytePath): void {
    const node = this.nodes.get(path);
    if (node === undefined) return;
    this.nodes.delete(path);
    node.names -= 1;
    for (const below of this.nodes.keys()) if (below.startsWith(`${path}/`)) this.nodes.delete(below);
  }

  /** Flips the bits of one byte at rest: nothing about the entry tells of it. */
  damage(path: BytePath, offset: number): void {
    flip(this.read(path), offset);
  }

  damageStaged(path: BytePath, offset: number): void {
    flip(must(this.staged.get(path), "a staged file is there").node.bytes, offset);
  }

  /** A crash of the machine: what was not synced reads as zeros. */
  loseUnsynced(): void {
    for (const { node, unsynced } of this.staged.values()) {
      for (const [from, to] of unsynced) node.bytes.fill(0, from, to);
    }
  }

  /** Puts a node under a name, with the directories that lead to it. */
  set(path: BytePath, node: MemoryNode): void {
    for (let parent = parentPath(path); !this.nodes.has(parent); parent = parentPath(parent)) {
      this.nodes.set(parent, this.make("directory"));
    }
    this.nodes.set(path, node);
  }

  /** In listing order. */
  sorted(): readonly { readonly key: BytePath; readonly path: BytePath; readonly node: MemoryNode }[] {
    const all = Array.from(this.nodes, ([path, node]) => ({
      key: orderKey(path, node.kind === "directory"),
      path,
      node,
    }));
    return all.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }
}

function flip(bytes: Buffer, offset: number): void {
  bytes[offset] = must(bytes[offset], "the offset lies in the file") ^ 0xff;
}

export function versionOf(node: MemoryNode): StatVersion {
  return { kind: "stat", inode: node.inode, mtimeNs: node.attributes.mtimeNs, ctimeNs: node.ctimeNs };
}

const places = new Map<string, MemoryPlace>();

/** The place of that name in this process; made when it is first asked for. */
export function memoryPlace(name: string): MemoryPlace {
  let place = places.get(name);
  if (place === undefined) {
    place = new MemoryPlace(name);
    places.set(name, place);
  }
  return place;
}

export function forgetMemoryPlace(name: string): void {
  places.delete(name);
}

export function placeOf(url: string): MemoryPlace {
  const name = /^memory:(.+)$/.exec(url)?.[1];
  if (name === undefined) throw notMemory(url);
  return memoryPlace(name);
}
