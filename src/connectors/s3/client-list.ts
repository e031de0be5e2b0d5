import { hash } from "node:crypto";
import type { S3Caller, S3Request } from "./client-call.ts";
import { invalidAnswer } from "./client-errors.ts";
import type { ReadListed } from "./client-listed-text.ts";
import { filled, required, requiredCount } from "./client-shape.ts";
import { childrenNamed, childText, escapeXml, type XmlElement } from "./client-xml.ts";

export interface ListObjectsInput {
  readonly prefix?: string | undefined;
  readonly delimiter?: string | undefined;
  /** Keys after this one, in UTF-8 byte order. */
  readonly startAfter?: string | undefined;
  readonly continuationToken?: string | undefined;
  readonly maxKeys?: number | undefined;
}

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** With its quotes; null where the store gives none. */
  readonly etag: string | null;
  /** ISO 8601. */
  readonly lastModified: string | null;
  readonly storageClass: string | null;
}

export interface ListObjectsPage {
  readonly objects: readonly ListedObject[];
  readonly commonPrefixes: readonly string[];
  /** Null on the last page. */
  readonly nextToken: string | null;
}

export interface DeleteFailure {
  readonly key: string;
  readonly s3Code: string;
  readonly message: string;
}

export interface BucketOperations {
  /** Proves that the bucket is there and these credentials may see it. */
  headBucket(signal: AbortSignal): Promise<{ readonly region: string | null }>;
  getBucketVersioning(signal: AbortSignal): Promise<"enabled" | "suspended" | "never">;
  /** One page, at most 1,000 keys. */
  listObjectsV2(input: ListObjectsInput, signal: AbortSignal): Promise<ListObjectsPage>;
  /** At most 1,000 keys. Returns those that could not be deleted; one that was not there is no failure. */
  deleteObjects(
    keys: readonly { readonly key: string; readonly versionId?: string | undefined }[],
    signal: AbortSignal,
  ): Promise<readonly DeleteFailure[]>;
}

/** Characters that XML 1.0 cannot hold, not even as references. Such keys are deleted one by one. */
// oxlint-disable-next-line no-control-regex
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

export function createBucketOperations(caller: S3Caller, readListed: ReadListed): BucketOperations {
  return {
    async headBucket(signal) {
      const headers = await caller.headers({ operation: "HeadBucket", method: "HEAD", key: null }, signal);
      return { region: headers.get("x-amz-bucket-region") ?? null };
    },

    async getBucketVersioning(signal) {
      const request: S3Request = {
        operation: "GetBucketVersioning",
        method: "GET",
        key: null,
        query: { versioning: "" },
      };
      const { root } = await caller.xml(request, "VersioningConfiguration", signal);
      const status = childText(root, "Status");
      return status === "Enabled" ? "enabled" : status === "Suspended" ? "suspended" : "never";
    },

    async listObjectsV2({ prefix, delimiter, startAfter, continuationToken, maxKeys }, signal) {
      const query = {
        "list-type": "2",
        "encoding-type": "url",
        prefix,
        delimiter,
        "start-after": startAfter,
        "continuation-token": continuationToken,
        "max-keys": maxKeys?.toString(),
      };
      const request: S3Request = { operation: "ListObjectsV2", method: "GET", key: null, query };
      const { root } = await caller.xml(request, "ListBucketResult", signal);
      const page = understood(caller, request, () => readPage(root));
      const texts = [...page.objects.map(({ key }) => key), ...page.commonPrefixes];
      const decode = await readListed({ root, prefix, texts }, signal);
      if (decode === null) return page;
      return understood(caller, request, () => ({
        objects: page.objects.map((object) => ({ ...object, key: decode(object.key) })),
        commonPrefixes: page.commonPrefixes.map(decode),
        nextToken: page.nextToken,
      }));
    },

    async deleteObjects(keys, signal) {
      const inXml = keys.filter(({ key }) => !notXml.test(key));
      for (const { key, versionId } of keys) {
        if (!notXml.test(key)) continue;
        await caller.headers({ operation: "DeleteObject", method: "DELETE", key, query: { versionId } }, signal);
      }
      if (inXml.length === 0) return [];
      const objects = inXml.map(({ key, versionId }) => {
        const version = versionId === undefined ? "" : `<VersionId>${escapeXml(versionId)}</VersionId>`;
        return `<Object><Key>${escapeXml(key)}</Key>${version}</Object>`;
      });
      const body = Buffer.from(
        `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${objects.join("")}<Quiet>true</Quiet></Delete>`,
      );
      // Older stores know only Content-MD5 here.
      const headers = { "content-md5": hash("md5", body, "base64"), "content-type": "application/xml" };
      const request: S3Request = {
        operation: "DeleteObjects",
        method: "POST",
        key: null,
        query: { delete: "" },
        headers,
        body,
      };
      const { root } = await caller.xml(request, "DeleteResult", signal);
      return childrenNamed(root, "Error")
        .map((error) => ({
          key: childText(error, "Key") ?? "",
          s3Code: childText(error, "Code") ?? "",
          message: childText(error, "Message") ?? "",
        }))
        .filter(({ s3Code }) => s3Code !== "NoSuchKey" && s3Code !== "NoSuchVersion");
    },
  };
}

/** Runs a reader of an answer; what it cannot read is an error of that request. */
export function understood<T>(caller: S3Caller, request: S3Request, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalidAnswer(caller.subject(request), cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** With keys as they stand in the XML. */
function readPage(root: XmlElement): ListObjectsPage {
  const objects: ListedObject[] = [];
  const commonPrefixes: string[] = [];
  for (const child of root.children) {
    if (child.name === "Contents") {
      objects.push({
        key: required(child, "Key"),
        bytes: requiredCount(child, "Size"),
        etag: filled(child, "ETag"),
        lastModified: filled(child, "LastModified"),
        storageClass: filled(child, "StorageClass"),
      });
    } else if (child.name === "CommonPrefixes") {
      commonPrefixes.push(required(child, "Prefix"));
    }
  }
  const nextToken = filled(root, "NextContinuationToken");
  const isTruncated = required(root, "IsTruncated").trim() === "true";
  // A page that promises more without saying where would end the listing early, unseen.
  if (isTruncated && nextToken === null)
    throw new SyntaxError("the listing is truncated and has no NextContinuationToken");
  return { objects, commonPrefixes, nextToken: isTruncated ? nextToken : null };
}
