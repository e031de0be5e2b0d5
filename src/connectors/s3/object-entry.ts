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
 * The checksum of the whole object that the store keeps, else the composite one: over the checksums of its parts, and
 * ending in their number. An ETag is an MD5 of either sort, unless a key of ours or of KMS encrypts the object.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function storeChecksum(head: ObjectHead): StoreChecksum | null {
  const etag = /^([0-9a-f]{32})(?:-(\d+))?$/.exec(bareEtag(head.etag ?? "").toLowerCase());
  const etagParts = etag?.[2] === undefined ? null : Number(etag[2]);
  const kept = strongestFirst.flatMap((algorithm) => {
    const [value, counted] = head.checksums[algorithm]?.split("-") ?? [];
    if (value === undefined) return [];
    // A SHA of several parts is always composite, also where the store leaves the type out.
    const isComposite =
      counted !== undefined ||
      head.checksumType === "COMPOSITE" ||
      (head.checksumType === null && etagParts !== null && algorithm.startsWith("sha"));
    // 0: of how many parts, the store leaves out.
    const parts = isComposite ? Number(counted ?? etagParts ?? 0) : null;
    return [{ algorithm, hex: Buffer.from(value, "base64").toString("hex"), parts }];
  });
  const best = kept.find(({ parts }) => parts === null) ?? kept.find(({ parts }) => parts !== 0);
  if (best !== undefined) return best;
  return etag === null || isKeyed(head) ? null : { algorithm: "md5", hex: etag[1] as string, parts: etagParts };
}

function isKeyed({ headers }: ObjectHead): boolean {
  const isOfKms = headers.get("x-amz-server-side-encryption")?.startsWith("aws:kms") === true;
  return isOfKms || headers.has("x-amz-server-side-encryption-customer-algorithm");
}
