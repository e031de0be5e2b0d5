import { hash } from "node:crypto";
import { chunkBytesOf } from "../model/chunk.ts";
import type { ReportRange } from "./schema.ts";

export const digestBytes = 32;
const noDigest = Buffer.alloc(digestBytes);

export interface ContentDigests {
  /** Of the whole entry, where it is one block. */
  readonly sha256: string | null;
  /** Where it is more than one. */
  readonly ranges: ReportRange[] | null;
}

export interface BlocksOfEntry {
  readonly digests: Uint8Array;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** The wanted size of a range. */
  readonly chunkBytes: number;
}

/** What the digests of all blocks of an entry say of its content; null when one is missing. */
export function contentDigests({ digests, sizeBytes, blockBytes, chunkBytes }: BlocksOfEntry): ContentDigests | null {
  const blocks = Math.max(1, Math.ceil(sizeBytes / blockBytes));
  const bytes = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength);
  if (bytes.length !== blocks * digestBytes) return null;
  for (let at = 0; at < bytes.length; at += digestBytes) {
    // Zeros stand for a block without an outcome of its own.
    if (bytes.compare(noDigest, 0, digestBytes, at, at + digestBytes) === 0) return null;
  }
  if (blocks === 1) return { sha256: bytes.toString("hex"), ranges: null };
  const rangeBytes = chunkBytesOf(blockBytes, chunkBytes);
  const rangeDigests = (rangeBytes / blockBytes) * digestBytes;
  const ranges: ReportRange[] = [];
  for (let offset = 0, at = 0; offset < sizeBytes; offset += rangeBytes, at += rangeDigests) {
    const digest = hash("sha256", bytes.subarray(at, at + rangeDigests));
    ranges.push({ offset_bytes: offset, length_bytes: Math.min(rangeBytes, sizeBytes - offset), digest });
  }
  return { sha256: null, ranges };
}
