import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import type { Item, Work } from "../../model/chunk.ts";
import { type Entry, modifiedNs } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";
import type { ItemLoss } from "../../model/task.ts";
import type { Observed } from "../../ports/source.ts";
import type { PublishRequest, Refusal, WriteReceipt } from "../../ports/target.ts";
import { ownerRead, setAttributes, setLinkAttributes } from "./attributes.ts";
import type { Containment } from "./contain.ts";
import { isMissing, isRefusal, stagingGone, systemCode, writeError } from "./errors.ts";
import { syncDirectories } from "./flush.ts";
import { assertContained, type Root } from "./root.ts";
import { stagingPath } from "./staging.ts";
import { kindOf } from "./stat-entry.ts";
import { isSameFile } from "./structure.ts";

export interface PublisherOptions {
  readonly root: Root;
  readonly containment: Containment;
  readonly durable: boolean;
}

/** Gives staged entries their names, and entries in place their attributes. */
export class Publisher {
  readonly #root: Root;
  readonly #containment: Containment;
  readonly #durable: boolean;

  constructor({ root, containment, durable }: PublisherOptions) {
    this.#root = root;
    this.#containment = containment;
    this.#durable = durable;
  }

  publish({ work, skip, observed }: PublishRequest, signal: AbortSignal): WriteReceipt {
    return this.#each(work, work.items.keys(), { skip, signal }, (item) => {
      const losses = work.kind === "head" && observed !== null ? this.#dress(work, item, observed) : [];
      this.#rename(work, item);
      return losses;
    });
  }

  /** Children before parents: setting what is in a directory changes the time of the directory. */
  seal(work: Work, skip: ReadonlySet<number>, signal: AbortSignal): WriteReceipt {
    const order = Array.from(work.items.keys()).toReversed().values();
    return this.#each(work, order, { skip, signal }, ({ entry }) => this.#sealEntry(entry));
  }

  #each(
    work: Work,
    order: IterableIterator<number>,
    { skip, signal }: { readonly skip: ReadonlySet<number>; readonly signal: AbortSignal },
    act: (item: Item) => ItemLoss["losses"],
  ): WriteReceipt {
    this.#containment.forget();
    const refused: Refusal[] = [];
    const lost: ItemLoss[] = [];
    for (const index of order) {
      if (skip.has(index)) continue;
      const item = work.items[index] as Item;
      if ((index & 0xff) === 0) signal.throwIfAborted();
      try {
        const losses = act(item);
        if (losses.length > 0) lost.push({ item: index, losses });
      } catch (cause) {
        const error = writeError(cause, item.entry.path);
        // A partial that is gone is this item's own trouble, and sent again.
        if (!isRefusal(error) && error.code !== "upload_vanished") throw error;
        if (error.code === "upload_vanished" && work.kind === "head") throw error;
        refused.push({ item: index, error: error.toJSON() });
      }
    }
    if (this.#durable) syncDirectories(this.#root, this.#containment.dirty);
    else this.#containment.dirty.clear();
    return { refused, lost };
  }

  /** A large file's attributes: its ranges have left them to this moment. */
  #dress({ jobId }: Work, { entry }: Item, observed: Observed): ItemLoss["losses"] {
    const path = stagingPath(jobId, entry);
    const at = this.#root.at(path);
    let fd: number;
    try {
      fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    try {
      if (fstatSync(fd).size !== entry.sizeBytes) throw stagingGone(entry.path);
      const wanted = { entry: observed.entry, xattrs: observed.xattrs, extraMode: ownerRead };
      const losses = setAttributes(fd, at, wanted);
      if (this.#durable) fsyncSync(fd);
      return losses;
    } finally {
      closeSync(fd);
    }
  }

  #rename({ jobId }: Work, { entry }: Item): void {
    const staging = stagingPath(jobId, entry);
    const from = this.#root.at(staging);
    const to = this.#root.at(entry.path);
    if (!this.#containment.hasParent(entry.path)) throw stagingGone(entry.path);
    const mode = entry.attributes?.mode ?? ownerRead;
    if (entry.kind === "file" && (mode & ownerRead) === 0) this.#takeReadBit(staging, mode);
    try {
      renameSync(from, to);
    } catch (error) {
      if (systemCode(error) !== "ENOENT" || !this.#isPublished(entry)) {
        throw isMissing(error) ? stagingGone(entry.path) : error;
      }
      return;
    }
    if (entry.kind === "hardlink") this.#dropTwin(from);
    this.#containment.dirty.add(entry.path.includes("/") ? parentOf(entry.path) : ("" as BytePath));
  }

  /** Renaming one name of a file onto another name of the same file does nothing, by POSIX: the first stays. */
  #dropTwin(staging: string | Buffer): void {
    if (lstatSync(staging, { throwIfNoEntry: false }) !== undefined) unlinkSync(staging);
  }

  #takeReadBit(staging: BytePath, mode: number): void {
    try {
      const fd = openSync(this.#root.at(staging), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        fchmodSync(fd, mode);
        if (this.#durable) fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** A predecessor has renamed it and died before it could say so. */
  #isPublished(entry: Entry): boolean {
    const stat = lstatSync(this.#root.at(entry.path), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return false;
    if (entry.kind === "hardlink") return entry.link !== null && isSameFile(this.#root, entry.path, entry.link);
    if (kindOf(stat) !== entry.kind) return false;
    if (entry.kind === "file" && Number(stat.size) !== entry.sizeBytes) return false;
    // Without koffi times are exact to a microsecond only.
    const apart = stat.mtimeNs - modifiedNs(entry);
    return apart > -1_000n && apart < 1_000n;
  }

  #sealEntry(entry: Entry): ItemLoss["losses"] {
    if (entry.attributes === null) return [];
    if (entry.path !== "") {
      assertContained(entry.path);
      if (!this.#containment.hasParent(entry.path)) throw stagingGone(entry.path);
    }
    const at = this.#root.at(entry.path);
    if (entry.kind === "symlink") return setLinkAttributes(at, entry);
    const only = entry.kind === "directory" ? constants.O_DIRECTORY : constants.O_NONBLOCK;
    const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | only);
    try {
      const losses = setAttributes(fd, at, { entry, xattrs: null, extraMode: 0 });
      if (this.#durable) fsyncSync(fd);
      return losses;
    } finally {
      closeSync(fd);
    }
  }
}

function parentOf(path: BytePath): BytePath {
  return path.slice(0, path.lastIndexOf("/")) as BytePath;
}
