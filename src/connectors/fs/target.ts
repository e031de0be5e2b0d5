/**
 * A directory as a target. Everything is staged beside its final place under a name that the pinned version is part of,
 * becomes durable, is read back, and only then renamed into place. Nothing is written outside the root: it refuses paths
 * that lead out of it, and directories that are symlinks.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
} from "node:fs";
import { GodwitError } from "../../base/errors.ts";
import type { Item, Work } from "../../model/chunk.ts";
import type { Entry, ReadFrom } from "../../model/entry.ts";
import { type BytePath, displayPath, parentPath } from "../../model/path.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type { ExtendedAttributes, Frame } from "../../ports/source.ts";
import type {
  Acceptance,
  DigestedFrame,
  PublishRequest,
  ReadBackRequest,
  Target,
  WriteListener,
  WriteReceipt,
} from "../../ports/target.ts";
import { Acceptor } from "./accept.ts";
import { Containment } from "./contain.ts";
import { conflict, isMissing, systemCode, writeError } from "./errors.ts";
import { Flush, syncDirectories } from "./flush.ts";
import { Identities } from "./identity.ts";
import { openStaged } from "./open-staged.ts";
import { Publisher } from "./publish.ts";
import { ReadBack } from "./read-back.ts";
import type { FsPath, Root } from "./root.ts";
import { stagingPath, stagingWord } from "./staging.ts";
import { ChunkWriter } from "./write.ts";

/** The unit of hashing and of resume. */
const blockBytes = 8 * 1024 * 1024;
const partialMode = 0o600;
/** Of directories whose source has none of its own: what the process's mask leaves of it. */
const usualMode = 0o777;

export class FsTarget implements Target {
  readonly location: string;
  readonly publishFirst = false;
  readonly takesPairs = true;
  readonly #root: Root;
  readonly #options: OpenOptions;
  readonly #acceptor: Acceptor;
  readonly #containment: Containment;
  readonly #readBack: ReadBack;
  readonly #publisher: Publisher;
  readonly #identities: Identities;

  constructor(root: Root, options: OpenOptions) {
    this.location = root.location;
    this.#root = root;
    this.#options = options;
    this.#acceptor = new Acceptor(root);
    this.#containment = new Containment(root, options.seals === false ? usualMode : undefined);
    this.#identities = new Identities(root);
    const durable = options.durability === "fsync";
    this.#readBack = new ReadBack(root, new Containment(root), durable && options.verify === "readback");
    this.#publisher = new Publisher({ root, containment: this.#containment, durable, identities: this.#identities });
  }

  get readFrom(): ReadFrom {
    return this.#readBack.readFrom;
  }

  blockBytes(_sizeBytes: number): number {
    return blockBytes;
  }

  accepts(entry: Entry): Acceptance {
    return this.#acceptor.accepts(entry);
  }

