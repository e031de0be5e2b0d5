/**
 * The keys below a prefix as a source. It gives bytes of the pinned version of an object or says what became of it; a
 * page that cannot be listed is an error, never an empty answer. Directories are only the markers that somebody made.
 */
import { blockStarts, type Item } from "../../model/chunk.ts";
import { type Entry, sameVersion, type Version } from "../../model/entry.ts";
import { makeFilter } from "../../model/filter.ts";
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
import { type Ahead, ahead, aheadLimits } from "./ahead.ts";
import { Buffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import type { ObjectHead } from "./client-objects.ts";
import { changed, vanished } from "../../ports/source-errors.ts";
import { isOfEntry, isOfVersion, nothingThere } from "./errors.ts";
import { type Fetched, fetchPiece, pieceBytesMax, pieces } from "./fetch.ts";
import { partBytes } from "./parts.ts";
import { pagesOfList, readKeyList } from "./files-from.ts";
import { quotedEtag, type Root } from "./keys.ts";
import { Lister } from "./list.ts";
import { headEntry, storeChecksum } from "./object-entry.ts";
import { objectMetadata } from "./object-metadata.ts";

/** Small steps for whoever limits the rate. */
const frameBytes = 2 ** 20;
/**
 * The least that a limited read asks for at once. A request costs money and work on the server (s3s-fs reads the whole
 * object for each range), so that a small share is read in larger steps than of a file.
 */
const pieceBytesMin = 2 ** 18;

export class S3Source implements Source {
  readonly location: string;
  readonly keepsDirectories = false;
  readonly #client: S3Client;
  readonly #root: Root;
  readonly #options: OpenOptions;
  readonly #lister: Lister;
  readonly #buffers = new Buffers();

  constructor(client: S3Client, root: Root, options: OpenOptions) {
    this.location = root.location;
    this.#client = client;
    this.#root = root;
    this.#options = options;
    this.#lister = new Lister({ client, root, filter: makeFilter(options.include, options.exclude) });
  }

  async *plan(after: Cursor | null, signal: AbortSignal): AsyncGenerator<PlanPage> {
    const list = this.#options.filesFrom;
    const pages =
      list === null ? this.#lister.pages(after, signal) : pagesOfList(this.#lister, readKeyList(list), after, signal);
    let isEmpty = after === null;
    for await (const page of pages) {
      signal.throwIfAborted();
      // A listing always has a page, be it an empty one.
      if (page.length > 0) isEmpty = false;
      const entries: Entry[] = [];
      const problems: Problem[] = [];
      for (const listed of page) {
        if ("entry" in listed) entries.push(listed.entry);
        else problems.push(listed.problem);
      }
      const cursor = page.at(-1)?.key;
      if (cursor !== undefined) yield { entries, problems, cursor };
    }
    // A prefix exists by what begins with it: one that holds nothing is most likely a slip of the keyboard.
    if (isEmpty && this.#root.prefix !== "" && this.#options.mayBeAbsent !== true) throw nothingThere(this.#root);
  }

  async *read(request: ReadRequest, signal: AbortSignal): AsyncGenerator<Frame> {
    const { items } = request.work;
    let failed = -1;
    for await (const got of ahead(this.#tasks(request), aheadLimits, signal)) {
      if (got.item === failed) continue;
      if ("end" in got) {
        failed = got.item;
        yield got;
        continue;
      }
      const { item, offset, bytes, head, isLast } = got;
      for (let at = 0; at < bytes.length; at += frameBytes) {
        yield { item, offset: offset + at, bytes: bytes.subarray(at, at + frameBytes) };
        signal.throwIfAborted();
      }
      this.#buffers.give(bytes);
      if (isLast) yield { item, end: { outcome: "read", observed: observedOf((items[item] as Item).entry, head) } };
    }
  }

  async observe(entry: Entry, signal: AbortSignal): Promise<Observed | null> {
    if (entry.kind === "directory") return this.#observeDirectory(entry, signal);
    const head = await this.#client.headObject({ key: this.#root.key(entry.path) }, signal);
    if (head === null) return null;
    const seen = headEntry(entry.path, "file", head);
    return {
      entry: { ...seen, version: pinned(entry.version, seen.version) },
      xattrs: null,
      checksum: storeChecksum(head),
      metadata: objectMetadata(head, "file"),
    };
  }

  partBytes(entry: Entry, parts: number, signal: AbortSignal): Promise<readonly number[] | null> {
    return partBytes(this.#client, { key: this.#root.key(entry.path), entry, parts }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  *#tasks({ work, from, skip, budget }: ReadRequest): Generator<Ahead<Fetched>> {
    const starts = blockStarts(work.items);
    for (const [index, item] of work.items.entries()) {
      const first = starts[index] as number;
      const isDone = item.entry.kind === "file" ? (starts[index + 1] as number) <= from : first < from;
      if (isDone || skip.has(index)) continue;
      if (item.entry.kind === "file") {
        yield* this.#tasksOfFile(index, item, Math.max(0, from - first), budget);
      } else {
        yield { bytes: 0, run: async (signal) => ({ item: index, end: await this.#endOfOther(item.entry, signal) }) };
      }
    }
  }

  *#tasksOfFile(
    index: number,
    item: Item,
    fromBlock: number,
    budget: ReadBudget | undefined,
  ): Generator<Ahead<Fetched>> {
    const { entry, offset: origin, length } = item;
    const stop = origin + length;
    const pieceBytes = (): number => budget?.stepBytes(pieceBytesMax, pieceBytesMin) ?? pieceBytesMax;
    const stretches = length === 0 ? [{ offset: origin, length: 0 }] : pieces(item, fromBlock, pieceBytes);
    for (const stretch of stretches) {
      const isLast = stretch.offset + stretch.length === stop;
      yield {
        bytes: stretch.length,
        run: async (signal) => {
          try {
            using asked = await budget?.request(stretch.length, signal);
            const { bytes, head } = await this.#fetch(entry, stretch, signal);
            asked?.answered();
            return { item: index, offset: stretch.offset, bytes, head, isLast };
          } catch (error) {
            return { item: index, end: await this.#endOf(error, entry, signal) };
          }
        },
      };
    }
  }

  #fetch(
    entry: Entry,
    stretch: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): ReturnType<typeof fetchPiece> {
    const { path, version, sizeBytes } = entry;
    const pin = version.kind === "object" ? version : null;
    const request = {
      path,
      key: this.#root.key(path),
      ...stretch,
      sizeBytes,
      versionId: pin?.versionId ?? undefined,
      ifMatch: pin === null ? undefined : quotedEtag(pin.etag),
    };
    return fetchPiece(this.#client, this.#buffers, request, signal);
  }

  /** What a failed read means for its item. @throws what stops the whole chunk */
  async #endOf(error: unknown, entry: Entry, signal: AbortSignal): Promise<ItemEnd> {
    if (isOfVersion(error)) {
      const seen = await this.observe(entry, signal);
      if (seen === null) return { outcome: "vanished", error: vanished(entry.path, error).toJSON() };
      const how = sameVersion(seen.entry.version, entry.version)
        ? `could not be read as listed (${error.what})`
        : "changed since it was listed";
      return { outcome: "changed", error: changed(entry.path, how).toJSON(), now: seen.entry };
    }
    if (isOfEntry(error)) return { outcome: "failed", error: error.toJSON() };
    throw error;
  }

  async #endOfOther(entry: Entry, signal: AbortSignal): Promise<ItemEnd> {
    try {
      const observed = await this.observe(entry, signal);
      return observed === null
        ? { outcome: "vanished", error: vanished(entry.path).toJSON() }
        : { outcome: "read", observed };
    } catch (error) {
      if (isOfEntry(error)) return { outcome: "failed", error: error.toJSON() };
      throw error;
    }
  }

  /** A marker, or else whatever lies below the name. */
  async #observeDirectory(entry: Entry, signal: AbortSignal): Promise<Observed | null> {
    const key = this.#root.keyOrNull(entry.path, true);
    const head = key === null ? null : await this.#client.headObject({ key }, signal);
    if (head !== null) {
      const seen = headEntry(entry.path, "directory", head);
      return {
        entry: { ...seen, version: pinned(entry.version, seen.version) },
        xattrs: null,
        checksum: null,
        metadata: objectMetadata(head, "directory"),
      };
    }
    const page = await this.#client.listObjectsV2({ prefix: key ?? undefined, maxKeys: 1 }, signal);
    if (page.objects.length === 0) return null;
    const version: Version = { kind: "object", etag: "", versionId: null, modifiedMs: 0 };
    return {
      entry: { ...entry, kind: "directory", sizeBytes: 0, version, attributes: null, link: null },
      xattrs: null,
      checksum: null,
    };
  }
}

function observedOf(entry: Entry, head: ObjectHead): Observed {
  const seen = headEntry(entry.path, "file", head);
  return {
    entry: { ...entry, attributes: seen.attributes },
    xattrs: null,
    checksum: storeChecksum(head),
    metadata: objectMetadata(head, "file"),
  };
}

/** A listing names no version ids: the same ETag is the version that was pinned. */
function pinned(pin: Version, seen: Version): Version {
  return pin.kind === "object" && seen.kind === "object" && pin.etag === seen.etag ? pin : seen;
}
