import { hash } from "node:crypto";
import type { ErrorRecord } from "../base/errors.ts";
import { BlockHasher, type NewSha256Pair } from "../model/block-hasher.ts";
import { blockStarts, type Item, type Work } from "../model/chunk.ts";
import type { Meter } from "../model/meter.ts";
import type { BytesFrame, Frame, ItemEnd } from "../ports/source.ts";
import type { DigestedFrame } from "../ports/target.ts";

const digestBytes = 32;
const emptyBytes = new Uint8Array(0);
const emptyDigest = hash("sha256", emptyBytes, "buffer");

/** Looks at the bytes of whole items as they pass, for evidence that the source itself keeps. */
export interface Witness {
  bytes(item: number, bytes: Uint8Array): void;
  /**
   * Asked at the end of each block, before its last bytes are handed on; null when nothing speaks against them.
   * @param block counted over the chunk
   */
  objection(passed: PassedBlock): Promise<ErrorRecord | null>;
}

export interface PassedBlock {
  readonly item: number;
  readonly block: number;
  readonly digest: Uint8Array;
  /** All bytes of the item have passed. */
  readonly isLast: boolean;
}

export interface DigestOptions {
  readonly work: Work;
  /** One digest of 32 bytes per block of the work; filled as blocks pass. */
  readonly digests: Uint8Array;
  /** Where the frames come in pairs. */
  readonly newPair: NewSha256Pair | null;
  readonly witness: Witness | null;
  readonly meter: Meter;
  /** Sees the end of every item. */
  readonly onEnd: (item: number, end: ItemEnd) => void;
}

/**
 * Hashes frames on their way from a source to a target, block by block. The last frame of a block carries its digest.
 * An item against which its evidence speaks ends `failed` before its last bytes are handed on, so that no target can
 * take it for complete.
 */
export async function* digestFrames(
  frames: AsyncIterable<Frame>,
  options: DigestOptions,
): AsyncGenerator<DigestedFrame> {
  const { work, digests, witness, meter, onEnd } = options;
  const starts = blockStarts(work.items);
  const hasher = new BlockHasher<BytesFrame>(work.items, options.newPair);
  let rejected = -1;
  for await (const frame of frames) {
    const item = work.items[frame.item] as Item;
    if ("end" in frame) {
      const whole = hasher.end(frame.item);
      if (frame.item === rejected) continue;
      let { end } = frame;
      if (end.outcome === "read" && item.entry.kind === "file" && item.length === 0) {
        const block = starts[frame.item] as number;
        digests.set(emptyDigest, block * digestBytes);
        const passed = { item: frame.item, block, digest: emptyDigest, isLast: true };
        const objection = (await witness?.objection(passed)) ?? null;
        if (objection === null)
          yield { item: frame.item, offset: item.offset, bytes: emptyBytes, block, digest: emptyDigest };
        else end = { outcome: "failed", error: objection };
      }
      onEnd(frame.item, end);
      if (end.outcome === "read" && whole !== null) digests.set(whole.digest, whole.block * digestBytes);
      yield { item: frame.item, end, ...whole };
      continue;
    }
    meter.add("sourceBytesRead", frame.bytes.length);
    if (frame.item === rejected) continue;
    witness?.bytes(frame.item, frame.bytes);
    for (const { frame: hashed, block, digest } of hasher.take(frame)) {
      const { offset, bytes } = hashed;
      if (frame.item === rejected) continue;
      if (digest !== null) {
        digests.set(digest, block * digestBytes);
        const isLast = offset + bytes.length === item.offset + item.length;
        const objection = (await witness?.objection({ item: frame.item, block, digest, isLast })) ?? null;
        if (objection !== null) {
          rejected = frame.item;
          const end: ItemEnd = { outcome: "failed", error: objection };
          onEnd(frame.item, end);
          yield { item: frame.item, end };
          continue;
        }
      }
      yield { item: frame.item, offset, bytes, block, digest };
      // Pulled again: the target has taken them.
      meter.add("targetBytesWritten", bytes.length);
    }
  }
}
