import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { GodwitError } from "../../base/errors.ts";
import type { Item, Work } from "../../model/chunk.ts";
import type { Entry } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";
import type { ItemLoss } from "../../model/task.ts";
import type { EndFrame, Observed } from "../../ports/source.ts";
import type { BlockReceipt, DigestedFrame, Refusal, WriteListener, WriteReceipt } from "../../ports/target.ts";
import { ownerRead, setAttributes, setModified } from "./attributes.ts";
import type { Containment } from "./contain.ts";
import { isMissing, isRefusal, stagingGone, systemCode, writeError } from "./errors.ts";
import type { Flush } from "./flush.ts";
import type { Identities } from "./identity.ts";
import { native } from "./native.ts";
import { openStaged } from "./open-staged.ts";
import { givesPagesBack } from "./page-cache.ts";
import { makeDirectory, makeHardLink, makeSymlink, type Structure } from "./structure.ts";
import type { Root } from "./root.ts";
import { identityOfStaging, stagingPath } from "./staging.ts";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
/** Private until it is complete. */
const partialMode = 0o600;
/** Holes are kept with this grain: what file systems allocate. */
const holeBytes = 4_096;
const zeros = Buffer.alloc(holeBytes);

interface OpenPartial {
  readonly fd: number;
  readonly path: BytePath;
  readonly identity: string | null;
  /** False when an earlier attempt had begun it: its length then needs setting. */
  readonly isFresh: boolean;
  /** It has all of its attributes. */
  isFinished: boolean;
  /** Where the write-back that was not yet started begins. */
  unstarted: number;
  end: number;
}

export interface WriterOptions {
  readonly root: Root;
  readonly work: Work;
  readonly containment: Containment;
  readonly flush: Flush;
  readonly identities: Identities;
  readonly onRefused: WriteListener["onRefused"];
}

/** Writes the frames of one chunk into partial files beside their final places. */
export class ChunkWriter {
  readonly #root: Root;
  readonly #work: Work;
  readonly #containment: Containment;
  readonly #flush: Flush;
  readonly #identities: Identities;
  readonly #structure: Structure;
  readonly #onRefused: WriteListener["onRefused"];
  readonly #refused: Refusal[] = [];
  readonly #lost: ItemLoss[] = [];
  #index = -1;
  #item: Item | null = null;
  #partial: OpenPartial | null = null;
  #isRefused = false;
  /** The last block of a whole item: confirmed with its end, since a successor that skips it would never see that end. */
  #lastBlock: BlockReceipt | null = null;

  constructor({ root, work, containment, flush, identities, onRefused }: WriterOptions) {
    this.#root = root;
    this.#work = work;
    this.#containment = containment;
    this.#flush = flush;
    this.#identities = identities;
    this.#onRefused = onRefused;
    this.#structure = { root, containment, jobId: work.jobId };
  }

