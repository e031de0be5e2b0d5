import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  statSync,
  type BigIntStats,
} from "node:fs";
import { blockStarts, type Item } from "../../model/chunk.ts";
import { type Entry, type EntryKind } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";
import type { Frame, ItemEnd, Observed, ReadRequest } from "../../ports/source.ts";
import { changed, vanished } from "../../ports/source-errors.ts";
import { isMissing, readError, systemCode } from "./errors.ts";
import { frameBytes, framesOf } from "./frame-order.ts";
import { native } from "./native.ts";
import type { Root } from "./root.ts";
import { entryOf, isPinned, kindOf } from "./stat-entry.ts";
import { readXattrs } from "./xattrs.ts";

const { O_RDONLY, O_NOFOLLOW } = constants;
/** Reading leaves no trace where we are allowed that (own files, or root). Absent outside Linux. */
const noAccessTime = (constants as { readonly O_NOATIME?: number }).O_NOATIME ?? 0;

/** Reads entries of one tree, each from its pinned version alone. One reader is used by one lane. */
export class EntryReader {
  readonly #root: Root;
  readonly #follow: boolean;
  /** The second is for pairs: made when the first of them is read. */
  readonly #buffers: Buffer[] = [];
  #flags: number;

  constructor(root: Root, follow: boolean) {
    this.#root = root;
    this.#follow = follow;
    this.#flags = O_RDONLY | noAccessTime | (follow ? 0 : O_NOFOLLOW);
  }

