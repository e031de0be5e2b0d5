import type { S3Caller, S3Request } from "./client-call.ts";
import { invalidAnswer, S3Error } from "./client-errors.ts";
import type { AnswerBytes } from "./client-http-body.ts";
import {
  type ChecksumType,
  checksumHeaders,
  checksumTypeOf,
  type Checksums,
  type Condition,
  conditionHeaders,
} from "./client-shape.ts";

export interface ObjectAddress {
  readonly key: string;
  readonly versionId?: string | undefined;
}

/** What a HEAD or GET says of an object. Texts are as the store sends them: ETags keep their quotes, checksums are base64. */
export interface ObjectHead {
  readonly etag: string | null;
  /** Of the whole object, also when a range was asked for. */
  readonly bytes: number;
  /** HTTP date. */
  readonly lastModified: string | null;
  readonly versionId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Of the whole object; a composite one ends in `-parts`. Absent where the store keeps none. */
  readonly checksums: Checksums;
  readonly checksumType: ChecksumType | null;
  /** Null is STANDARD. */
  readonly storageClass: string | null;
  readonly headers: ReadonlyMap<string, string>;
}

export interface GetObjectInput extends ObjectAddress {
  /** `bytes` at least 1. An object that ends inside the range is an error here, not a short answer. */
  readonly range?: { readonly offset: number; readonly bytes: number } | undefined;
  readonly ifMatch?: string | undefined;
  /** The body is stored here, chunks are views of it, and it must have room. Saves memory traffic: reuse one per lane. */
  readonly into?: Buffer | undefined;
}

export interface GetObjectResult {
  readonly head: ObjectHead;
  /** Bytes that the body has: exactly so many are delivered, or an error. */
  readonly bodyBytes: number;
  readonly body: AnswerBytes;
}

export interface PutObjectInput extends Condition {
  readonly key: string;
  readonly body: Buffer;
  readonly holdBodyMs?: number | undefined;
  /** SHA-256 of the body, 32 bytes. */
  readonly sha256: Uint8Array;
  /** How the bytes are to be served: `content-type` and its like, in lower case. */
  readonly contentHeaders?: Readonly<Record<string, string>> | undefined;
  /** Names without `x-amz-meta-`; printable ASCII. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly storageClass?: string | undefined;
}

export interface WrittenObject {
  readonly etag: string | null;
  readonly versionId: string | null;
  readonly checksumSha256: string | null;
}

export interface PartHead {
  readonly bytes: number;
  /** Of the object. Null where the store knows nothing of parts: then `bytes` are those of the whole. */
  readonly partCount: number | null;
}

export interface ObjectOperations {
  /** Null when there is no such object, version or bucket (a HEAD does not say which). */
  headObject(input: ObjectAddress, signal: AbortSignal): Promise<ObjectHead | null>;
  /** One of the parts in which the object was sent. Null when there is no such object or part. */
  headPart(input: ObjectAddress & { readonly partNumber: number }, signal: AbortSignal): Promise<PartHead | null>;
  getObject(input: GetObjectInput, signal: AbortSignal): Promise<GetObjectResult>;
  putObject(input: PutObjectInput, signal: AbortSignal): Promise<WrittenObject>;
  /** No error when there is none. On a versioned bucket without `versionId` this adds a delete marker. */
  deleteObject(input: ObjectAddress, signal: AbortSignal): Promise<void>;
}

export function createObjectOperations(caller: S3Caller): ObjectOperations {
  return {
    async headObject({ key, versionId }, signal) {
      const headers = { "x-amz-checksum-mode": "ENABLED" };
      const request: S3Request = { operation: "HeadObject", method: "HEAD", key, query: { versionId }, headers };
      try {
        const answer = await caller.headers(request, signal);
        return objectHead(request, caller, answer, contentLength(request, caller, answer));
      } catch (error) {
        if (error instanceof S3Error && error.code === "source_vanished") return null;
        throw error;
      }
    },

    async headPart({ key, versionId, partNumber }, signal) {
      const query = { partNumber: String(partNumber), versionId };
      const request: S3Request = { operation: "HeadObject", method: "HEAD", key, query };
      try {
        const answer = await caller.headers(request, signal);
        const count = answer.get("x-amz-mp-parts-count");
        const partCount = count !== undefined && /^\d{1,5}$/.test(count) ? Number(count) : null;
        return { bytes: contentLength(request, caller, answer), partCount };
      } catch (error) {
        if (error instanceof S3Error && error.code === "source_vanished") return null;
        throw error;
      }
    },

    async getObject({ key, versionId, range, ifMatch, into }, signal) {
      const asked = range === undefined ? undefined : `bytes=${range.offset}-${range.offset + range.bytes - 1}`;
      const headers = { "x-amz-checksum-mode": "ENABLED", range: asked, "if-match": ifMatch };
      const request: S3Request = {
        operation: "GetObject",
        method: "GET",
        key,
        query: { versionId },
        headers,
        ...(into !== undefined && { into }),
      };
      const { status, headers: answer, body } = await caller.stream(request, signal);
      try {
        const bodyBytes = contentLength(request, caller, answer);
        const bytes =
          range === undefined ? bodyBytes : rangeTotal(request, caller, { range, status, headers: answer, bodyBytes });
        const head = objectHead(request, caller, answer, bytes);
        if (ifMatch !== undefined && head.etag !== ifMatch) throw otherVersion(request, caller, head.etag);
        return { head, bodyBytes, body };
      } catch (error) {
        body.discard();
        throw error;
      }
    },

    async putObject({ key, body, holdBodyMs, sha256, contentHeaders, metadata, storageClass, ...condition }, signal) {
      const headers = {
        ...contentHeaders,
        ...metadataHeaders(metadata),
        ...conditionHeaders(condition),
        "x-amz-storage-class": storageClass,
      };
      return written(
        await caller.headers({ operation: "PutObject", method: "PUT", key, headers, body, holdBodyMs, sha256 }, signal),
      );
    },

    async deleteObject({ key, versionId }, signal) {
      try {
        await caller.headers({ operation: "DeleteObject", method: "DELETE", key, query: { versionId } }, signal);
      } catch (error) {
        if (!(error instanceof S3Error && error.code === "source_vanished")) throw error;
      }
    },
  };
}

