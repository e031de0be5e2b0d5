import { must } from "../../base/assert.ts";
import { blockCount, blockStarts, type Item, type Standing, type Work } from "../../model/chunk.ts";
import type { ItemLoss } from "../../model/task.ts";
import type { BytesFrame, EndFrame, Loss, Observed } from "../../ports/source.ts";
import type { BlockReceipt, DigestedFrame, Refusal, WriteListener, WriteReceipt } from "../../ports/target.ts";
import type { Buffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import { isGone, isOfEntry, isOvertaken, objectVanished } from "./errors.ts";
import { Flight } from "./flight.ts";
import type { GuardedWrites } from "./guarded-writes.ts";
import type { Root } from "./keys.ts";
import { type Sent, sentWith } from "./object-metadata.ts";
import { type Block, PackedUpload } from "./packed-upload.ts";
import { objectTag } from "./tags.ts";

const packLimits = { countMax: 16, bytesMax: 64 * 2 ** 20 } as const;
const looksAtOnce = 16;

export interface PackWriterParts {
  readonly client: S3Client;
  readonly writes: GuardedWrites;
  readonly root: Root;
  readonly buffers: Buffers;
  readonly work: Work;
}

/** What the frames of one item have brought so far. */
interface Open {
  readonly index: number;
  readonly item: Item;
  /** Only the tail comes: a predecessor has published it and confirmed all but the last block. */
  readonly isTail: boolean;
  readonly upload: PackedUpload | null;
  filling: Buffer | null;
  filled: number;
  only: Block | null;
}

/**
 * Writes whole entries, each visible only once its end has come: until then it might still turn out to be another
 * version. Entries of one block are one request; several go at once.
 */
export class PackWriter {
  readonly #client: S3Client;
  readonly #writes: GuardedWrites;
  readonly #root: Root;
  readonly #buffers: Buffers;
  readonly #work: Work;
  readonly #starts: readonly number[];
  readonly #flight: Flight;
  readonly #onRefused: WriteListener["onRefused"];
  readonly #signal: AbortSignal;
  readonly #refused: Refusal[] = [];
  readonly #lost: ItemLoss[] = [];
  readonly #uploads = new Set<PackedUpload>();
  /** By item: what stood under its name before any of it was read. */
  readonly #standing = new Map<number, Standing | undefined>();
  #open: Open | null = null;

  constructor({ client, writes, root, buffers, work }: PackWriterParts, listener: WriteListener, signal: AbortSignal) {
    this.#client = client;
    this.#writes = writes;
    this.#root = root;
    this.#buffers = buffers;
    this.#work = work;
    this.#starts = blockStarts(work.items);
    this.#flight = new Flight(packLimits, listener.onConfirmed);
    this.#onRefused = listener.onRefused;
    this.#signal = signal;
  }

  async run(frames: AsyncIterable<DigestedFrame>): Promise<WriteReceipt> {
    try {
      await this.#lookWhereUnknown();
      for await (const frame of frames) {
        this.#signal.throwIfAborted();
        if (this.#open?.index !== frame.item) this.#open = "end" in frame ? null : this.#begin(frame);
        if ("end" in frame) await this.#end(frame);
        else await this.#bytes(this.#open as Open, frame);
      }
      await this.#flight.land();
      return { refused: this.#refused, lost: this.#lost };
    } finally {
      await this.#flight.settle();
      // What is left was not finished: nobody else knows of these uploads.
      await Promise.all(Array.from(this.#uploads, (upload) => upload.abort()));
    }
  }

  /** The plan knows for most. It must be known before the source is asked: see docs/decisions/0007. */
  async #lookWhereUnknown(): Promise<void> {
    const unknown: (readonly [number, Item])[] = [];
    for (const [index, item] of this.#work.items.entries()) {
      if (item.entry.kind !== "file") continue;
      if (item.standing === undefined) unknown.push([index, item]);
      else this.#standing.set(index, item.standing);
    }
    for (let from = 0; from < unknown.length; from += looksAtOnce) {
      const some = unknown.slice(from, from + looksAtOnce);
      const look = async ([index, { entry }]: readonly [number, Item]): Promise<void> =>
        void this.#standing.set(index, await this.#writes.look(this.#root.key(entry.path), this.#signal));
      await Promise.all(some.map(look));
    }
  }

  #begin(frame: BytesFrame): Open {
    const index = frame.item;
    const item = must(this.#work.items[index], "a frame belongs to an item");
    const isTail = frame.offset > item.offset;
    const isLarge = !isTail && blockCount(item) > 1;
    const upload = isLarge ? this.#openUpload(item, this.#standing.get(index)) : null;
    return { index, item, isTail, upload, filling: null, filled: 0, only: null };
  }

  #openUpload({ entry }: Item, standing: Standing | undefined): PackedUpload {
    const key = this.#root.key(entry.path);
    const upload = new PackedUpload({
      client: this.#client,
      writes: this.#writes,
      buffers: this.#buffers,
      flight: this.#flight,
      signal: this.#signal,
      key,
      sizeBytes: entry.sizeBytes,
      standing,
    });
    // What a store keeps with its objects comes at the end, and attributes may: then the parts wait for that.
    if (entry.attributes !== null && entry.version.kind !== "object")
      upload.create(sentWith(entry.attributes, entry.kind, undefined));
    this.#uploads.add(upload);
    return upload;
  }

  async #bytes(open: Open, frame: Exclude<DigestedFrame, EndFrame>): Promise<void> {
    if (open.isTail) return;
    const { item, index } = open;
    const inItem = frame.block - (this.#starts[index] as number);
    open.filling ??= this.#buffers.take(Math.min(item.blockBytes, item.length - inItem * item.blockBytes));
    open.filling.set(frame.bytes, open.filled);
    open.filled += frame.bytes.length;
    if (frame.digest === null) return;
    const block: Block = { block: inItem, body: open.filling, sha256: frame.digest };
    open.filling = null;
    open.filled = 0;
    if (open.upload === null) open.only = block;
    else await open.upload.add(block);
  }

  async #end({ item: index, end }: EndFrame): Promise<void> {
    const open = this.#open;
    this.#open = null;
    const item = must(this.#work.items[index], "an end belongs to an item");
    if (end.outcome !== "read") {
      if (open?.upload) await this.#drop(open.upload);
      return;
    }
    const { observed } = end;
    this.#note(index, item, observed);
    const { entry } = item;
    const sent = sentWith(observed.entry.attributes ?? entry.attributes, entry.kind, observed.metadata);
    if (entry.kind === "directory") return this.#launch(index, 0, () => this.#putMarker(item, sent));
    if (entry.kind !== "file" || open === null) return;
    const first = this.#starts[index] as number;
    const last = (this.#starts[index + 1] as number) - 1;
    if (open.isTail)
      return this.#launch(index, 0, async () => [{ block: last, tag: await this.#tagOfPublished(item) }]);
    if (open.upload !== null) return this.#finishUpload(index, open.upload, { sent, first, last });
    const { body, sha256 } = must(open.only, "a file that was read has its block");
    const key = this.#root.key(entry.path);
    await this.#launch(index, body.length, async () => {
      const input = { key, body, sha256, ...sent };
      const written = await this.#writes.put(input, this.#standing.get(index), this.#signal);
      this.#buffers.give(body);
      return [{ block: first, tag: objectTag(written) }];
    });
  }

  async #finishUpload(
    index: number,
    upload: PackedUpload,
    { sent, first, last }: { readonly sent: Sent; readonly first: number; readonly last: number },
  ): Promise<void> {
    await upload.createLate(sent);
    await this.#launch(index, 0, async () => {
      const tag = objectTag(await upload.complete());
      this.#uploads.delete(upload);
      return Array.from({ length: last - first + 1 }, (_, at) => ({
        block: first + at,
        tag: first + at === last ? tag : null,
      }));
    });
  }

  /** An item that the store refuses does not stop the others. */
  #launch(index: number, bytes: number, act: () => Promise<readonly BlockReceipt[]>): Promise<void> {
    return this.#flight.launch(bytes, async () => {
      try {
        return await act();
      } catch (error) {
        if (!(isOfEntry(error) || isOvertaken(error) || isGone(error)) || this.#signal.aborted) throw error;
        const refusal: Refusal = { item: index, error: error.toJSON() };
        this.#refused.push(refusal);
        this.#onRefused(refusal);
        return [];
      }
    });
  }

  async #putMarker({ entry }: Item, sent: Sent): Promise<readonly BlockReceipt[]> {
    const key = this.#root.keyOrNull(entry.path, true);
    if (key !== null)
      await this.#client.putObject({ key, body: emptyBody, sha256: emptySha256, ...sent }, this.#signal);
    return [];
  }

  async #tagOfPublished({ entry }: Item): Promise<string | null> {
    const key = this.#root.key(entry.path);
    const head = await this.#client.headObject({ key }, this.#signal);
    if (head === null) throw objectVanished(key);
    return objectTag(head);
  }

  async #drop(upload: PackedUpload): Promise<void> {
    this.#uploads.delete(upload);
    await upload.abort();
  }

  #note(item: number, { entry }: Item, observed: Observed): void {
    const losses: Loss[] = [];
    if (observed.xattrs !== null && observed.xattrs.size > 0) losses.push("xattrs");
    if (observed.metadata?.isPartial === true) losses.push("metadata");
    if (entry.kind === "directory" && this.#root.keyOrNull(entry.path, true) === null && entry.attributes !== null)
      losses.push("directory_attributes");
    if (entry.sparse) losses.push("sparse");
    if (losses.length > 0) this.#lost.push({ item, losses });
  }
}

const emptyBody = Buffer.alloc(0);
const emptySha256 = Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex");
