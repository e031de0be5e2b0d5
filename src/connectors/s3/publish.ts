import { assert, must } from "../../base/assert.ts";
import type { Item } from "../../model/chunk.ts";
import { sameAttributes } from "../../model/entry.ts";
import type { RangeReceipts } from "../../model/task.ts";
import type { Loss, Observed } from "../../ports/source.ts";
import type { PublishRequest, WriteReceipt } from "../../ports/target.ts";
import type { S3Client } from "./client.ts";
import type { CompletedPart } from "./client-multipart.ts";
import type { GuardedWrites } from "./guarded-writes.ts";
import type { Root } from "./keys.ts";
import { type Staging, stagingOf } from "./staging.ts";
import { uploadVanished } from "./vanished-upload.ts";

const copiesAtOnce = 8;

export interface PublisherParts {
  readonly client: S3Client;
  readonly writes: GuardedWrites;
  readonly root: Root;
}

/**
 * Makes a large entry visible: its upload is completed by the parts that were recorded, and by no others. Entries of
 * packs are visible since they were written.
 * @throws upload_vanished the upload or a part of it is gone, and what stands under the name is something else
 * @throws condition_failed (retry) something newer than what was seen stands under the name
 */
export async function publish(
  { client, writes, root }: PublisherParts,
  request: PublishRequest,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const { work, observed, ranges, skip, standing } = request;
  if (work.kind !== "head" || skip.has(0)) return { refused: [], lost: [] };
  const item = must(work.items[0], "a head has one item");
  const key = root.key(item.entry.path);
  const staging = stagingOf(key, must(work.staging, "a head that publishes was prepared"));
  const recorded = partsOf(item, ranges ?? []);
  const parts = staging.isRepair ? await repaired({ client, staging, item, recorded }, signal) : recorded;
  await writes.complete({ ...staging.upload, parts, sizeBytes: item.entry.sizeBytes }, standing, signal);
  const losses = lossesOf(item, observed);
  return { refused: [], lost: losses.length === 0 ? [] : [{ item: 0, losses }] };
}

function partsOf({ entry, blockBytes }: Item, ranges: readonly RangeReceipts[]): readonly CompletedPart[] {
  const parts: CompletedPart[] = [];
  for (const { offset, receipts } of ranges) {
    const first = offset / blockBytes + 1;
    for (let block = 0; block < receipts.count; block += 1) {
      const etag = must(receipts.tags?.[block], "a part that was sent has an ETag");
      const digest = Buffer.from(receipts.digests.subarray(block * 32, block * 32 + 32));
      parts.push({ partNumber: first + block, etag, checksumSha256: digest.toString("base64") });
    }
  }
  assert(parts.length === Math.ceil(entry.sizeBytes / blockBytes), "every part of the entry was recorded");
  return parts;
}

interface Repair {
  readonly client: S3Client;
  readonly staging: Staging;
  readonly item: Item;
  readonly recorded: readonly CompletedPart[];
}

/** The good parts are copied on the store from the object that stands there; only the bad ones were sent again. */
async function repaired(
  { client, staging: { upload }, item, recorded }: Repair,
  signal: AbortSignal,
): Promise<readonly CompletedPart[]> {
  const sent = new Map<number, string | null>();
  for (let marker: number | undefined; ;) {
    const page = await client.listParts({ ...upload, partNumberMarker: marker }, signal);
    for (const { partNumber, etag } of page.parts) sent.set(partNumber, etag);
    if (page.nextMarker === null) break;
    marker = page.nextMarker;
  }
  const published = await client.headObject({ key: upload.key }, signal);
  const { entry, blockBytes } = item;
  const copy = async (part: CompletedPart): Promise<CompletedPart> => {
    const etag = sent.get(part.partNumber);
    // Not every store lists ETags; a part that is there was sent by this repair.
    if (etag === part.etag || etag === null) return part;
    if (published?.bytes !== entry.sizeBytes) throw uploadVanished(upload.key, null);
    const offset = (part.partNumber - 1) * blockBytes;
    const range = { offset, bytes: Math.min(blockBytes, entry.sizeBytes - offset) };
    const source = {
      key: upload.key,
      range,
      versionId: versionOf(published.versionId),
      ifMatch: published.etag ?? undefined,
    };
    const written = await client.uploadPartCopy({ ...upload, partNumber: part.partNumber, source }, signal);
    return { ...part, etag: written.etag, checksumSha256: written.checksumSha256 };
  };
  const parts: CompletedPart[] = [];
  for (let from = 0; from < recorded.length; from += copiesAtOnce) {
    parts.push(...(await Promise.all(recorded.slice(from, from + copiesAtOnce).map(copy))));
  }
  return parts;
}

function versionOf(versionId: string | null): string | undefined {
  return versionId === null || versionId === "null" ? undefined : versionId;
}

/** The metadata was fixed when the upload began: attributes that moved since then are left behind. */
function lossesOf({ entry }: Item, observed: Observed | null): readonly Loss[] {
  const losses: Loss[] = [];
  const now = observed?.entry.attributes ?? null;
  if (now !== null && entry.attributes !== null && !sameAttributes(now, entry.attributes)) {
    if (now.mode !== entry.attributes.mode) losses.push("mode");
    if (now.uid !== entry.attributes.uid || now.gid !== entry.attributes.gid) losses.push("owner");
    if (now.mtimeNs !== entry.attributes.mtimeNs) losses.push("mtime");
  }
  if ((observed?.xattrs?.size ?? 0) > 0) losses.push("xattrs");
  if (observed?.metadata?.isPartial === true) losses.push("metadata");
  if (entry.sparse) losses.push("sparse");
  return losses;
}
