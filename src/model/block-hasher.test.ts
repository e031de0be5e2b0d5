import { hash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { sampleEntry, sampleItem } from "../../test/report/sample-store.ts";
import { slowPair } from "../../test/testbed/slow-pair.ts";
import { type BlockFrame, BlockHasher } from "./block-hasher.ts";
import type { Item } from "./chunk.ts";

const blockBytes = 256;

function itemOf(length: number): Item {
  return { ...sampleItem(sampleEntry("file", length)), length, blockBytes };
}

function frame(bytes: Buffer, [from, length]: readonly [number, number], pairsWithNext = false): BlockFrame {
  return { item: 0, offset: from, bytes: bytes.subarray(from, from + length), pairsWithNext };
}

/** Digests by block, as a hasher gives them. */
function digestsOf(bytes: Buffer, frames: readonly BlockFrame[]): Map<number, string> {
  const hasher = new BlockHasher([itemOf(bytes.length)], slowPair);
  const hashed = frames.flatMap((each) => hasher.take(each));
  expect(hashed.map((each) => each.frame)).toEqual(frames);
  return new Map(
    hashed.flatMap(({ block, digest }) =>
      digest === null ? [] : [[block, Buffer.from(digest).toString("hex")] as const],
    ),
  );
}

function expected(bytes: Buffer): Map<number, string> {
  const blocks = Math.ceil(bytes.length / blockBytes);
  return new Map(
    Array.from({ length: blocks }, (_, block) => [
      block,
      hash("sha256", bytes.subarray(block * blockBytes, (block + 1) * blockBytes)),
    ]),
  );
}

test("blocks have the digest of their bytes, one after another and in pairs", () => {
  const sizes = fc.integer({ min: 1, max: 5 * blockBytes });
  fc.assert(
    fc.property(sizes, fc.constantFrom(64, 128, 256), fc.boolean(), (size, frameBytes, wantsPairs) => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 31 + size) % 251));
      const frames: BlockFrame[] = [];
      for (let block = 0; block < size;) {
        const isPair = wantsPairs && block + 2 * blockBytes <= size;
        const end = Math.min(block + blockBytes, size);
        for (let from = block; from < end; from += frameBytes) {
          const length = Math.min(frameBytes, end - from);
          frames.push(frame(bytes, [from, length], isPair));
          if (isPair) frames.push(frame(bytes, [from + blockBytes, length]));
        }
        block = isPair ? block + 2 * blockBytes : end;
      }
      expect(digestsOf(bytes, frames)).toEqual(expected(bytes));
    }),
  );
});

test("a pair that is broken off leaves nothing behind for the next item", () => {
  const bytes = Buffer.alloc(2 * blockBytes, 7);
  const item = itemOf(bytes.length);
  const hasher = new BlockHasher([item, item], slowPair);
  expect(hasher.take(frame(bytes, [0, 128], true))).toEqual([]);
  hasher.end(0);
  const next = { ...frame(bytes, [0, blockBytes]), item: 1 };
  expect(hasher.take(next)).toEqual([{ frame: next, block: 2, digest: hash("sha256", next.bytes, "buffer") }]);
});

test("frames that do not belong side by side are refused", () => {
  const bytes = Buffer.alloc(4 * blockBytes);
  const hasher = new BlockHasher([itemOf(bytes.length)], slowPair);
  hasher.take(frame(bytes, [0, 128], true));
  expect(() => hasher.take(frame(bytes, [2 * blockBytes, 128]))).toThrow(/neighbouring/);
  hasher.end(0);
  hasher.take(frame(bytes, [0, 128], true));
  expect(() => hasher.take(frame(bytes, [blockBytes + 128, 128]))).toThrow(/side by side/);
  hasher.end(0);
  expect(() => hasher.take(frame(bytes, [64, 64]))).toThrow(/from its start/);
});
