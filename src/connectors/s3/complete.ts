import { hash } from "node:crypto";
import type { CompletedPart, Upload } from "./client-multipart.ts";
import type { ObjectHead } from "./client-objects.ts";
import { bareEtag } from "./keys.ts";

export interface Completion extends Upload {
  readonly parts: readonly CompletedPart[];
  readonly sizeBytes: number;
}

/**
 * Compares what the store says of the object with what the parts come to: the ETag of an upload is the MD5 of its parts'
 * MD5s (unless KMS encrypts it), its SHA-256 that of the parts' SHA-256s. A store that keeps neither leaves the size;
 * whatever is published is read back before it counts.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export function isMadeOf(head: ObjectHead, { parts, sizeBytes }: Completion): boolean {
  if (head.bytes !== sizeBytes) return false;
  const sha256 = head.checksums.sha256?.split("-")[0];
  const expected = compositeSha256(parts);
  if (sha256 !== undefined && expected !== null) return sha256 === expected;
  const etag = compositeEtag(parts);
  const found = bareEtag(head.etag ?? "");
  return etag === null || !/^[0-9a-f]{32}-\d+$/.test(found) || found === etag;
}

function compositeEtag(parts: readonly CompletedPart[]): string | null {
  const digests = parts.map(({ etag }) => bareEtag(etag));
  if (!digests.every((digest) => /^[0-9a-f]{32}$/.test(digest))) return null;
  return `${hash("md5", Buffer.from(digests.join(""), "hex"))}-${parts.length}`;
}

function compositeSha256(parts: readonly CompletedPart[]): string | null {
  const digests = parts.map(({ checksumSha256 }) => checksumSha256);
  if (!digests.every((digest) => digest !== null)) return null;
  return hash("sha256", Buffer.concat(digests.map((digest) => Buffer.from(digest, "base64"))), "base64");
}
