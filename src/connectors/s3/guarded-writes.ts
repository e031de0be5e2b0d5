/**
 * Makes objects visible on the condition that what they replace is still what was seen before the source was looked at
 * for the last time. A worker that was stopped in between and wakes late is refused by the store, once anything newer
 * was written. What is guaranteed on which stores: docs/decisions/0007-s3-conditional-writes.md
 */
import { hash } from "node:crypto";
import { GodwitError } from "../../base/errors.ts";
import type { Standing } from "../../model/chunk.ts";
import type { S3Client } from "./client.ts";
import { isUnsupported } from "./client-errors.ts";
import type { ObjectHead, PutObjectInput, WrittenObject } from "./client-objects.ts";
import type { Condition } from "./client-shape.ts";
import { type Completion, isMadeOf } from "./complete.ts";
import { bareEtag, quotedEtag } from "./keys.ts";
import type { Sent } from "./object-metadata.ts";

export type GuardedPut = Pick<PutObjectInput, "key" | "body" | "sha256"> & Sent;

export class GuardedWrites {
  readonly #client: S3Client;
  /** The store said that it does not know conditions: nothing is asked of it any more. */
  #isUnknown = false;

  constructor(client: S3Client) {
    this.#client = client;
  }

  /** Undefined where no condition can be made of it: the store knows none, or gives no ETag. */
  async look(key: string, signal: AbortSignal): Promise<Standing | undefined> {
    if (this.#isUnknown) return undefined;
    const head = await this.#client.headObject({ key }, signal);
    if (head === null) return null;
    return head.etag === null ? undefined : bareEtag(head.etag);
  }

  /** @throws condition_failed (retry) when something else stands there by now */
  async put(input: GuardedPut, standing: Standing | undefined, signal: AbortSignal): Promise<WrittenObject> {
    try {
      return await this.#asked(standing, (condition) => this.#client.putObject({ ...input, ...condition }, signal));
    } catch (error) {
      if (!isRefusal(error, standing)) throw error;
      return await this.#ours(input.key, error, (head) => isBodyOf(head, input), signal);
    }
  }

  /**
   * Completes an upload by exactly these parts. Idempotent: an answer may be lost after the store had done the work, and
   * then the upload is gone but the object is there, and it is the one that these parts make.
   * @throws upload_vanished  when neither is there
   * @throws condition_failed (retry) when something else stands there by now; the upload is still there
   */
  async complete(completion: Completion, standing: Standing | undefined, signal: AbortSignal): Promise<WrittenObject> {
    const { key, uploadId, parts } = completion;
    try {
      return await this.#asked(standing, (condition) =>
        this.#client.completeMultipartUpload({ key, uploadId, parts, ...condition }, signal),
      );
    } catch (error) {
      const isGone = error instanceof GodwitError && error.code === "upload_vanished";
      if (!isGone && !isRefusal(error, standing)) throw error;
      return await this.#ours(key, error, (head) => isMadeOf(head, completion), signal);
    }
  }

  /** A store that does not know conditions is asked without one. Nothing was written by the request that it refused. */
  async #asked<O>(standing: Standing | undefined, send: (condition: Condition) => Promise<O>): Promise<O> {
    if (standing === undefined || this.#isUnknown) return send({});
    try {
      return await send(standing === null ? { ifNoneMatch: "*" } : { ifMatch: quotedEtag(standing) });
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      this.#isUnknown = true;
      return send({});
    }
  }

  /** The refused request may be the second of two, of which the first had done the work and lost its answer. */
  async #ours(
    key: string,
    refusal: GodwitError,
    isOurs: (head: ObjectHead) => boolean,
    signal: AbortSignal,
  ): Promise<WrittenObject> {
    const head = await this.#client.headObject({ key }, signal);
    if (head !== null && isOurs(head)) {
      return { etag: head.etag, versionId: head.versionId, checksumSha256: head.checksums.sha256 ?? null };
    }
    throw refusal.code === "upload_vanished" ? refusal : overtaken(key, refusal);
  }
}

/** Where the object of an If-Match is gone, Amazon S3 answers NoSuchKey. */
function isRefusal(error: unknown, standing: Standing | undefined): error is GodwitError {
  if (!(error instanceof GodwitError)) return false;
  return error.code === "condition_failed" || (typeof standing === "string" && error.code === "source_vanished");
}

/** By the SHA-256 that the store keeps, else by an ETag that is the MD5; and by all that was sent with the bytes. */
function isBodyOf(head: ObjectHead, { body, sha256, ...sent }: GuardedPut): boolean {
  if (head.bytes !== body.length || !wasSentWith(head, sent)) return false;
  const kept = head.checksums.sha256;
  if (kept !== undefined && head.checksumType !== "COMPOSITE") return kept === Buffer.from(sha256).toString("base64");
  return bareEtag(head.etag ?? "") === hash("md5", body);
}

function wasSentWith(head: ObjectHead, { metadata, contentHeaders }: Sent): boolean {
  return (
    Object.entries(metadata).every(([name, value]) => head.metadata[name.toLowerCase()] === value) &&
    // Not every store keeps all of these.
    Object.entries(contentHeaders).every(([name, value]) => (head.headers.get(name) ?? value) === value)
  );
}

/** The source is looked at once more before the next try: it alone says whether what was to be written is still right. */
function overtaken(key: string, cause: GodwitError): GodwitError {
  return new GodwitError("condition_failed", {
    disposition: "retry",
    what: `${JSON.stringify(key)} was written by another while this copy of it was under way`,
    hint: "The source is looked at again and the entry is copied once more, up to 3 times in all. Stop other writers of the target.",
    cause,
  });
}
