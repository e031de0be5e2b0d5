import type { S3Caller, S3Request } from "./client-call.ts";
import { understood } from "./client-list.ts";
import type { ReadListed } from "./client-listed-text.ts";
import type { Upload } from "./client-multipart.ts";
import { checksumElements, type Checksums, filled, required, requiredCount } from "./client-shape.ts";
import { childrenNamed, childText, type XmlElement } from "./client-xml.ts";

export interface ListedPart {
  readonly partNumber: number;
  readonly bytes: number;
  /** Null where the store lists none (s3s-fs). */
  readonly etag: string | null;
  readonly checksums: Checksums;
}

export interface ListedUpload extends Upload {
  /** ISO 8601. */
  readonly initiated: string | null;
}

export interface UploadMarker {
  readonly keyMarker: string;
  readonly uploadIdMarker: string | null;
}

export interface UploadListing {
  /** One page in order of part numbers. `nextMarker` is null on the last. */
  listParts(
    input: Upload & { readonly partNumberMarker?: number | undefined; readonly maxParts?: number | undefined },
    signal: AbortSignal,
  ): Promise<{ readonly parts: readonly ListedPart[]; readonly nextMarker: number | null }>;
  listMultipartUploads(
    input: {
      readonly prefix?: string | undefined;
      readonly after?: UploadMarker | undefined;
      readonly maxUploads?: number | undefined;
    },
    signal: AbortSignal,
  ): Promise<{ readonly uploads: readonly ListedUpload[]; readonly next: UploadMarker | null }>;
}

export function createUploadListing(caller: S3Caller, readListed: ReadListed): UploadListing {
  return {
    async listParts({ key, uploadId, partNumberMarker, maxParts }, signal) {
      const query = { uploadId, "part-number-marker": partNumberMarker?.toString(), "max-parts": maxParts?.toString() };
      const request: S3Request = { operation: "ListParts", method: "GET", key, query };
      const { root } = await caller.xml(request, "ListPartsResult", signal);
      return understood(caller, request, () => ({
        parts: childrenNamed(root, "Part")
          .map(readPart)
          .toSorted((a, b) => a.partNumber - b.partNumber),
        nextMarker: isTruncated(root) ? requiredCount(root, "NextPartNumberMarker") : null,
      }));
    },

    async listMultipartUploads({ prefix, after, maxUploads }, signal) {
      const query = {
        uploads: "",
        "encoding-type": "url",
        prefix,
        "key-marker": after?.keyMarker,
        "upload-id-marker": after?.uploadIdMarker ?? undefined,
        "max-uploads": maxUploads?.toString(),
      };
      const request: S3Request = { operation: "ListMultipartUploads", method: "GET", key: null, query };
      const { root } = await caller.xml(request, "ListMultipartUploadsResult", signal);
      const keys = childrenNamed(root, "Upload").map((upload) => childText(upload, "Key") ?? "");
      const texts = [...keys, childText(root, "NextKeyMarker") ?? ""];
      const decode = (await readListed({ root, prefix, texts }, signal)) ?? ((text: string) => text);
      return understood(caller, request, () => {
        const uploads = childrenNamed(root, "Upload").map((upload) => ({
          key: decode(required(upload, "Key")),
          uploadId: required(upload, "UploadId"),
          initiated: filled(upload, "Initiated"),
        }));
        const next = {
          keyMarker: decode(childText(root, "NextKeyMarker") ?? ""),
          uploadIdMarker: filled(root, "NextUploadIdMarker"),
        };
        if (isTruncated(root) && next.keyMarker === "")
          throw new SyntaxError("the listing is truncated and has no NextKeyMarker");
        return { uploads, next: isTruncated(root) ? next : null };
      });
    },
  };
}

function readPart(part: XmlElement): ListedPart {
  return {
    partNumber: requiredCount(part, "PartNumber"),
    bytes: requiredCount(part, "Size"),
    etag: filled(part, "ETag"),
    checksums: checksumElements(part),
  };
}

function isTruncated(root: XmlElement): boolean {
  return childText(root, "IsTruncated")?.trim() === "true";
}
