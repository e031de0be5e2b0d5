import { GodwitError } from "../../base/errors.ts";
import type { Entry, ObjectVersion } from "../../model/entry.ts";
import type { BytePath } from "../../model/path.ts";
import type { StoreChecksum } from "../../ports/source.ts";
import { attributesOf } from "./attributes.ts";
import type { ListedObject } from "./client-list.ts";
import type { ObjectHead } from "./client-objects.ts";
import { bareEtag } from "./keys.ts";

export type ObjectKind = "file" | "directory";

/** Null where the listing gives no ETag (s3s-fs): the object has then to be asked itself. */
export function listedEntry(
  path: BytePath,
  kind: ObjectKind,
  { bytes, etag, lastModified }: ListedObject,
): Entry | null {
  if (etag === null) return null;
  const version: ObjectVersion = {
    kind: "object",
    etag: bareEtag(etag),
    versionId: null,
    modifiedMs: timeMs(lastModified),
  };
  return { path, kind, sizeBytes: kind === "file" ? bytes : 0, version, attributes: null, link: null, sparse: false };
}

export function headEntry(path: BytePath, kind: ObjectKind, head: ObjectHead): Entry {
  const version = versionOf(head);
  const attributes = attributesOf(head.metadata, kind, version.modifiedMs);
  return { path, kind, sizeBytes: kind === "file" ? head.bytes : 0, version, attributes, link: null, sparse: false };
}

/** @throws store_answer_invalid: without an ETag no version can be pinned */
function versionOf(head: ObjectHead): ObjectVersion {
  if (head.etag === null) {
    throw new GodwitError("store_answer_invalid", {
      disposition: "rejected",
      what: "the store gives no ETag for an object",
      hint: "Without it a version cannot be told from another. Use a store that keeps ETags.",
    });
  }
  // `null` is the one version of an object in a bucket that keeps none.
  const versionId = head.versionId === "null" ? null : head.versionId;
  return { kind: "object", etag: bareEtag(head.etag), versionId, modifiedMs: timeMs(head.lastModified) };
}

function timeMs(text: string | null): number {
  const ms = text === null ? Number.NaN : Date.parse(text);
  return Number.isFinite(ms) ? Math.trunc(ms) : 0;
}

const strongestFirst = ["sha256", "crc64nvme", "crc32c", "crc32", "sha1"] as const;

/**
 * The checksum of the whole object that the store keeps. A composite one is over its parts' checksums and says nothing
 * of the bytes without the parts' borders. An ETag is the MD5 of an object of one piece, unless a key of ours or of KMS
 * encrypts it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function storeChecksum({ checksums, checksumType, etag, headers }: ObjectHead): StoreChecksum | null {
  const pieces = /^[0-9a-f]{32}-\d+$/i.test(bareEtag(etag ?? ""));
  for (const algorithm of strongestFirst) {
    const value = checksums[algorithm];
    if (value === undefined || value.includes("-") || checksumType === "COMPOSITE") continue;
    // A SHA of several pieces is always composite, also where the store leaves the type out.
    if (pieces && checksumType === null && algorithm.startsWith("sha")) continue;
    return { algorithm, hex: Buffer.from(value, "base64").toString("hex") };
  }
  const isEncrypted = headers.get("x-amz-server-side-encryption")?.startsWith("aws:kms") === true;
  const hasCustomerKey = headers.has("x-amz-server-side-encryption-customer-algorithm");
  const md5 = bareEtag(etag ?? "").toLowerCase();
  return !isEncrypted && !hasCustomerKey && /^[0-9a-f]{32}$/.test(md5) ? { algorithm: "md5", hex: md5 } : null;
}
