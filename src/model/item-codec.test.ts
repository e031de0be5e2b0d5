import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GodwitError } from "../base/errors.ts";
import type { Item } from "./chunk.ts";
import {
  decodeEndings,
  decodeEvidence,
  decodeReceipts,
  encodeEndings,
  encodeEvidence,
  encodeReceipts,
} from "./ending-codec.ts";
import { type Entry, evidences, outcomes, type Version } from "./entry.ts";
import { decodeItems, encodeItems } from "./item-codec.ts";
import type { BytePath } from "./path.ts";
import type { ItemEnding, Receipts } from "./task.ts";

const anyPath = fc
  .uint8Array({ minLength: 0, maxLength: 300 })
  .map((bytes) => Buffer.from(bytes).toString("latin1") as BytePath);
const anyTime = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anySize = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
const anyVersion: fc.Arbitrary<Version> = fc.oneof(
  fc.record({
    kind: fc.constant("stat" as const),
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    mtimeNs: anyTime,
    ctimeNs: anyTime,
  }),
  fc.record({
    kind: fc.constant("object" as const),
    etag: fc.string({ unit: "grapheme" }),
    versionId: fc.option(fc.string()),
    modifiedMs: fc.maxSafeInteger(),
  }),
);
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  path: anyPath,
  kind: fc.constantFrom("file", "directory", "symlink", "hardlink"),
  sizeBytes: anySize,
  version: anyVersion,
  attributes: fc.option(
    fc.record({ mode: fc.nat(0o7777), uid: fc.nat(2 ** 31 - 1), gid: fc.maxSafeNat(), mtimeNs: anyTime }),
  ),
  link: fc.option(anyPath),
  sparse: fc.boolean(),
});
const anyItem: fc.Arbitrary<Item> = fc.record(
  {
    entry: anyEntry,
    offset: anySize,
    length: anySize,
    blockBytes: anySize,
    compare: fc.boolean(),
    standing: fc.option(fc.string({ unit: "grapheme" })),
  },
  { requiredKeys: ["entry", "offset", "length", "blockBytes", "compare"] },
);
const anyEnding: fc.Arbitrary<ItemEnding> = fc.record({
  item: fc.nat(),
  outcome: fc.constantFrom(...outcomes),
  evidence: fc.constantFrom(...evidences),
  error: fc.option(
    fc.record({
      code: fc.constantFrom("unreadable" as const, "source_changed" as const),
      disposition: fc.constantFrom("retry" as const, "rejected" as const),
      what: fc.string({ unit: "grapheme" }),
      hint: fc.string(),
    }),
  ),
  now: fc.option(anyEntry),
  again: fc.boolean(),
});
const anyReceipts: fc.Arbitrary<Receipts> = fc.tuple(fc.nat(20), fc.boolean()).chain(([count, tagged]) =>
  fc.record({
    count: fc.constant(count),
    digests: fc.uint8Array({ minLength: 32 * count, maxLength: 32 * count }),
    tags:
      tagged && count > 0
        ? fc.array(fc.option(fc.string()), { minLength: count, maxLength: count })
        : fc.constant(null),
  }),
);

/** As a real tree has them: names count up, times are random to the nanosecond within a second. */
function smallFiles(count: number, seed = 1): Item[] {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, (_, index) => {
    const mtimeNs = 1_700_000_000_000_000_000n + BigInt(next(1_000_000_000)) * 1000n + BigInt(next(1000));
    const ctimeNs = mtimeNs + BigInt(next(1_000_000_000));
    const sizeBytes = 1024 + next(7168);
    const name = `dir-${String(Math.floor(index / 500)).padStart(4, "0")}/file-${String(index).padStart(6, "0")}.bin`;
    return {
      entry: {
        path: name as BytePath,
        kind: "file",
        sizeBytes,
        version: { kind: "stat", inode: BigInt(1_000_000 + index), mtimeNs, ctimeNs },
        attributes: { mode: 0o644, uid: 1000, gid: 1000, mtimeNs },
        link: null,
        sparse: false,
      },
      offset: 0,
      length: sizeBytes,
      blockBytes: 8 * 2 ** 20,
      compare: false,
    };
  });
}

function readOr<T>(bytes: Uint8Array, otherwise: (error: unknown) => T): Item[] | T {
  try {
    return decodeItems(bytes);
  } catch (error) {
    return otherwise(error);
  }
}

describe("items", () => {
  test("come back as they were, whatever their names, sizes and times", () => {
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 30 }), (items) => {
        expect(decodeItems(encodeItems(items))).toEqual(items);
      }),
    );
  });

  test("take at most 35 bytes per small file", () => {
    const items = smallFiles(4096);
    const bytes = encodeItems(items);
    expect(decodeItems(bytes)).toEqual(items);
    expect(bytes.length / items.length).toBeLessThan(35);
  });

  test("are refused or unchanged when bits of them flip, never read as something else", () => {
    const items = smallFiles(50);
    const bytes = encodeItems(items);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bent = bytes.slice();
        bent[at] = (bent[at] ?? 0) ^ mask;
        const found = readOr(bent, (error) => (error instanceof GodwitError ? error.code : error));
        expect([items, "state_unusable"]).toContainEqual(found);
      }),
    );
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeItems(bytes.subarray(0, length))).toThrow(GodwitError);
    }
  });
});

describe("endings", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(fc.array(anyEnding, { maxLength: 30 }), (endings) => {
        expect(decodeEndings(encodeEndings(endings))).toEqual(endings);
      }),
    );
  });

  test("that are alike take next to nothing", () => {
    const endings = Array.from({ length: 4096 }, (_, item): ItemEnding => ({
      item,
      outcome: "unchanged",
      evidence: "size_and_mtime",
      error: null,
      now: null,
      again: false,
    }));
    expect(encodeEndings([])).toHaveLength(0);
    expect(encodeEndings(endings).length).toBeLessThan(100);
  });
});

describe("evidence of items that differ", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...evidences), { maxLength: 50 }), (each) => {
        expect(decodeEvidence(encodeEvidence(each))).toEqual(each);
      }),
    );
    expect(() => decodeEvidence(encodeEvidence(["manifest"]).subarray(0, 5))).toThrow(GodwitError);
  });

  test("takes a fraction of a byte for each, however it is mixed", () => {
    const each = Array.from({ length: 4096 }, (_, item) => ((item * item) % 7 < 3 ? "one_read" : "store_checksum"));
    expect(encodeEvidence(each).length).toBeLessThan(4096 / 5);
  });
});

test("receipts come back as they were, with and without tags", () => {
  fc.assert(
    fc.property(anyReceipts, (receipts) => {
      expect(decodeReceipts(encodeReceipts(receipts))).toEqual(receipts);
    }),
  );
  expect(() => decodeReceipts(new Uint8Array([1, 2, 3]))).toThrow(GodwitError);
  expect(() => decodeReceipts(new Uint8Array([9, 9]))).toThrow(GodwitError);
});
