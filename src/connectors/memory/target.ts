/** A place in memory as a target: staged, synced, read back and published in the same steps as a directory. */
import { blockStarts, type Item, type Work } from "../../model/chunk.ts";
import type { Entry, ReadFrom } from "../../model/entry.ts";
import { type BytePath, isContained } from "../../model/path.ts";
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
import { eachItem } from "./each-item.ts";
import { badName, conflict, notEmpty, stagingGone } from "./errors.ts";
import type { MemoryPlace } from "./place.ts";
import { readBack } from "./read-back.ts";
import { checkWay, dress, isTagged, show, stage, stagingKey, stagingWord, tagsOfStaging } from "./staging.ts";
import { MemoryWriter } from "./write.ts";

export class MemoryTarget implements Target {
  readonly location: string;
  readonly readFrom: ReadFrom = "medium";
  readonly #place: MemoryPlace;
  readonly #durability: OpenOptions["durability"];

  constructor(place: MemoryPlace, options: OpenOptions) {
    this.location = `memory:${place.name}`;
    this.#place = place;
    this.#durability = options.durability;
  }

  get publishFirst(): boolean {
    return this.#place.publishFirst;
  }

  blockBytes(_sizeBytes: number): number {
    return this.#place.blockBytes;
  }

  accepts(entry: Entry): Acceptance {
    const isRoot = entry.path === "" && entry.kind === "directory";
    if (!isRoot && !isContained(entry.path)) return { ok: false, error: badName(entry.path).toJSON() };
    // A name that is written again would be another file: such a target keeps no link to it.
    if (this.publishFirst && entry.kind === "hardlink") return { ok: true, as: "file", losses: ["hardlink"] };
    return { ok: true, as: entry.kind, losses: [] };
  }

  async prepare(work: Work, repair: boolean, signal: AbortSignal): Promise<string | null> {
    signal.throwIfAborted();
    const { entry } = work.items[0] as Item;
    checkWay(this.#place, entry.path);
    const key = stagingKey(work.jobId, entry);
    const there = this.#place.staged.get(key);
    if (there !== undefined) return stagingWord(key, there.node);
    const published = this.#place.nodes.get(entry.path);
    const node = stage(this.#place, key, "file");
    node.bytes = Buffer.alloc(entry.sizeBytes);
    if (repair && published?.kind === "file") published.bytes.copy(node.bytes);
    return stagingWord(key, node);
  }

  async write(
    work: Work,
    frames: AsyncIterable<DigestedFrame>,
    listener: WriteListener,
    signal: AbortSignal,
  ): Promise<WriteReceipt> {
    const durable = this.#durability === "fsync";
    return await new MemoryWriter({ place: this.#place, work, durable, ...listener }).run(frames, signal);
  }

  readBack(request: ReadBackRequest, signal: AbortSignal): AsyncIterable<Frame> {
    return readBack(this.#place, request, signal);
  }

  async publish({ work, skip, observed, receipts }: PublishRequest, signal: AbortSignal): Promise<WriteReceipt> {
    signal.throwIfAborted();
    const starts = blockStarts(work.items);
    return eachItem(work, skip, ({ entry }, index) => {
      const key = stagingKey(work.jobId, entry);
      const ofBlocks = receipts.tags?.slice(starts[index], starts[index + 1]) ?? [];
      const tags = work.kind === "head" ? tagsOfStaging(work.staging) : ofBlocks;
      const staged = this.#place.staged.get(key);
      if (staged !== undefined && isTagged(staged.node, tags) && work.kind === "head" && observed !== null)
        dress(staged.node, observed.entry, observed.xattrs);
      show(this.#place, key, entry, tags);
    });
  }

  async seal(
    work: Work,
    skip: ReadonlySet<number>,
    signal: AbortSignal,
    xattrs?: ReadonlyMap<number, ExtendedAttributes>,
  ): Promise<WriteReceipt> {
    signal.throwIfAborted();
    return eachItem(work, skip, ({ entry }, index) => {
      const node = this.#place.nodes.get(entry.path);
      if (node === undefined) throw stagingGone(entry.path);
      if (entry.attributes !== null) dress(node, entry, xattrs?.get(index) ?? node.xattrs);
    });
  }

  async remove(path: BytePath, isDirectory: boolean, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    checkWay(this.#place, path);
    const node = this.#place.nodes.get(path);
    if (node === undefined) return false;
    if ((node.kind === "directory") !== isDirectory) throw conflict(path);
    if (isDirectory && this.#place.nodes.keys().some((name) => name.startsWith(`${path}/`))) throw notEmpty(path);
    this.#place.remove(path);
    return true;
  }

  async discard(work: Work, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (const { entry } of work.items) this.#place.staged.delete(stagingKey(work.jobId, entry));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
