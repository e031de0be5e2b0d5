import {
  type BigIntStats,
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
import { blockStarts, type Item, type Work } from "../../model/chunk.ts";
import { type Entry, modifiedNs } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";
import type { ItemLoss } from "../../model/task.ts";
import type { ExtendedAttributes, Observed } from "../../ports/source.ts";
import type { PublishRequest, Refusal, WriteReceipt } from "../../ports/target.ts";
import { ownerRead, setAttributes, setLinkAttributes } from "./attributes.ts";
import type { Containment } from "./contain.ts";
import { isMissing, isRefusal, stagingGone, writeError } from "./errors.ts";
import { syncDirectories } from "./flush.ts";
import type { Identities } from "./identity.ts";
import { assertContained, type FsPath, type Root } from "./root.ts";
import { identityOfStaging, stagingPath } from "./staging.ts";
import { kindOf } from "./stat-entry.ts";
import { isSameFile } from "./structure.ts";

export interface PublisherOptions {
  readonly root: Root;
  readonly containment: Containment;
  readonly durable: boolean;
  readonly identities: Identities;
}

/** An entry that waits for its name, and by what its partial file was known when its bytes were written. */
interface Staged {
  readonly entry: Entry;
  readonly path: BytePath;
  readonly identities: readonly (string | null)[];
}

/** Gives staged entries their names, and entries in place their attributes. */
export class Publisher {
  readonly #root: Root;
  readonly #containment: Containment;
  readonly #durable: boolean;
  readonly #identities: Identities;

  constructor({ root, containment, durable, identities }: PublisherOptions) {
    this.#root = root;
    this.#containment = containment;
    this.#durable = durable;
    this.#identities = identities;
  }

  publish({ work, skip, observed, receipts }: PublishRequest, signal: AbortSignal): WriteReceipt {
    const ofHead = [identityOfStaging(work.staging)];
    const starts = blockStarts(work.items);
    return this.#each(work, work.items.keys(), { skip, signal }, ({ entry }, index) => {
      const ofBlocks = receipts.tags?.slice(starts[index], starts[index + 1]) ?? [];
      const identities = work.kind === "head" ? ofHead : ofBlocks;
      const staged = { entry, path: stagingPath(work.jobId, entry), identities };
      const losses = work.kind === "head" && observed !== null ? this.#dress(staged, observed) : [];
      this.#rename(staged);
      return losses;
    });
  }

  /** Children before parents: setting what is in a directory changes the time of the directory. */
  seal(
    work: Work,
    skip: ReadonlySet<number>,
    signal: AbortSignal,
    xattrs?: ReadonlyMap<number, ExtendedAttributes>,
  ): WriteReceipt {
    const order = Array.from(work.items.keys()).toReversed().values();
    return this.#each(work, order, { skip, signal }, ({ entry }, index) =>
      this.#sealEntry(entry, xattrs?.get(index) ?? null),
    );
  }

  #each(
    work: Work,
    order: IterableIterator<number>,
    { skip, signal }: { readonly skip: ReadonlySet<number>; readonly signal: AbortSignal },
    act: (item: Item, index: number) => ItemLoss["losses"],
  ): WriteReceipt {
    this.#containment.forget();
    const refused: Refusal[] = [];
    const lost: ItemLoss[] = [];
    for (const index of order) {
      if (skip.has(index)) continue;
      const item = work.items[index] as Item;
      signal.throwIfAborted();
      try {
        const losses = act(item, index);
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
  #dress(staged: Staged, observed: Observed): ItemLoss["losses"] {
    const at = this.#root.at(staged.path);
    let fd: number;
    try {
      fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    try {
      // Another worker's: whether its own has its place already is seen when it is renamed.
      if (!this.#isWritten(fstatSync(fd, { bigint: true }), staged)) return [];
      const wanted = { ...observed, extraMode: ownerRead };
      const losses = setAttributes(fd, wanted);
      if (this.#durable) fsyncSync(fd);
      return losses;
    } finally {
      closeSync(fd);
    }
  }

  #rename(staged: Staged): void {
    const { entry } = staged;
    const from = this.#root.at(staged.path);
    if (!this.#containment.hasParent(entry.path)) throw stagingGone(entry.path);
    this.#takeReadBit(staged);
    // A rename acts on a name, so the name is looked at, and last of all: no other call stands between the two.
    const there = lstatSync(from, { bigint: true, throwIfNoEntry: false });
    const isOurs = there !== undefined && this.#isWritten(there, staged);
    if (!isOurs || !isRenamed(from, this.#root.at(entry.path))) {
      if (!this.#isPublished(staged)) throw stagingGone(entry.path);
      return;
    }
    if (entry.kind === "hardlink") this.#dropTwin(from);
    this.#containment.dirty.add(entry.path.includes("/") ? parentOf(entry.path) : ("" as BytePath));
  }

  /** Whether this is the file that was written and verified, and not one that a stale worker began anew. */
  #isWritten(stat: BigIntStats, { entry, path, identities }: Staged): boolean {
    if (entry.kind !== "file") return true;
    if (kindOf(stat) !== "file" || Number(stat.size) !== entry.sizeBytes) return false;
    return this.#identities.isRecorded(stat, path, identities);
  }

  /** Renaming one name of a file onto another name of the same file does nothing, by POSIX: the first stays. */
  #dropTwin(staging: string | Buffer): void {
    if (lstatSync(staging, { throwIfNoEntry: false }) !== undefined) unlinkSync(staging);
  }

  #takeReadBit(staged: Staged): void {
    const { kind, attributes } = staged.entry;
    const mode = attributes?.mode ?? ownerRead;
    if (kind !== "file" || (mode & ownerRead) !== 0) return;
    try {
      const fd = openSync(this.#root.at(staged.path), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        if (!this.#isWritten(fstatSync(fd, { bigint: true }), staged)) return;
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
  #isPublished(staged: Staged): boolean {
    const { entry } = staged;
    const stat = lstatSync(this.#root.at(entry.path), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return false;
    if (entry.kind === "hardlink") return entry.link !== null && isSameFile(this.#root, entry.path, entry.link);
    if (kindOf(stat) !== entry.kind) return false;
    if (!this.#isWritten(stat, staged)) return false;
    // Without koffi times are exact to a microsecond only.
    const apart = stat.mtimeNs - modifiedNs(entry);
    return apart > -1_000n && apart < 1_000n;
  }

  #sealEntry(entry: Entry, xattrs: ExtendedAttributes | null): ItemLoss["losses"] {
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
      const losses = setAttributes(fd, { entry, xattrs, extraMode: 0 });
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

/** @returns false when there is nothing to rename */
function isRenamed(from: FsPath, to: FsPath): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
