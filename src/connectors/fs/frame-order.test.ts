import * as fc from "fast-check";
import { expect, test } from "vitest";
import { sampleEntry, sampleItem } from "../../../test/report/sample-store.ts";
import { frameBytes, type FramePlace, framesOf } from "./frame-order.ts";

const blocks = fc.constantFrom(frameBytes / 2, frameBytes, 1.5 * frameBytes, 8 * frameBytes, 100_000);

test("frames cover every byte once, cross no block's border, and pairs lie in the same place of neighbouring blocks", () => {
  fc.assert(
    fc.property(
      blocks,
      fc.tuple(fc.nat(40 * frameBytes), fc.nat(3)),
      fc.record({ paired: fc.boolean(), wholeBytes: fc.nat(50 * frameBytes) }),
      (blockBytes, [length, first], wanted) => {
        const offset = 3 * blockBytes;
        const item = { ...sampleItem(sampleEntry("file", offset + length)), offset, length, blockBytes };
        const from = offset + first * blockBytes;
        const places = [...framesOf(item, from, wanted)];
        const sorted = places.toSorted((a, b) => a.position - b.position);
        let at = from;
        for (const { position, length: bytes } of sorted) {
          expect(position).toBe(at);
          expect(bytes).toBeGreaterThan(0);
          const inBlock = (position - offset) % blockBytes;
          expect(inBlock + bytes).toBeLessThanOrEqual(blockBytes);
          at += bytes;
        }
        expect(at).toBe(Math.max(from, offset + length));
        places.forEach((place, index) => {
          if (!place.pairsWithNext) return;
          const next = places[index + 1] as FramePlace;
          expect(wanted.paired).toBe(true);
          expect(blockBytes % 64).toBe(0);
          expect([place.buffer, next.buffer]).toEqual([0, 1]);
          expect(next).toMatchObject({ position: place.position + blockBytes, length: place.length });
          expect(next.position + next.length).toBeLessThanOrEqual(wanted.wholeBytes);
        });
      },
    ),
  );
});