  async prepare(work: Work, repair: boolean, signal: AbortSignal): Promise<string | null> {
    signal.throwIfAborted();
    const { entry } = work.items[0] as Item;
    try {
      this.#containment.forget();
      const parent = this.#containment.makeParent(entry.path);
      const staging = stagingPath(work.jobId, entry);
      if (repair) this.#copyPublished(entry, staging);
      const identity = this.#makePartial(entry, staging);
      this.#containment.dirty.add(parent);
      if (this.#options.durability === "fsync") syncDirectories(this.#root, this.#containment.dirty);
      return stagingWord(staging, identity);
    } catch (error) {
      throw writeError(error, entry.path);
    }
  }

  async write(
    work: Work,
    frames: AsyncIterable<DigestedFrame>,
    { onConfirmed, onRefused }: WriteListener,
    signal: AbortSignal,
  ): Promise<WriteReceipt> {
    this.#containment.forget();
    const { durability } = this.#options;
    const flush = new Flush({ root: this.#root, durability, dirty: this.#containment.dirty, onConfirmed });
    const own = { root: this.#root, containment: this.#containment, identities: this.#identities };
    return await new ChunkWriter({ ...own, work, flush, onRefused }).run(frames, signal);
  }

  readBack(request: ReadBackRequest, signal: AbortSignal): AsyncIterable<Frame> {
    return this.#readBack.read(request, signal);
  }

  async publish(request: PublishRequest, signal: AbortSignal): Promise<WriteReceipt> {
    return this.#publisher.publish(request, signal);
  }

  async seal(
    work: Work,
    skip: ReadonlySet<number>,
    signal: AbortSignal,
    xattrs?: ReadonlyMap<number, ExtendedAttributes>,
  ): Promise<WriteReceipt> {
    return this.#publisher.seal(work, skip, signal, xattrs);
  }

  async remove(path: BytePath, isDirectory: boolean, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    try {
      this.#containment.forget();
      if (!this.#containment.hasParent(path)) return false;
      const at = this.#root.at(path);
      if (isDirectory) rmdirSync(at);
      else if (lstatSync(at).isDirectory()) throw conflict(path);
      else unlinkSync(at);
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code === "ENOENT") return false;
      if (code === "ENOTEMPTY" || code === "EEXIST") throw notEmpty(path, error);
      throw writeError(error, path);
    }
  }

  async discard(work: Work, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#containment.forget();
    for (const { entry } of work.items) {
      if (entry.kind === "directory" || !this.#containment.hasParent(entry.path)) continue;
      try {
        unlinkSync(this.#root.at(stagingPath(work.jobId, entry)));
      } catch (error) {
        if (!isMissing(error)) throw writeError(error, entry.path);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** A damaged published file becomes the base of the new one, so that only its bad ranges are sent again. */
  #copyPublished(entry: Entry, staging: BytePath): void {
    const published = lstatSync(this.#root.at(entry.path), { throwIfNoEntry: false });
    if (published?.isFile() !== true) return;
    const to = this.#root.at(staging);
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) return;
    this.#checkSpace(entry, staging);
    copyFileSync(this.#root.at(entry.path), to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  }

  #makePartial(entry: Entry, staging: BytePath): string | null {
    const at = this.#root.at(staging);
    if (lstatSync(at, { throwIfNoEntry: false }) === undefined) this.#checkSpace(entry, staging);
    const fd = openOrMake(at);
    try {
      const stat = fstatSync(fd, { bigint: true });
      if ((Number(stat.mode) & 0o7777) !== partialMode) fchmodSync(fd, partialMode);
      if (Number(stat.size) !== entry.sizeBytes) ftruncateSync(fd, entry.sizeBytes);
      if (this.#options.durability === "fsync") fsyncSync(fd);
      return this.#identities.of(stat, staging);
    } finally {
      closeSync(fd);
    }
  }

  /** @throws disk_full before anything is written, rather than hours later */
  #checkSpace(entry: Entry, staging: BytePath): void {
    if (entry.sparse) return;
    const { bavail, bsize } = statfsSync(this.#root.at(parentPath(staging)));
    const freeBytes = bavail * bsize;
    if (freeBytes >= entry.sizeBytes) return;
    throw new GodwitError("disk_full", {
      disposition: "fatal",
      what: `${displayPath(entry.path)} has ${entry.sizeBytes} bytes, the target has ${freeBytes} free`,
      hint: "Make room on the target, then run the same command again: it goes on where it stopped.",
    });
  }
}

/** Made by an earlier attempt, or copied from what is published: one that is there may be read-only. */
function openOrMake(path: FsPath): number {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, partialMode);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return openStaged(path, () => {});
  }
}

function notEmpty(path: BytePath, cause: unknown): GodwitError {
  return new GodwitError("target_conflict", {
    disposition: "retry",
    what: `directory ${displayPath(path)} is not empty`,
    hint: "What is in it is removed first; a file that came in since then is left alone.",
    cause,
  });
}
