import type { S3Caller, S3Request } from "./client-call.ts";
import { encodeKey, encodeText } from "./client-encode.ts";
import { understood } from "./client-list.ts";
import { metadataHeaders, type WrittenObject } from "./client-objects.ts";
import { type Condition, conditionHeaders, filled, required } from "./client-shape.ts";
import { escapeXml } from "./client-xml.ts";

export interface Upload {
  readonly key: string;
  readonly uploadId: string;
}

export interface CreateUploadInput {
  readonly key: string;
  /** How the bytes are to be served: `content-type` and its like, in lower case. */
  readonly contentHeaders?: Readonly<Record<string, string>> | undefined;
  /** Names without `x-amz-meta-`; printable ASCII. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly storageClass?: string | undefined;
}

export interface UploadPartInput extends Upload {
  /** From 1 to 10,000. */
  readonly partNumber: number;
  readonly body: Buffer;
  readonly holdBodyMs?: number | undefined;
  /** SHA-256 of the body, 32 bytes. */
  readonly sha256: Uint8Array;
}

export interface CopyPartInput extends Upload {
  readonly partNumber: number;
  readonly source: {
    readonly bucket?: string | undefined;
    readonly key: string;
    readonly versionId?: string | undefined;
    readonly range?: { readonly offset: number; readonly bytes: number } | undefined;
    readonly ifMatch?: string | undefined;
  };
}

export interface WrittenPart {
  readonly etag: string;
  /** Null where the store keeps none. */
  readonly checksumSha256: string | null;
}

export interface CompletedPart extends WrittenPart {
  readonly partNumber: number;
}

export interface CompleteInput extends Upload, Condition {
  /** In ascending order. */
  readonly parts: readonly CompletedPart[];
}

export interface MultipartOperations {
  /** An upload whose parts carry SHA-256 and whose checksum is composite. */
  createMultipartUpload(input: CreateUploadInput, signal: AbortSignal): Promise<Upload>;
  uploadPart(input: UploadPartInput, signal: AbortSignal): Promise<WrittenPart>;
  uploadPartCopy(input: CopyPartInput, signal: AbortSignal): Promise<WrittenPart>;
  completeMultipartUpload(input: CompleteInput, signal: AbortSignal): Promise<WrittenObject>;
  abortMultipartUpload(input: Upload, signal: AbortSignal): Promise<void>;
}

export function createMultipartOperations(caller: S3Caller): MultipartOperations {
  return {
    async createMultipartUpload({ key, contentHeaders, metadata, storageClass }, signal) {
      const headers = {
        ...contentHeaders,
        ...metadataHeaders(metadata),
        "x-amz-storage-class": storageClass,
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-type": "COMPOSITE",
      };
      const request: S3Request = {
        operation: "CreateMultipartUpload",
        method: "POST",
        key,
        query: { uploads: "" },
        headers,
      };
      const { root } = await caller.xml(request, "InitiateMultipartUploadResult", signal);
      return understood(caller, request, () => ({ key, uploadId: required(root, "UploadId") }));
    },

    async uploadPart({ key, uploadId, partNumber, body, holdBodyMs, sha256 }, signal) {
      const query = { partNumber: String(partNumber), uploadId };
      const request: S3Request = { operation: "UploadPart", method: "PUT", key, query, body, holdBodyMs, sha256 };
      const headers = await caller.headers(request, signal);
      return understood(caller, request, () => {
        const etag = headers.get("etag");
        if (etag === undefined) throw new SyntaxError("the answer has no ETag");
        return { etag, checksumSha256: headers.get("x-amz-checksum-sha256") ?? null };
      });
    },

    async uploadPartCopy({ key, uploadId, partNumber, source }, signal) {
      const version = source.versionId === undefined ? "" : `?versionId=${encodeText(source.versionId)}`;
      const { range } = source;
      const headers = {
        "x-amz-copy-source": `/${source.bucket ?? caller.bucket}/${encodeKey(source.key)}${version}`,
        "x-amz-copy-source-range":
          range === undefined ? undefined : `bytes=${range.offset}-${range.offset + range.bytes - 1}`,
        "x-amz-copy-source-if-match": source.ifMatch,
      };
      const query = { partNumber: String(partNumber), uploadId };
      const request: S3Request = { operation: "UploadPartCopy", method: "PUT", key, query, headers };
      const { root } = await caller.xml(request, "CopyPartResult", signal);
      return understood(caller, request, () => ({
        etag: required(root, "ETag"),
        checksumSha256: filled(root, "ChecksumSHA256"),
      }));
    },

    async completeMultipartUpload({ key, uploadId, parts, ...condition }, signal) {
      const body = Buffer.from(
        `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.map(partXml).join("")}</CompleteMultipartUpload>`,
      );
      const headers = { ...conditionHeaders(condition), "content-type": "application/xml" };
      const request: S3Request = {
        operation: "CompleteMultipartUpload",
        method: "POST",
        key,
        query: { uploadId },
        headers,
        body,
      };
      const { root, headers: answer } = await caller.xml(request, "CompleteMultipartUploadResult", signal);
      return {
        etag: filled(root, "ETag"),
        checksumSha256: filled(root, "ChecksumSHA256"),
        versionId: answer.get("x-amz-version-id") ?? null,
      };
    },

    async abortMultipartUpload({ key, uploadId }, signal) {
      await caller.headers({ operation: "AbortMultipartUpload", method: "DELETE", key, query: { uploadId } }, signal);
    },
  };
}

function partXml({ partNumber, etag, checksumSha256 }: CompletedPart): string {
  const checksum = checksumSha256 === null ? "" : `<ChecksumSHA256>${escapeXml(checksumSha256)}</ChecksumSHA256>`;
  return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(etag)}</ETag>${checksum}</Part>`;
}
