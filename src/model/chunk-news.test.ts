import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeNews, encodeNews } from "./chunk-news.ts";

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 60 })).map((some) => some.toSorted((a, b) => a - b));

test("news come back as they were told", () => {
  fc.assert(
    fc.property(fc.nat(), ids, ids, (at, added, ended) => {
      const isNothing = added.length + ended.length === 0;
      expect(decodeNews(encodeNews({ at, added, ended }))).toEqual(isNothing ? null : { at, added, ended });
    }),
  );
});

test("the ranges of one entry take no more room than two of them", () => {
  const added = Array.from({ length: 16_000 }, (_, at) => at + 5);
  expect(encodeNews({ at: 7, added, ended: [3, 1] })).toBe("7:5-16004:1,3");
});
