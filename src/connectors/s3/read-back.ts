import { GodwitError } from "../../base/errors.ts";
import { blockCount, blockStarts, type Item } from "../../model/chunk.ts";
import type { Frame, ItemEnd } from "../../ports/source.ts";
import type { ReadBackRequest, StoredFrame } from "../../ports/target.ts";
import { type Ahead, ahead, aheadLimits } from "./ahead.ts";
import type { Buffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import type { ObjectHead } from "./client-objects.ts";
import { vanished } from "../../ports/source-errors.ts";
import { isOfEntry, isOfVersion } from "./errors.ts";
import { type Fetched, fetchPiece, pieces } from "./fetch.ts";
import { type Kept, keptDigests } from "./kept-digests.ts";
import type { Root } from "./keys.ts";
import { headEntry } from "./object-entry.ts";
import { type ObjectPin, pinOf } from "./tags.ts";

const asksAtOnce = 16;

export interface ReadBackParts {
  readonly client: S3Client;
  readonly root: Root;
  readonly buffers: Buffers;
  /** Take the store's own SHA-256 of a block where it keeps one. */
  readonly byChecksum: boolean;
}

interface Wanted {
  readonly index: number;
  readonly item: Item;
  readonly pin: ObjectPin;
}

/**
 * Reads what the store holds under the final names. Entries of packs are pinned to what their write was told. The ranges
 * of a large entry know their parts, not the object: there the digests alone say whether it is the right one.
 */
export async function* readBack(
  parts: ReadBackParts,
  request: ReadBackRequest,
  signal: AbortSignal,
): AsyncGenerator<StoredFrame> {
  const wanted = wantedOf(request);
  if (!parts.byChecksum) {
    yield* readBytes(parts, wanted, signal);
    return;
  }
  const starts = blockStarts(request.work.items);
  for (let from = 0; from < wanted.length; from += asksAtOnce) {
    const some = wanted.slice(from, from + asksAtOnce);
    const found = await Promise.all(some.map((one) => keptOf(parts, one, signal)));
    for (const [at, one] of some.entries()) {
      const kept = found[at] ?? null;
      if (kept === null) {
        yield* readBytes(parts, [one], signal);
        continue;
      }
      const first = starts[one.index] as number;
      for (const [block, stored] of kept.digests.entries()) yield { item: one.index, block: first + block, stored };
      yield { item: one.index, end: read(one.item, kept.head) };
    }
  }
}

function wantedOf({ work, skip, receipts }: ReadBackRequest): readonly Wanted[] {
  const starts = blockStarts(work.items);
  const wanted: Wanted[] = [];
  for (const [index, item] of work.items.entries()) {
    if (skip.has(index)) continue;
    // A range's tags are those of its parts, not of the object.
    const tag =
      work.kind === "pack" && item.entry.kind === "file"
        ? (receipts.tags?.[(starts[index + 1] as number) - 1] ?? null)
        : null;
    wanted.push({ index, item, pin: pinOf(tag) });
  }
  return wanted;
}

async function* readBytes(parts: ReadBackParts, wanted: readonly Wanted[], signal: AbortSignal): AsyncGenerator<Frame> {
  const items = new Map(wanted.map(({ index, item }) => [index, item]));
  let failed = -1;
  for await (const got of ahead(tasks(parts, wanted), aheadLimits, signal)) {
    if (got.item === failed) continue;
    if ("end" in got) {
      failed = got.item;
      yield got;
      continue;
    }
    const { item, offset, bytes, head, isLast } = got;
    if (bytes.length > 0) yield { item, offset, bytes };
    parts.buffers.give(bytes);
    if (isLast) yield { item, end: read(items.get(item) as Item, head) };
  }
}

function* tasks(parts: ReadBackParts, wanted: readonly Wanted[]): Generator<Ahead<Fetched>> {
  const { client, root, buffers } = parts;
  for (const { index, item, pin } of wanted) {
    const { entry, offset: origin, length } = item;
    if (entry.kind !== "file") {
      yield { bytes: 0, run: async (signal) => ({ item: index, end: await endOfMarker(parts, item, signal) }) };
      continue;
    }
    const stop = origin + length;
    const key = root.key(entry.path);
    const stretches = length === 0 ? [{ offset: origin, length: 0 }] : pieces(item, 0);
    for (const stretch of stretches) {
      const request = { path: entry.path, key, ...stretch, sizeBytes: entry.sizeBytes, ...pin };
      const isLast = stretch.offset + stretch.length === stop;
      const run = async (signal: AbortSignal): Promise<Fetched> => {
        try {
          const { bytes, head } = await fetchPiece(client, buffers, request, signal);
          return { item: index, offset: stretch.offset, bytes, head, isLast };
        } catch (error) {
          return { item: index, end: endOf(error, item) };
        }
      };
      yield { bytes: stretch.length, run };
    }
  }
}

/** Null where the store keeps none, or not for these blocks. */
async function keptOf(
  { client, root }: ReadBackParts,
  { item, pin }: Wanted,
  signal: AbortSignal,
): Promise<Kept | null> {
  if (item.entry.kind !== "file") return null;
  const kept = await keptDigests(client, { key: root.key(item.entry.path), item, pin }, signal);
  return kept?.digests.length === blockCount(item) ? kept : null;
}

async function endOfMarker({ client, root }: ReadBackParts, item: Item, signal: AbortSignal): Promise<ItemEnd> {
  const { entry } = item;
  const key = root.keyOrNull(entry.path, entry.kind === "directory");
  if (key === null) return { outcome: "read", observed: { entry, xattrs: null, checksum: null } };
  try {
    const head = await client.headObject({ key }, signal);
    return head === null ? { outcome: "vanished", error: vanished(entry.path).toJSON() } : read(item, head);
  } catch (error) {
    return endOf(error, item);
  }
}

function read({ entry }: Item, head: ObjectHead): ItemEnd {
  const seen = headEntry(entry.path, entry.kind === "directory" ? "directory" : "file", head);
  return { outcome: "read", observed: { entry: seen, xattrs: null, checksum: null } };
}

/** What a failed read means for its item. @throws what stops the whole chunk */
function endOf(error: unknown, { entry }: Item): ItemEnd {
  if (error instanceof GodwitError && error.code === "source_vanished") {
    return { outcome: "vanished", error: vanished(entry.path, error).toJSON() };
  }
  if (isOfVersion(error) || isOfEntry(error)) return { outcome: "failed", error: error.toJSON() };
  throw error;
}
