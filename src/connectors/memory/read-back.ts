import type { Entry } from "../../model/entry.ts";
import type { Frame, ItemEnd } from "../../ports/source.ts";
import type { ReadBackRequest } from "../../ports/target.ts";
import { changed, missing } from "./errors.ts";
import type { MemoryNode, MemoryPlace } from "./place.ts";
import { entryOf } from "./source.ts";
import { stagingKey } from "./staging.ts";

const frameBytes = 1 << 20;

export async function* readBack(
  place: MemoryPlace,
  { work, skip, published }: ReadBackRequest,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  for (const [index, item] of work.items.entries()) {
    if (skip.has(index)) continue;
    signal.throwIfAborted();
    const { entry } = item;
    const staged = published ? undefined : place.staged.get(stagingKey(work.jobId, entry));
    const node = staged?.node ?? place.nodes.get(entry.path);
    if (node === undefined || (entry.kind === "file" && node.kind !== "file")) {
      yield { item: index, end: { outcome: "vanished", error: missing(entry.path).toJSON() } };
      continue;
    }
    const stop = Math.min(item.offset + item.length, node.bytes.length);
    for (let position = item.offset; entry.kind === "file" && position < stop;) {
      const inBlock = (position - item.offset) % item.blockBytes;
      const bytes = Math.min(frameBytes, item.blockBytes - inBlock, stop - position);
      yield { item: index, offset: position, bytes: node.bytes.subarray(position, position + bytes) };
      position += bytes;
      signal.throwIfAborted();
    }
    yield { item: index, end: endOf(place, entry, node) };
  }
}

function endOf(place: MemoryPlace, entry: Entry, node: MemoryNode): ItemEnd {
  if (entry.kind === "file" && node.bytes.length > entry.sizeBytes) {
    return { outcome: "failed", error: changed(entry.path).toJSON() };
  }
  const isLink = entry.kind === "hardlink" && entry.link !== null && place.nodes.get(entry.link) === node;
  const seen = entryOf(entry.path, node, isLink ? entry.link : null);
  return { outcome: "read", observed: { entry: seen, xattrs: node.xattrs, checksum: null } };
}