export function metadataHeaders(metadata: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name in metadata) headers[`x-amz-meta-${name.toLowerCase()}`] = metadata[name] ?? "";
  return headers;
}

function written(headers: ReadonlyMap<string, string>): WrittenObject {
  return {
    etag: headers.get("etag") ?? null,
    versionId: headers.get("x-amz-version-id") ?? null,
    checksumSha256: headers.get("x-amz-checksum-sha256") ?? null,
  };
}

function objectHead(
  request: S3Request,
  caller: S3Caller,
  headers: ReadonlyMap<string, string>,
  bytes: number,
): ObjectHead {
  const metadata: Record<string, string> = {};
  for (const [name, value] of headers) if (name.startsWith("x-amz-meta-")) metadata[name.slice(11)] = value;
  const checksumType = checksumTypeOf(headers.get("x-amz-checksum-type"));
  if (checksumType === undefined) throw invalidAnswer(caller.subject(request), "unknown x-amz-checksum-type");
  return {
    etag: headers.get("etag") ?? null,
    bytes,
    lastModified: headers.get("last-modified") ?? null,
    versionId: headers.get("x-amz-version-id") ?? null,
    metadata,
    checksums: checksumHeaders(headers),
    checksumType,
    storageClass: headers.get("x-amz-storage-class") ?? null,
    headers,
  };
}

function contentLength(request: S3Request, caller: S3Caller, headers: ReadonlyMap<string, string>): number {
  const length = headers.get("content-length");
  if (length === undefined || !/^\d{1,15}$/.test(length))
    throw invalidAnswer(caller.subject(request), "the answer does not say how long it is");
  return Number(length);
}

interface RangeAnswer {
  readonly range: { readonly offset: number; readonly bytes: number };
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
}

/** The object's size, once the answer is seen to be the range that was asked for. */
function rangeTotal(request: S3Request, caller: S3Caller, { range, status, headers, bodyBytes }: RangeAnswer): number {
  const stated = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  if (stated === null) {
    if (status === 200 && range.offset === 0 && bodyBytes === range.bytes) return bodyBytes;
    throw invalidAnswer(
      caller.subject(request),
      `bytes ${range.offset}+${range.bytes} were asked for, the answer has no such range`,
    );
  }
  const [, first, last, total] = stated.map(Number);
  if (
    first !== range.offset ||
    last !== range.offset + range.bytes - 1 ||
    bodyBytes !== range.bytes ||
    total === undefined
  ) {
    throw shortRange(request, caller, range, headers.get("content-range") ?? "");
  }
  return total;
}

/** Some stores ignore If-Match on a GET (s3s-fs). */
function otherVersion(request: S3Request, caller: S3Caller, etag: string | null): S3Error {
  const { operation, bucket, key } = caller.subject(request);
  const what = `${operation} s3://${bucket}/${key}: the object is now ${etag ?? "without an ETag"}`;
  const verdict = {
    code: "condition_failed",
    disposition: "rejected",
    hint: "Another object or version is there than was expected.",
  } as const;
  return new S3Error(verdict, { what, status: 200, s3Code: null });
}

function shortRange(request: S3Request, caller: S3Caller, range: RangeAnswer["range"], stated: string): S3Error {
  const { operation, bucket, key } = caller.subject(request);
  const what = `${operation} s3://${bucket}/${key}: bytes ${range.offset}+${range.bytes} were asked for, the answer is ${stated}`;
  const verdict = {
    code: "source_changed",
    disposition: "retry",
    hint: "The object is shorter than it was when it was listed.",
  } as const;
  return new S3Error(verdict, { what, status: 206, s3Code: null });
}