  async *read({ work, from, skip, paired = false, budget }: ReadRequest, signal: AbortSignal): AsyncGenerator<Frame> {
    const starts = blockStarts(work.items);
    for (let index = 0; index < work.items.length; index += 1) {
      if (skip.has(index)) continue;
      const item = work.items[index] as Item;
      const first = starts[index] as number;
      const end = starts[index + 1] as number;
      if (item.entry.kind !== "file") {
        if (first >= from) yield { item: index, end: this.#endOfOther(item.entry) };
        continue;
      }
      if (end <= from) continue;
      signal.throwIfAborted();
      const opened = this.#open(item.entry);
      if (typeof opened !== "number") {
        yield { item: index, end: opened };
        continue;
      }
      try {
        const start = item.offset + Math.max(0, from - first) * item.blockBytes;
        let failure: ItemEnd | null = null;
        // The system would read megabytes ahead of a lane, whatever its share.
        if (budget !== undefined && budget.stepBytes(item.length) < item.length) native?.readNothingAhead(opened);
        for (const place of framesOf(item, start, { paired, wholeBytes: item.entry.sizeBytes })) {
          if (place.position > start) signal.throwIfAborted();
          const buffer = (this.#buffers[place.buffer] ??= Buffer.allocUnsafeSlow(frameBytes));
          for (let filled = 0; filled < place.length && failure === null;) {
            const left = place.length - filled;
            const length = Math.min(left, budget?.stepBytes(left) ?? left);
            const booked = budget?.request(length, signal);
            using pending = booked instanceof Promise ? await booked : booked;
            const step = buffer.subarray(filled, filled + length);
            failure = this.#fill(opened, { position: place.position + filled, step }, item.entry);
            pending?.answered();
            filled += length;
          }
          if (failure !== null) break;
          const bytes = place.length === frameBytes ? buffer : buffer.subarray(0, place.length);
          yield { item: index, offset: place.position, bytes, pairsWithNext: place.pairsWithNext };
        }
        yield { item: index, end: failure ?? this.#endOfFile(opened, item) };
      } finally {
        closeSync(opened);
      }
    }
  }

  /** What an entry is now; null when it is gone. */
  observe(entry: Entry): Observed | null {
    try {
      if (entry.kind === "file" || entry.kind === "hardlink" || entry.kind === "directory") {
        const seen = this.#observeOpen(entry);
        if (seen !== null) return seen;
      }
      const stat = this.#stat(entry.path);
      const kind = observedKind(entry, stat);
      // A pipe or device took its place: what was planned is not there any more.
      if (kind === null) return null;
      const link = kind === "symlink" ? this.#linkText(entry.path) : kind === "hardlink" ? entry.link : null;
      return { entry: entryOf(entry.path, stat, kind, link), xattrs: null, checksum: null };
    } catch (error) {
      if (isMissing(error)) return null;
      throw readError(error, entry.path);
    }
  }

  /** Null when it cannot be opened as what it was: then its path alone is looked at. */
  #observeOpen(entry: Entry): Observed | null {
    let fd: number;
    try {
      fd = this.#openPath(entry.path, entry.kind === "directory" ? constants.O_DIRECTORY : constants.O_NONBLOCK);
    } catch (error) {
      const code = systemCode(error);
      if (code === "ELOOP" || code === "EACCES" || code === "EPERM" || code === "ENOTDIR" || code === "ENXIO")
        return null;
      throw error;
    }
    try {
      const stat = fstatSync(fd, { bigint: true });
      const kind = observedKind(entry, stat);
      if (kind === null) return null;
      const link = kind === "hardlink" ? entry.link : null;
      return {
        entry: entryOf(entry.path, stat, kind, link),
        xattrs: readXattrs(fd),
        checksum: null,
      };
    } finally {
      closeSync(fd);
    }
  }

  #open(entry: Entry): number | ItemEnd {
    let fd: number;
    try {
      // A pipe that took the file's place must not hold the lane: it opens at once, and its version is another one.
      fd = this.#openPath(entry.path, constants.O_NONBLOCK);
    } catch (error) {
      if (isMissing(error)) return { outcome: "vanished", error: vanished(entry.path, error).toJSON() };
      if (systemCode(error) === "ELOOP") return this.#changed(entry, "became a symlink");
      return failed(error, entry.path);
    }
    if (isPinned(entry, fstatSync(fd, { bigint: true }))) return fd;
    closeSync(fd);
    return this.#changed(entry, "changed since it was listed");
  }

  #openPath(path: BytePath, more: number): number {
    const at = this.#root.at(path);
    try {
      return openSync(at, this.#flags | more);
    } catch (error) {
      if (systemCode(error) !== "EPERM" || (this.#flags & noAccessTime) === 0) throw error;
      // Somebody else's file; likely not the only one.
      this.#flags &= ~noAccessTime;
      return openSync(at, this.#flags | more);
    }
  }

  /** Null: all of it. */
  #fill(
    fd: number,
    { position, step }: { readonly position: number; readonly step: Buffer },
    entry: Entry,
  ): ItemEnd | null {
    try {
      for (let filled = 0; filled < step.length;) {
        const got = readSync(fd, step, filled, step.length - filled, position + filled);
        if (got === 0) return this.#changed(entry, "was cut short while it was read");
        filled += got;
      }
      return null;
    } catch (error) {
      return failed(error, entry.path);
    }
  }

  #endOfFile(fd: number, { entry, length }: Item): ItemEnd {
    if (!isPinned(entry, fstatSync(fd, { bigint: true }))) return this.#changed(entry, "changed while it was read");
    if (length !== entry.sizeBytes) {
      // Other ranges open the path anew: it must still lead to this file.
      const named = this.#look(entry.path);
      if (named === null || named.ino !== (entry.version as { readonly inode: bigint }).inode) {
        return this.#changed(entry, "was replaced while it was read");
      }
      return { outcome: "read", observed: { entry, xattrs: null, checksum: null } };
    }
    try {
      const xattrs = readXattrs(fd);
      return { outcome: "read", observed: { entry, xattrs, checksum: null } };
    } catch (error) {
      return failed(error, entry.path);
    }
  }

  #endOfOther(entry: Entry): ItemEnd {
    let seen: Observed | null;
    try {
      seen = this.observe(entry);
    } catch (error) {
      return failed(error, entry.path);
    }
    if (seen === null) return { outcome: "vanished", error: vanished(entry.path).toJSON() };
    if (seen.entry.kind !== entry.kind) {
      return {
        outcome: "changed",
        error: changed(entry.path, `is a ${seen.entry.kind} now`).toJSON(),
        now: seen.entry,
      };
    }
    // A directory's time moves whenever something in it does: that is no other version of anything that is copied.
    const { version } = seen.entry;
    const same =
      version.kind === "stat" &&
      entry.version.kind === "stat" &&
      version.inode === entry.version.inode &&
      version.mtimeNs === entry.version.mtimeNs;
    if (entry.kind !== "directory" && (!same || seen.entry.link !== entry.link)) {
      return {
        outcome: "changed",
        error: changed(entry.path, "changed since it was listed").toJSON(),
        now: seen.entry,
      };
    }
    return { outcome: "read", observed: seen };
  }

  #changed(entry: Entry, how: string): ItemEnd {
    const stat = this.#look(entry.path);
    const kind = stat === null ? null : kindOf(stat);
    let now: Entry | null = null;
    if (stat !== null && kind !== null && kind !== "other") {
      const link = kind === "symlink" ? this.#linkText(entry.path) : null;
      now = entryOf(entry.path, stat, kind, link);
    }
    return { outcome: "changed", error: changed(entry.path, how).toJSON(), now };
  }

  #look(path: BytePath): BigIntStats | null {
    try {
      return this.#stat(path);
    } catch {
      return null;
    }
  }

  #stat(path: BytePath): BigIntStats {
    const at = this.#root.at(path);
    return this.#follow || path === "" ? statSync(at, { bigint: true }) : lstatSync(at, { bigint: true });
  }

  #linkText(path: BytePath): BytePath {
    return readlinkSync(this.#root.at(path), { encoding: "latin1" }) as BytePath;
  }
}

function failed(error: unknown, path: BytePath): ItemEnd {
  return { outcome: "failed", error: readError(error, path).toJSON() };
}

/** A later name of a hard-linked file stays one as long as it leads to the same file. */
function observedKind(entry: Entry, stat: BigIntStats): EntryKind | null {
  const kind = kindOf(stat);
  if (kind === "other") return null;
  const isSameFile = entry.version.kind === "stat" && entry.version.inode === stat.ino;
  return entry.kind === "hardlink" && kind === "file" && isSameFile ? "hardlink" : kind;
}