  async run(frames: AsyncIterable<DigestedFrame>, signal: AbortSignal): Promise<WriteReceipt> {
    try {
      for await (const frame of frames) {
        signal.throwIfAborted();
        if (frame.item !== this.#index) this.#begin(frame.item);
        if ("end" in frame) this.#end(frame);
        else this.#bytes(frame);
        if (this.#flush.isDue) this.#flush.flush(this.#partial?.fd ?? null);
      }
      this.#leave();
      this.#flush.flush(null);
      return { refused: this.#refused, lost: this.#lost };
    } catch (error) {
      throw writeError(error, this.#item?.entry.path ?? ("" as BytePath));
    } finally {
      this.#abandonPartial();
      this.#flush.abandon();
    }
  }

  #begin(index: number): void {
    this.#leave();
    this.#index = index;
    this.#item = this.#work.items[index] as Item;
    this.#isRefused = false;
    this.#lastBlock = null;
  }

  /** An item whose end has not come (a stream that broke off) keeps what it has. */
  #leave(): void {
    const partial = this.#partial;
    this.#partial = null;
    if (partial === null) return;
    this.#leaveTime(partial);
    this.#flush.close(partial.fd);
  }

  /**
   * Whoever wakes up late may have written to what a successor has published since: the same bytes, but the file's time
   * moved. So nobody leaves a file with another time than the one that it is to have.
   */
  #leaveTime({ fd, isFinished }: OpenPartial): void {
    if (!isFinished) setModified(fd, (this.#item as Item).entry);
  }

  #bytes(frame: Exclude<DigestedFrame, EndFrame>): void {
    const item = this.#item as Item;
    if (!this.#isRefused) {
      try {
        this.#partial ??= this.#open(item, frame.offset);
        this.#write(this.#partial, frame.bytes, frame.offset, item.entry.sparse);
      } catch (error) {
        this.#refuse(error);
      }
    }
    if (frame.digest === null) return;
    const partial = this.#partial;
    if (partial !== null && (this.#flush.waits || givesPagesBack(item))) {
      native?.startWriteBack(partial.fd, partial.unstarted, partial.end - partial.unstarted);
      partial.unstarted = partial.end;
    }
    if (this.#isRefused) return;
    // A range's partial is known by its staging word.
    const receipt = { block: frame.block, tag: this.#isRange ? null : (partial?.identity ?? null) };
    if (!this.#isRange && frame.offset + frame.bytes.length === item.length) this.#lastBlock = receipt;
    else this.#flush.block(receipt);
  }

  #end({ item: index, end }: EndFrame): void {
    const item = this.#item as Item;
    if (this.#isRefused) return;
    if (end.outcome !== "read") {
      this.#drop(item);
      return;
    }
    try {
      if (item.entry.kind === "file") {
        this.#finish(index, item, end.observed);
        if (this.#lastBlock !== null) this.#flush.block(this.#lastBlock);
      } else {
        this.#make(index, item.entry, end.observed);
      }
    } catch (error) {
      this.#refuse(error);
    }
  }

  #finish(index: number, item: Item, observed: Observed): void {
    const partial = this.#partial;
    // All blocks were confirmed before, only the end is new: its attributes are.
    if (partial === null && this.#isRange) return;
    const open = partial ?? this.#open(item, item.length);
    this.#partial = open;
    if (this.#isRange) return;
    if (!open.isFresh || open.end !== item.length || item.entry.sparse) ftruncateSync(open.fd, item.length);
    const wanted = { ...observed, extraMode: ownerRead };
    this.#note(index, setAttributes(open.fd, wanted));
    open.isFinished = true;
  }

  #abandonPartial(): void {
    const partial = this.#partial;
    this.#partial = null;
    if (partial === null) return;
    try {
      this.#leaveTime(partial);
    } finally {
      closeSync(partial.fd);
    }
  }

  #make(index: number, entry: Entry, observed: Observed): void {
    if (entry.kind === "directory") this.#note(index, makeDirectory(this.#structure, entry, observed));
    else if (entry.kind === "symlink") this.#note(index, makeSymlink(this.#structure, entry));
    else makeHardLink(this.#structure, entry, observed);
  }

  get #isRange(): boolean {
    return this.#work.kind === "range";
  }

  #open({ entry, offset }: Item, at: number): OpenPartial {
    const path = stagingPath(this.#work.jobId, entry);
    const parent = this.#containment.makeParent(entry.path);
    const system = this.#root.at(path);
    const check = (stat: BigIntStats): void => this.#assertStaged(stat, path, entry);
    // What must be there already is never created: an empty file in its place would pass for confirmed blocks.
    if (this.#isRange || at > offset) {
      try {
        return this.#opened(openStaged(system, check), entry, { path, isFresh: false, at });
      } catch (error) {
        throw isMissing(error) ? stagingGone(entry.path) : error;
      }
    }
    let fd: number;
    try {
      fd = openSync(system, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, partialMode);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      // Begun by an earlier attempt. Never emptied: somebody slow may still write the same bytes to it, or read it back.
      return this.#opened(openStaged(system, check), entry, { path, isFresh: false, at });
    }
    this.#containment.dirty.add(parent);
    return this.#opened(fd, entry, { path, isFresh: true, at });
  }

  #opened(
    fd: number,
    entry: Entry,
    { path, isFresh, at }: { readonly path: BytePath; readonly isFresh: boolean; readonly at: number },
  ): OpenPartial {
    try {
      const stat = fstatSync(fd, { bigint: true });
      this.#assertStaged(stat, path, entry);
      return {
        fd,
        path,
        identity: this.#identities.of(stat, path),
        isFresh,
        isFinished: false,
        unstarted: at,
        end: at,
      };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** @throws upload_vanished when this is not the file that the head of a range has made, or none at all */
  #assertStaged(stat: BigIntStats, path: BytePath, entry: Entry): void {
    const recorded = this.#isRange ? [identityOfStaging(this.#work.staging)] : [];
    if (!stat.isFile() || !this.#identities.isRecorded(stat, path, recorded)) throw stagingGone(entry.path);
  }

  #write(partial: OpenPartial, bytes: Uint8Array, offset: number, sparse: boolean): void {
    const length = bytes.length;
    partial.end = offset + length;
    if (!sparse) {
      writeFully(partial.fd, bytes, offset);
      return;
    }
    const there = partial.isFresh ? null : bytesThere(partial.fd, offset, length);
    const isHole = (at: number): boolean => isZero(bytes, at) && (there === null || isZero(there, at));
    for (let at = 0; at < length;) {
      const leaveOut = isHole(at);
      let to = Math.min(at + holeBytes, length);
      while (to < length && isHole(to) === leaveOut) to = Math.min(to + holeBytes, length);
      if (!leaveOut) writeFully(partial.fd, bytes.subarray(at, to), offset + at);
      at = to;
    }
  }

  /** Bytes of a version that was not the pinned one must not stay: of a range, the head sees to that. */
  #drop({ entry }: Item): void {
    this.#leave();
    if (this.#isRange || entry.kind !== "file") return;
    try {
      unlinkSync(this.#root.at(stagingPath(this.#work.jobId, entry)));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  #note(item: number, losses: ItemLoss["losses"]): void {
    if (losses.length > 0) this.#lost.push({ item, losses });
  }

  #refuse(cause: unknown): void {
    const item = this.#item as Item;
    const error: GodwitError = writeError(cause, item.entry.path);
    // A partial that is gone is the trouble of its own entry; a range has no other.
    const isGone = error.code === "upload_vanished" && !this.#isRange;
    if (!isRefusal(error) && !isGone) throw error;
    this.#isRefused = true;
    const refusal: Refusal = { item: this.#index, error: error.toJSON() };
    this.#refused.push(refusal);
    this.#onRefused(refusal);
    this.#leave();
  }
}

function isZero(bytes: Uint8Array, from: number): boolean {
  const to = Math.min(from + holeBytes, bytes.length);
  return zeros.compare(bytes, from, to, 0, to - from) === 0;
}

let scratch = Buffer.alloc(0);

/** What an earlier attempt, or the repaired file, has in this place: zeros are left out only where zeros are. */
function bytesThere(fd: number, offset: number, length: number): Buffer {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length);
  const view = scratch.subarray(0, length);
  const got = readSync(fd, view, 0, length, offset);
  return got < length ? view.fill(0, got) : view;
}

function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}
