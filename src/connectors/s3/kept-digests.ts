import { GodwitError } from "../../base/errors.ts";
import { blockCount, type Item } from "../../model/chunk.ts";
import type { S3Client } from "./client.ts";
import type { ObjectPart } from "./client-attributes.ts";
import type { ObjectHead } from "./client-objects.ts";
import type { ObjectPin } from "./tags.ts";

export interface Kept {
  /** SHA-256 of each block of the item. */
  readonly digests: readonly Uint8Array[];
  readonly head: ObjectHead;
}

export interface KeptQuestion {
  readonly key: string;
  readonly item: Item;
  readonly pin: ObjectPin;
}

/** The SHA-256s that the store keeps of exactly these blocks; null when the bytes have to be read after all. */
export async function keptDigests(
  client: S3Client,
  { key, item, pin }: KeptQuestion,
  signal: AbortSignal,
): Promise<Kept | null> {
  const { versionId, ifMatch } = pin;
  const head = await client.headObject({ key, versionId }, signal);
  if (head === null || head.bytes !== item.entry.sizeBytes || (ifMatch !== undefined && head.etag !== ifMatch))
    return null;
  if (item.entry.sizeBytes <= item.blockBytes) {
    const whole = digestOf(head.checksums.sha256);
    return whole === null || head.checksumType === "COMPOSITE" ? null : { digests: [whole], head };
  }
  const digests = await digestsOfParts(client, { key, item, pin }, signal);
  return digests === null ? null : { digests, head };
}

async function digestsOfParts(
  client: S3Client,
  { key, item, pin }: KeptQuestion,
  signal: AbortSignal,
): Promise<readonly Uint8Array[] | null> {
  const first = item.offset / item.blockBytes + 1;
  const count = blockCount(item);
  const digests: Uint8Array[] = [];
  try {
    for (let marker = first - 1; digests.length < count;) {
      const page = await client.getObjectAttributes(
        { key, versionId: pin.versionId, partNumberMarker: marker === 0 ? undefined : marker },
        signal,
      );
      if (page.bytes !== item.entry.sizeBytes || page.parts.length === 0) return null;
      for (const part of page.parts) {
        if (digests.length === count) break;
        const digest = blockDigest(part, item, first + digests.length);
        if (digest === null) return null;
        digests.push(digest);
      }
      if (digests.length < count && page.nextPartMarker === null) return null;
      marker = page.nextPartMarker ?? marker;
    }
    return digests;
  } catch (error) {
    // A store without this operation (s3s-fs) has its bytes read.
    if (error instanceof GodwitError && error.disposition === "rejected") return null;
    throw error;
  }
}

/** Null when the part is not exactly this block. */
function blockDigest(
  { partNumber, bytes, checksums }: ObjectPart,
  { entry, blockBytes }: Item,
  wanted: number,
): Uint8Array | null {
  const wantedBytes = Math.min(blockBytes, entry.sizeBytes - (wanted - 1) * blockBytes);
  return partNumber === wanted && bytes === wantedBytes ? digestOf(checksums.sha256) : null;
}

/** Not a composite one, which is a digest of digests and ends in the number of parts. */
function digestOf(base64: string | undefined): Uint8Array | null {
  if (base64 === undefined || base64.includes("-")) return null;
  const digest = Buffer.from(base64, "base64");
  return digest.length === 32 ? digest : null;
}
