import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { largestOf, scaleOf, someSize } from "./scale.ts";

const MiB = 2 ** 20;
const petabyte = { chunkBytes: null, bytes: 1e15, meanEntryBytes: 1e9, lanes: 200 };

describe("simulated chunks", () => {
  test("are as large as real ones where the fleet is slow, and larger where it is fast", () => {
    expect(scaleOf({ ...petabyte, bytesPerSecond: 111e6 })).toEqual({
      realChunkBytes: 64 * MiB,
      chunkBytes: 64 * MiB,
    });
    const fast = scaleOf({ ...petabyte, bytesPerSecond: 10e9 }).chunkBytes;
    expect(fast).toBeGreaterThan(1_024 * MiB);
    expect(Math.log2(fast / (64 * MiB)) % 1).toBe(0);
  });

  test("are what 4,096 small files have, never more than the job, and what a scenario says", () => {
    expect(scaleOf({ ...petabyte, meanEntryBytes: 1_000, bytesPerSecond: 1e6 }).realChunkBytes).toBe(4_096_000);
    expect(scaleOf({ ...petabyte, bytes: 5_000, bytesPerSecond: 1e6 }).chunkBytes).toBe(5_000);
    expect(scaleOf({ ...petabyte, chunkBytes: 3 * MiB, bytesPerSecond: 1e10 }).chunkBytes).toBe(3 * MiB);
  });

  test("are never two in one chunk of the product, and have the wanted size on average", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 2 ** 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (bytes, part) => {
          const size = someSize(bytes, part);
          expect(size).toBeLessThanOrEqual(largestOf(bytes));
          expect(2 * size).toBeGreaterThan(largestOf(bytes) - 2);
          expect((someSize(bytes, 0) + someSize(bytes, 1)) / 2).toBeCloseTo(bytes, -1);
        },
      ),
    );
  });
});
