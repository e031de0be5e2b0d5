/** Invariant 7, judged at the very moment of a crash: a checkpoint is never ahead of the data. */
import { hash } from "node:crypto";
import { blockCount, type Item } from "../../src/model/chunk.ts";
import { type MemoryNode, type MemoryPlace, type StagedNode, versionOf } from "../../src/connectors/memory/place.ts";
import { sameVersion } from "../../src/model/entry.ts";
import { stagingKey } from "../../src/connectors/memory/staging.ts";
import { type ChunkHistory, firstBlocks } from "./chunk-history.ts";
import type { Journal } from "./journal.ts";
import type { Story } from "./story.ts";

const zeros = Buffer.alloc(32);

/** Every block that the Store has confirmed is on the target, synced, with that digest. */
export function checkDurable(jobId: string, story: Story, journal: Journal): void {
  for (const [id, chunk] of journal.chunks) {
    if (chunk.kind !== "pack" && chunk.kind !== "range") continue;
    const starts = firstBlocks(chunk);
    for (const [index, item] of chunk.items.entries()) {
      if (item.entry.kind !== "file" || chunk.ended.has(index) || chunk.proof.has(index)) continue;
      const first = starts[index] as number;
      for (let block = 0; block < blockCount(item); block += 1) {
        const digest = chunk.confirmed[first + block];
        if (digest === undefined || digest.equals(zeros)) continue;
        const problem = problemOf(jobId, story, { chunk, item, block, digest });
        if (problem !== null)
          journal.violate(
            "7 checkpoints",
            `chunk ${id}, ${item.entry.path}, block ${block} is confirmed, but ${problem}`,
          );
      }
    }
  }
}

interface Block {
  readonly chunk: ChunkHistory;
  readonly item: Item;
  readonly block: number;
  readonly digest: Buffer;
}

function problemOf(jobId: string, story: Story, { item, block, digest }: Block): string | null {
  const { source, target, flips, sweptAway } = story;
  const key = stagingKey(jobId, item.entry);
  if (sweptAway.has(key)) return null;
  const from = item.offset + block * item.blockBytes;
  const to = Math.min(from + item.blockBytes, item.offset + item.length);
  const found = holding(target, item, target.staged.get(key));
  if (found === null) {
    // A version that the source has no more is dropped as soon as a reader meets its end: nobody can go on with it.
    const now = source.nodes.get(item.entry.path);
    return now !== undefined && sameVersion(versionOf(now), item.entry.version) ? "nothing of it is there" : null;
  }
  const { node, unsynced } = found;
  if (unsynced.some(([start, end]) => start < to && end > from)) return "it is not synced";
  if (flips.some((flip) => flip.node === node && flip.offset >= from && flip.offset < to)) return null;
  return hash("sha256", node.bytes.subarray(from, to), "buffer").equals(digest) ? null : "its bytes are others";
}

function holding(
  target: MemoryPlace,
  item: Item,
  staged: StagedNode | undefined,
): { readonly node: MemoryNode; readonly unsynced: StagedNode["unsynced"] } | null {
  if (staged !== undefined) return staged;
  const node = target.nodes.get(item.entry.path);
  return target.publishFirst && node?.kind === "file" ? { node, unsynced: [] } : null;
}
