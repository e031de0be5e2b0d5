/**
 * The keys below a prefix as a target. Every object carries the SHA-256 of its parts; large ones are multipart uploads
 * that become visible when all of their parts are there, and are read back then. A worker whose lease has passed to
 * another writes the same bytes of the same version under the same name and part number, which changes nothing; and where
 * a newer version was published since, the store refuses it.
 */
import { GodwitError } from "../../base/errors.ts";
import { must } from "../../base/assert.ts";
import type { Standing, Work } from "../../model/chunk.ts";
import type { Entry } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type {
  Acceptance,
  DigestedFrame,
  Known,
  PublishRequest,
  ReadBackRequest,
  StoredFrame,
  Target,
  WriteListener,
  WriteReceipt,
} from "../../ports/target.ts";
import { accepts } from "./accept.ts";
import { Buffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import { GuardedWrites } from "./guarded-writes.ts";
import type { Root } from "./keys.ts";
import { amazonLimits, partBytes, type S3Limits } from "./limits.ts";
import { sentWith } from "./object-metadata.ts";
import { publish } from "./publish.ts";
import { readBack } from "./read-back.ts";
import { stagingOf, stagingWord } from "./staging.ts";
import { PackWriter } from "./write-pack.ts";
import { writeRange } from "./write-range.ts";

export class S3Target implements Target {
  readonly location: string;
  readonly publishFirst = true;
  readonly readFrom = "store";
  readonly #client: S3Client;
  readonly #root: Root;
  readonly #options: OpenOptions;
  readonly #limits: S3Limits;
  readonly #buffers = new Buffers();
  readonly #writes: GuardedWrites;

  constructor(client: S3Client, root: Root, options: OpenOptions, limits: S3Limits = amazonLimits) {
    this.location = root.location;
    this.#client = client;
    this.#writes = new GuardedWrites(client);
    this.#root = root;
    this.#options = options;
    this.#limits = limits;
  }

  blockBytes(sizeBytes: number): number {
    return partBytes(sizeBytes, this.#limits);
  }

  accepts(entry: Entry): Acceptance {
    return accepts(this.#root, entry, this.#limits);
  }

  async prepare(work: Work, repair: boolean, signal: AbortSignal, known?: Known): Promise<string | null> {
    const { entry } = must(work.items[0], "a head has one item");
    const key = this.#root.key(entry.path);
    if (work.staging !== null && (await this.#isThere(key, work.staging, repair, signal))) return work.staging;
    const { uploadId } = await this.#client.createMultipartUpload(
      { key, ...sentWith(entry.attributes, entry.kind, known?.metadata) },
      signal,
    );
    return stagingWord(uploadId, repair);
  }

  async write(
    work: Work,
    frames: AsyncIterable<DigestedFrame>,
    listener: WriteListener,
    signal: AbortSignal,
  ): Promise<WriteReceipt> {
    const parts = { client: this.#client, writes: this.#writes, root: this.#root, buffers: this.#buffers, work };
    if (work.kind !== "range") return new PackWriter(parts, listener, signal).run(frames);
    const key = this.#root.key(must(work.items[0], "a range has one item").entry.path);
    const { upload } = stagingOf(key, must(work.staging, "the head of a range was prepared"));
    return writeRange({ ...parts, upload }, frames, listener, signal);
  }

  readBack(request: ReadBackRequest, signal: AbortSignal): AsyncIterable<StoredFrame> {
    const byChecksum = this.#options.verify === "checksum" && request.wantsBytes !== true;
    return readBack({ client: this.#client, root: this.#root, buffers: this.#buffers, byChecksum }, request, signal);
  }

  standing({ items }: Work, signal: AbortSignal): Promise<Standing | undefined> {
    const { entry } = must(items[0], "a head has one item");
    return this.#writes.look(this.#root.key(entry.path), signal);
  }

  publish(request: PublishRequest, signal: AbortSignal): Promise<WriteReceipt> {
    return publish({ client: this.#client, writes: this.#writes, root: this.#root }, request, signal);
  }

  /**
   * Markers have got their attributes when they were written. Those of an object cannot be set in place: of files whose
   * content was found there already, what differs stays as it is, and is named.
   */
  async seal(work: Work, skip: ReadonlySet<number>): Promise<WriteReceipt> {
    const isOfFiles = work.kind !== "directories";
    const lost = [...work.items.entries()]
      .filter(([index, { entry }]) => isOfFiles && !skip.has(index) && entry.attributes !== null)
      .map(([item]) => ({ item, losses: ["mtime"] }));
    return { refused: [], lost };
  }

  async remove(path: BytePath, isDirectory: boolean, signal: AbortSignal): Promise<boolean> {
    const key = this.#root.key(path, isDirectory);
    // A deletion does not tell whether there was anything.
    if ((await this.#client.headObject({ key }, signal)) === null) return false;
    await this.#client.deleteObject({ key }, signal);
    return true;
  }

  async discard(work: Work, signal: AbortSignal): Promise<void> {
    if (work.staging === null) return;
    const { entry } = must(work.items[0], "what was staged has an item");
    await this.#client.abortMultipartUpload(stagingOf(this.#root.key(entry.path), work.staging).upload, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  /**
   * False for an upload that was completed, aborted, or is not known. Before a repair it was completed, and not every
   * store says so (s3s-fs lists no parts of what it does not know).
   */
  async #isThere(key: string, word: string, repair: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      const { parts } = await this.#client.listParts({ ...stagingOf(key, word).upload, maxParts: 1 }, signal);
      return !repair || parts.length > 0;
    } catch (error) {
      if (error instanceof GodwitError && (error.disposition === "rejected" || error.code === "upload_vanished"))
        return false;
      throw error;
    }
  }
}
