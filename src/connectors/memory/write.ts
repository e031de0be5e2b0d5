import { GodwitError } from "../../base/errors.ts";
import type { Item, Work } from "../../model/chunk.ts";
import type { Entry } from "../../model/entry.ts";
import type { EndFrame, ItemEnd } from "../../ports/source.ts";
import type { BlockReceipt, DigestedFrame, Refusal, WriteListener, WriteReceipt } from "../../ports/target.ts";
import { conflict, firstNameMissing, firstNameOld, stagingGone } from "./errors.ts";
import type { MemoryPlace, StagedNode } from "./place.ts";
import {
  checkWay,
  dress,
  give,
  isShown,
  isTagged,
  isVersionOf,
  show,
  stage,
  stagingKey,
  tagOf,
  tagsOfStaging,
} from "./staging.ts";

export interface MemoryWriterOptions extends WriteListener {
  readonly place: MemoryPlace;
  readonly work: Work;
  readonly durable: boolean;
}

/**
 * Stages the frames of one chunk. A block is synced when its last frame has come, and confirmed then; the last one of a
 * whole item only with the item's end, which brings its attributes. A target that publishes first keeps a whole item to
 * itself until its end, and confirms it once it is visible, as an upload to a bucket does.
 */
export class MemoryWriter {
  readonly #options: MemoryWriterOptions;
  readonly #refused = new Map<number, Refusal>();
  /** Blocks that wait for the end of their item. */
  #held: BlockReceipt[] = [];
  #upload: StagedNode | null = null;

  constructor(options: MemoryWriterOptions) {
    this.#options = options;
  }

  async run(frames: AsyncIterable<DigestedFrame>, signal: AbortSignal): Promise<WriteReceipt> {
    for await (const frame of frames) {
      signal.throwIfAborted();
      if (this.#refused.has(frame.item)) continue;
      const item = this.#options.work.items[frame.item] as Item;
      try {
        if ("end" in frame) this.#end(item, frame.end);
        else this.#bytes(item, frame);
      } catch (error) {
        if (!(error instanceof GodwitError)) throw error;
        const isGone = error.code === "upload_vanished" && !this.#isRange;
        if (error.disposition !== "rejected" && !isGone) throw error;
        const refusal: Refusal = { item: frame.item, error: error.toJSON() };
        this.#refused.set(frame.item, refusal);
        this.#options.onRefused(refusal);
        this.#held = [];
        this.#upload = null;
      }
    }
    return { refused: [...this.#refused.values()], lost: [] };
  }

  #bytes(item: Item, frame: Exclude<DigestedFrame, EndFrame>): void {
    const { durable, onConfirmed } = this.#options;
    if (this.#isTail(item, frame.offset)) {
      this.#held = [{ block: frame.block, tag: null }];
      return;
    }
    const staged = this.#staged(item, frame.offset);
    staged.node.bytes.set(frame.bytes, frame.offset);
    staged.unsynced.push([frame.offset, frame.offset + frame.bytes.length]);
    if (frame.digest === null) return;
    if (durable) staged.unsynced = [];
    const isLast = frame.offset + frame.bytes.length === item.length;
    const receipt = { block: frame.block, tag: this.#tagOf(staged) };
    if (!this.#isRange && (isLast || this.#options.place.publishFirst)) this.#held.push(receipt);
    else onConfirmed(receipt);
  }

  #end(item: Item, end: ItemEnd): void {
    const { place, work, onConfirmed } = this.#options;
    const { entry } = item;
    const held = this.#held;
    this.#held = [];
    if (end.outcome !== "read") {
      if (!this.#isRange) place.staged.delete(stagingKey(work.jobId, entry));
      this.#upload = null;
      return;
    }
    if (entry.kind === "directory") this.#makeDirectory(entry);
    else if (entry.kind === "file" && !this.#isRange) {
      if (!this.#isTail(item, item.length)) {
        const { node } = this.#staged(item, item.length);
        this.#upload = null;
        dress(node, end.observed.entry, end.observed.xattrs);
        if (place.publishFirst) give(place, entry, node);
      }
    } else if (entry.kind !== "file") {
      this.#makeLink(entry, end.observed.entry);
      if (place.publishFirst) show(place, stagingKey(work.jobId, entry), entry);
    }
    for (const receipt of held) onConfirmed(receipt);
  }

  /** Only the tail comes of an item that a predecessor has published, confirming all but its last block. */
  #isTail({ entry, offset }: Item, at: number): boolean {
    const { place } = this.#options;
    if (!place.publishFirst || this.#isRange || this.#upload !== null || at <= offset) return false;
    return isShown(place, entry);
  }

  #makeDirectory(entry: Entry): void {
    const { place } = this.#options;
    const there = place.nodes.get(entry.path);
    if (entry.path !== "") checkWay(place, entry.path);
    if (there !== undefined && there.kind !== "directory") throw conflict(entry.path);
    place.makeDirectory(entry.path);
  }

  #makeLink(entry: Entry, observed: Entry): void {
    const { place, work } = this.#options;
    checkWay(place, entry.path);
    const key = stagingKey(work.jobId, entry);
    if (entry.kind === "symlink") {
      const node = stage(place, key, "symlink");
      node.link = entry.link;
      dress(node, entry, null);
      return;
    }
    const first = entry.link === null ? undefined : place.nodes.get(entry.link);
    if (first === undefined) throw firstNameMissing(entry.path);
    if (!isVersionOf(first, observed)) throw firstNameOld(entry.path);
    first.names += 1;
    place.staged.set(key, { node: first, stagedAtMs: Number(place.nowNs() / 1_000_000n), unsynced: [] });
  }

  #staged({ entry, offset }: Item, at: number): StagedNode {
    const { place, work } = this.#options;
    const key = stagingKey(work.jobId, entry);
    const staged = this.#upload ?? place.staged.get(key);
    const tags = this.#isRange ? tagsOfStaging(work.staging) : [];
    if (staged !== undefined && isTagged(staged.node, tags)) return staged;
    if (this.#isRange || at > offset) throw stagingGone(entry.path);
    checkWay(place, entry.path);
    if (place.publishFirst) {
      const node = place.make("file", { mode: 0o600 });
      node.bytes = Buffer.alloc(entry.sizeBytes);
      this.#upload = { node, stagedAtMs: 0, unsynced: [] };
      return this.#upload;
    }
    stage(place, key, "file").bytes = Buffer.alloc(entry.sizeBytes);
    return place.staged.get(key) as StagedNode;
  }

  /** A range's is in its staging word; what is visible when it is written is not published again. */
  #tagOf({ node }: StagedNode): string | null {
    return this.#isRange || this.#options.place.publishFirst ? null : tagOf(node);
  }

  get #isRange(): boolean {
    return this.#options.work.kind === "range";
  }
}
