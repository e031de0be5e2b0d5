import fc from "fast-check";
import { expect, test } from "vitest";
import type { MapCell } from "../../ports/overview.ts";
import { mapAnswer } from "./chunks.ts";

test("buckets hold each id once, in order, and the sums are those of the cells", () => {
  const maps = fc.record({
    first: fc.integer({ min: 1, max: 1e6 }),
    span: fc.integer({ min: 1, max: 5_000 }),
    parts: fc.integer({ min: 1, max: 1_000 }),
  });
  fc.assert(
    fc.property(maps, ({ first, span, parts }) => {
      // As a store divides the ids, each in its own cell.
      const cells: MapCell[] = Array.from({ length: span }, (_, at) => ({
        bucket: Math.floor((at * parts) / span),
        state: at % 2 === 0 ? "pending" : "verified",
        chunks: 1,
        bytes: 10,
      }));
      const map = { at: 0, firstChunkId: first, lastChunkId: first + span - 1, cells };
      const { buckets, by_state: sums, bytes_by_state: bytes } = mapAnswer("j", map, parts);
      expect(buckets.length).toBeLessThanOrEqual(parts);
      let next = first;
      for (const bucket of buckets) {
        expect(bucket.first_chunk_id).toBe(next);
        const held = bucket.last_chunk_id - bucket.first_chunk_id + 1;
        expect(bucket.chunks.pending + bucket.chunks.verified).toBe(held);
        next += held;
      }
      expect(next).toBe(first + span);
      expect([sums.pending + sums.verified, bytes.pending + bytes.verified]).toEqual([span, 10 * span]);
    }),
    { numRuns: 60 },
  );
});

test("a job without chunks has an empty map", () => {
  const map = { at: 0, firstChunkId: null, lastChunkId: null, cells: [] };
  expect(mapAnswer("j", map, 10)).toMatchObject({ buckets: [], by_state: { pending: 0, failed: 0 } });
});
