/** A place in memory as a source: listed and read under the same rules as a directory. */
import { blockStarts, type Item } from "../../model/chunk.ts";
import { type Entry, sameVersion } from "../../model/entry.ts";
import { type Filter, makeFilter } from "../../model/filter.ts";
import type { BytePath } from "../../model/path.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type {
  Cursor,
  Frame,
  ItemEnd,
  Observed,
  PlanPage,
  Problem,
  ReadBudget,
  ReadRequest,
  Source,
} from "../../ports/source.ts";
import { changed, missing, unsupportedKind } from "./errors.ts";
import { type MemoryNode, type MemoryPlace, versionOf } from "./place.ts";

const frameBytes = 1 << 20;

interface Step {
  readonly position: number;
  readonly length: number;
  readonly budget: ReadBudget | undefined;
}

export class MemorySource implements Source {
  readonly location: string;
  readonly keepsDirectories = true;
  readonly #place: MemoryPlace;
  readonly #filter: Filter;
  readonly #skipsLinks: boolean;

  constructor(place: MemoryPlace, options: OpenOptions) {
    this.location = `memory:${place.name}`;
    this.#place = place;
    this.#filter = makeFilter(options.include, options.exclude);
    this.#skipsLinks = options.links === "skip";
  }

  async *plan(after: Cursor | null, signal: AbortSignal): AsyncGenerator<PlanPage> {
    let entries: Entry[] = [];
    let problems: Problem[] = [];
    let cursor: Cursor = "";
    let leftOut: string | null = null;
    const firstNames = new Map<MemoryNode, BytePath>();
    for (const { key, path, node } of this.#place.sorted()) {
      if (leftOut !== null && key.startsWith(leftOut)) continue;
      const isDirectory = node.kind === "directory";
      const keeps = this.#filter.keeps(path, isDirectory) && !(node.kind === "symlink" && this.#skipsLinks);
      if (!keeps && isDirectory) leftOut = key;
      const first = keeps && node.names > 1 ? (firstNames.get(node) ?? null) : null;
      if (keeps && first === null) firstNames.set(node, path);
      if (after !== null && key <= after) continue;
      cursor = key;
      if (keeps && node.kind !== "pipe") entries.push(entryOf(path, node, first));
      else problems.push(problemOf(path, node, keeps));
      if (entries.length + problems.length < this.#place.pageLength) continue;
      signal.throwIfAborted();
      yield { entries, problems, cursor };
      entries = [];
      problems = [];
    }
    if (entries.length + problems.length > 0) yield { entries, problems, cursor };
  }

  async *read({ work, from, skip, budget }: ReadRequest, signal: AbortSignal): AsyncGenerator<Frame> {
    const starts = blockStarts(work.items);
    for (const [index, item] of work.items.entries()) {
      const first = starts[index] as number;
      const isFile = item.entry.kind === "file";
      if (skip.has(index) || (isFile ? (starts[index + 1] as number) <= from : first < from)) continue;
      signal.throwIfAborted();
      const { entry } = item;
      let position = item.offset + Math.max(0, from - first) * item.blockBytes;
      const stop = isFile ? item.offset + item.length : position;
      let end = this.#check(entry);
      for (; end.outcome === "read" && position < stop; end = this.#check(entry)) {
        const most = frameLength(item, position);
        const length = Math.min(most, budget?.stepBytes(most) ?? most);
        const bytes = await this.#step(entry.path, { position, length, budget }, signal);
        yield { item: index, offset: position, bytes };
        position += bytes.length;
        signal.throwIfAborted();
        this.#place.onRead?.(entry.path, position);
      }
      yield { item: index, end };
    }
  }

  async #step(path: BytePath, { position, length, budget }: Step, signal: AbortSignal): Promise<Buffer> {
    using pending = await budget?.request(length, signal);
    const bytes = this.#place.read(path).subarray(position, position + length);
    pending?.answered();
    return bytes;
  }

  async observe(entry: Entry, signal: AbortSignal): Promise<Observed | null> {
    signal.throwIfAborted();
    const node = this.#place.nodes.get(entry.path);
    if (node === undefined || node.kind === "pipe") return null;
    return { entry: entryOf(entry.path, node, sameLink(entry, node)), xattrs: node.xattrs, checksum: null };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #check(entry: Entry): ItemEnd {
    const node = this.#place.nodes.get(entry.path);
    if (node === undefined || node.kind === "pipe") return { outcome: "vanished", error: missing(entry.path).toJSON() };
    const now = entryOf(entry.path, node, sameLink(entry, node));
    const isSame = now.kind === entry.kind && (entry.kind === "directory" || sameVersion(entry.version, now.version));
    if (!isSame) return { outcome: "changed", error: changed(entry.path).toJSON(), now };
    return { outcome: "read", observed: { entry: now, xattrs: node.xattrs, checksum: null } };
  }
}

export function entryOf(path: BytePath, node: MemoryNode, first: BytePath | null): Entry {
  const kind = first === null ? (node.kind === "pipe" ? "file" : node.kind) : "hardlink";
  return {
    path,
    kind,
    sizeBytes: kind === "file" || kind === "hardlink" ? node.bytes.length : 0,
    version: versionOf(node),
    attributes: node.attributes,
    link: first ?? node.link,
    sparse: false,
  };
}

function sameLink(entry: Entry, node: MemoryNode): BytePath | null {
  const isSameFile = entry.version.kind === "stat" && entry.version.inode === node.inode;
  return entry.kind === "hardlink" && isSameFile ? entry.link : null;
}

function problemOf(path: BytePath, node: MemoryNode, keeps: boolean): Problem {
  const isDirectory = node.kind === "directory";
  const sizeBytes = node.kind === "file" ? node.bytes.length : 0;
  if (!keeps) return { path, isDirectory, sizeBytes, outcome: "filtered", error: null };
  return { path, isDirectory, sizeBytes, outcome: "unsupported", error: unsupportedKind(path).toJSON() };
}

function frameLength({ offset, length, blockBytes }: Item, position: number): number {
  const inBlock = (position - offset) % blockBytes;
  return Math.min(frameBytes, blockBytes - inBlock, offset + length - position);
}
