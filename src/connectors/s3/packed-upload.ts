import { must } from "../../base/assert.ts";
import type { Standing } from "../../model/chunk.ts";
import type { Buffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import type { CompletedPart, Upload } from "./client-multipart.ts";
import type { WrittenObject } from "./client-objects.ts";
import type { Flight } from "./flight.ts";
import type { GuardedWrites } from "./guarded-writes.ts";
import type { Sent } from "./object-metadata.ts";

/** One block of an item; `block` counts from the item's first. */
export interface Block {
  readonly block: number;
  readonly body: Buffer;
  readonly sha256: Uint8Array;
}

export interface PackedUploadParts {
  readonly client: S3Client;
  readonly writes: GuardedWrites;
  readonly buffers: Buffers;
  readonly flight: Flight;
  readonly key: string;
  readonly sizeBytes: number;
  readonly standing: Standing | undefined;
  readonly signal: AbortSignal;
}

/** A multipart upload that begins and ends within one write: an entry of a pack that has several blocks. */
export class PackedUpload {
  readonly #parts: PackedUploadParts;
  readonly #sent: Promise<CompletedPart>[] = [];
  #held: Block[] = [];
  #upload: Promise<Upload> | null = null;

  constructor(parts: PackedUploadParts) {
    this.#parts = parts;
  }

  create(sent: Sent): void {
    const { client, key, signal } = this.#parts;
    this.#upload = client.createMultipartUpload({ key, ...sent }, signal);
    // Met by the parts and by the end.
    this.#upload.catch(() => undefined);
  }

  async add(block: Block): Promise<void> {
    if (this.#upload === null) this.#held.push(block);
    else await this.#send(block);
  }

  /** Where what is sent with the bytes came with their end only. */
  async createLate(sent: Sent): Promise<void> {
    if (this.#upload !== null) return;
    this.create(sent);
    const held = this.#held;
    this.#held = [];
    for (const block of held) await this.#send(block);
  }

  async complete(): Promise<WrittenObject> {
    const { writes, signal, sizeBytes, standing } = this.#parts;
    const parts = await Promise.all(this.#sent);
    const upload = await must(this.#upload, "an upload was created before it ends");
    return writes.complete({ ...upload, parts, sizeBytes }, standing, signal);
  }

  /** Best effort, also after the work itself was aborted: what stays is found by `sweep`. */
  async abort(): Promise<void> {
    this.#held = [];
    await Promise.allSettled(this.#sent);
    const upload = this.#upload === null ? null : await this.#upload.catch(() => null);
    if (upload === null) return;
    await this.#parts.client.abortMultipartUpload(upload, AbortSignal.timeout(abortMsMax)).catch(() => undefined);
  }

  /** The failure of a part is that of the whole: it is met at `complete`. */
  async #send({ block, body, sha256 }: Block): Promise<void> {
    const { client, buffers, flight, signal } = this.#parts;
    const done = Promise.withResolvers<CompletedPart>();
    done.promise.catch(() => undefined);
    this.#sent.push(done.promise);
    await flight.launch(body.length, async () => {
      try {
        const upload = await must(this.#upload, "an upload was created before its parts");
        const part = await client.uploadPart({ ...upload, partNumber: block + 1, body, sha256 }, signal);
        buffers.give(body);
        done.resolve({ ...part, partNumber: block + 1, checksumSha256: Buffer.from(sha256).toString("base64") });
      } catch (error) {
        done.reject(error);
      }
      return [];
    });
  }
}

const abortMsMax = 5_000;
