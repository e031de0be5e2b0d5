import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, readlinkSync } from "node:fs";
import { GodwitError } from "../../base/errors.ts";
import type { Item } from "../../model/chunk.ts";
import type { Entry, ReadFrom } from "../../model/entry.ts";
import { type BytePath, displayPath } from "../../model/path.ts";
import type { Frame, ItemEnd } from "../../ports/source.ts";
import type { ReadBackRequest } from "../../ports/target.ts";
import type { Containment } from "./contain.ts";
import { type OpenStored, StoredReader } from "./direct.ts";
import { vanished } from "../../ports/source-errors.ts";
import { isMissing, readError } from "./errors.ts";
import { type FramePlace, framesOf } from "./frame-order.ts";
import { native } from "./native.ts";
import { givesPagesBack } from "./page-cache.ts";
import type { FsPath, Root } from "./root.ts";
import { stagingPath } from "./staging.ts";
import { entryOf, kindOf } from "./stat-entry.ts";
import { isSameFile } from "./structure.ts";

interface Stored extends OpenStored {
  readonly path: FsPath;
  readonly stat: BigIntStats;
}

/** Reads what a target holds: from the medium where that is wanted and works. */
export class ReadBack {
  readonly #root: Root;
  readonly #containment: Containment;
  readonly #stored: StoredReader;
  #readFrom: ReadFrom = "cache";

  constructor(root: Root, containment: Containment, wantsDirect: boolean) {
    this.#root = root;
    this.#containment = containment;
    this.#stored = new StoredReader(wantsDirect);
  }

  /** Of the last read-back: `medium` only when every byte came from there. */
  get readFrom(): ReadFrom {
    return this.#readFrom;
  }

  async *read({ work, skip, published, paired = false }: ReadBackRequest, signal: AbortSignal): AsyncGenerator<Frame> {
    this.#containment.forget();
    this.#readFrom = "medium";
    let filesRead = 0;
    for (let index = 0; index < work.items.length; index += 1) {
      if (skip.has(index)) continue;
      const item = work.items[index] as Item;
      const staging = published ? null : stagingPath(work.jobId, item.entry);
      if (item.entry.kind !== "file") {
        yield { item: index, end: this.#endOfOther(item.entry, staging) };
        continue;
      }
      signal.throwIfAborted();
      const stored = this.#open(item.entry, staging);
      if ("outcome" in stored) {
        yield { item: index, end: stored };
        continue;
      }
      filesRead += 1;
      if (!stored.isDirect || !this.#stored.hasMedium(stored.path, Number(stored.stat.dev))) this.#readFrom = "cache";
      try {
        const { stat } = stored;
        let failure: ItemEnd | null = null;
        for (const place of framesOf(item, item.offset, { paired, wholeBytes: Number(stat.size) })) {
          if (place.position > item.offset) signal.throwIfAborted();
          const bytes = this.#fill(stored, place, item.entry);
          if (bytes instanceof GodwitError) {
            failure = { outcome: "failed", error: bytes.toJSON() };
            break;
          }
          // A short file gives no more frames: the blocks that are missing speak for themselves.
          if (bytes.length < place.length) break;
          yield { item: index, offset: place.position, bytes, pairsWithNext: place.pairsWithNext };
        }
        if (staging !== null && givesPagesBack(item)) native?.dropCached(stored.fd, item.offset, item.length);
        yield { item: index, end: failure ?? endOfFile(item, stored) };
      } finally {
        closeSync(stored.fd);
      }
    }
    if (filesRead === 0) this.#readFrom = "cache";
  }

  #open(entry: Entry, staging: BytePath | null): Stored | ItemEnd {
    try {
      if (!this.#containment.hasParent(entry.path)) return gone(entry);
      if (staging !== null) {
        const stored = this.#openFile(staging);
        if (stored !== null) return stored;
      }
      return this.#openFile(entry.path) ?? gone(entry);
    } catch (error) {
      return { outcome: "failed", error: readError(error, entry.path).toJSON() };
    }
  }

  #openFile(path: BytePath): Stored | null {
    const system = this.#root.at(path);
    let opened: OpenStored;
    try {
      opened = this.#stored.open(system, constants.O_NONBLOCK);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    const stat = fstatSync(opened.fd, { bigint: true });
    if (kindOf(stat) === "file") return { ...opened, path: system, stat };
    closeSync(opened.fd);
    return null;
  }

  #fill(stored: Stored, place: FramePlace, entry: Entry): Buffer | GodwitError {
    try {
      return this.#stored.read(stored, place);
    } catch (error) {
      return readError(error, entry.path);
    }
  }

  #endOfOther(entry: Entry, staging: BytePath | null): ItemEnd {
    try {
      if (entry.path !== "" && !this.#containment.hasParent(entry.path)) return gone(entry);
      const isStaged = staging !== null && entry.kind !== "directory" && this.#look(staging) !== undefined;
      const path = isStaged ? staging : entry.path;
      const stat = this.#look(path);
      if (stat === undefined) return gone(entry);
      return { outcome: "read", observed: { entry: this.#seen(entry, path, stat), xattrs: null, checksum: null } };
    } catch (error) {
      return { outcome: "failed", error: readError(error, entry.path).toJSON() };
    }
  }

  #look(path: BytePath): BigIntStats | undefined {
    return lstatSync(this.#root.at(path), { bigint: true, throwIfNoEntry: false });
  }

  #seen(entry: Entry, path: BytePath, stat: BigIntStats): Entry {
    const kind = kindOf(stat);
    if (kind === "symlink") {
      const text = readlinkSync(this.#root.at(path), { encoding: "latin1" }) as BytePath;
      return entryOf(entry.path, stat, "symlink", text);
    }
    if (
      kind === "file" &&
      entry.kind === "hardlink" &&
      entry.link !== null &&
      isSameFile(this.#root, path, entry.link)
    ) {
      return entryOf(entry.path, stat, "hardlink", entry.link);
    }
    // A pipe or device in its place is as wrong as an empty file.
    return entryOf(entry.path, stat, kind === "other" ? "file" : kind, null);
  }
}

function endOfFile({ entry }: Item, { stat }: Stored): ItemEnd {
  if (Number(stat.size) > entry.sizeBytes) {
    const error = new GodwitError("digest_mismatch", {
      disposition: "retry",
      what: `${displayPath(entry.path)} is ${stat.size} bytes long on the target, not ${entry.sizeBytes}`,
      hint: "Something else writes to the target.",
    });
    return { outcome: "failed", error: error.toJSON() };
  }
  return {
    outcome: "read",
    observed: { entry: entryOf(entry.path, stat, "file", null), xattrs: null, checksum: null },
  };
}

function gone(entry: Entry): ItemEnd {
  return { outcome: "vanished", error: vanished(entry.path).toJSON() };
}
