import type { S3Caller, S3Request } from "./client-call.ts";
import { invalidAnswer } from "./client-errors.ts";
import { understood } from "./client-list.ts";
import type { ObjectAddress } from "./client-objects.ts";
import { checksumElements, type ChecksumType, checksumTypeOf, type Checksums, requiredCount } from "./client-shape.ts";
import { childrenNamed, childText, type XmlElement } from "./client-xml.ts";

export interface ObjectPart {
  readonly partNumber: number;
  readonly bytes: number;
  readonly checksums: Checksums;
}

export interface ObjectAttributes {
  readonly bytes: number;
  readonly checksums: Checksums;
  readonly checksumType: ChecksumType | null;
  /** Null for an object of one piece. Empty where it was uploaded without checksums. */
  readonly partCount: number | null;
  readonly parts: readonly ObjectPart[];
  /** Null on the last page of parts. */
  readonly nextPartMarker: number | null;
}

export interface AttributeOperations {
  /** What the store has recorded of an object and its parts, one page of at most 1,000: evidence without a read. */
  getObjectAttributes(
    input: ObjectAddress & { readonly partNumberMarker?: number | undefined },
    signal: AbortSignal,
  ): Promise<ObjectAttributes>;
}

export function createAttributeOperations(caller: S3Caller): AttributeOperations {
  return {
    async getObjectAttributes({ key, versionId, partNumberMarker }, signal) {
      const headers = {
        "x-amz-object-attributes": "Checksum,ObjectParts,ObjectSize",
        "x-amz-part-number-marker": partNumberMarker?.toString(),
      };
      const query = { attributes: "", versionId };
      const request: S3Request = { operation: "GetObjectAttributes", method: "GET", key, query, headers };
      const { root } = await caller.xml(request, "GetObjectAttributesResponse", signal);
      const checksum = root.children.find((child) => child.name === "Checksum");
      const parts = root.children.find((child) => child.name === "ObjectParts");
      const checksumType = checksumTypeOf(checksum === undefined ? null : childText(checksum, "ChecksumType"));
      if (checksumType === undefined) throw invalidAnswer(caller.subject(request), "unknown ChecksumType");
      return understood(caller, request, () => ({
        bytes: requiredCount(root, "ObjectSize"),
        checksums: checksum === undefined ? {} : checksumElements(checksum),
        checksumType,
        ...readParts(parts),
      }));
    },
  };
}

function readParts(parts: XmlElement | undefined): Pick<ObjectAttributes, "partCount" | "parts" | "nextPartMarker"> {
  if (parts === undefined) return { partCount: null, parts: [], nextPartMarker: null };
  return {
    partCount: childText(parts, "PartsCount") === null ? null : requiredCount(parts, "PartsCount"),
    parts: childrenNamed(parts, "Part").map((part) => ({
      partNumber: requiredCount(part, "PartNumber"),
      bytes: requiredCount(part, "Size"),
      checksums: checksumElements(part),
    })),
    nextPartMarker: childText(parts, "IsTruncated") === "true" ? requiredCount(parts, "NextPartNumberMarker") : null,
  };
}
