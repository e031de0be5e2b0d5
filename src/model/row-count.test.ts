import { expect, test } from "vitest";
import { rowsOfTags, rowsTag } from "./row-count.ts";

test("a count of rows comes back from its tag, and nothing else is taken for one", () => {
  expect(rowsOfTags([rowsTag(0)])).toBe(0);
  expect(rowsOfTags([rowsTag(5_000_000_000)])).toBe(5_000_000_000);
  expect(rowsOfTags(null)).toBeNull();
  expect(rowsOfTags([])).toBeNull();
  expect(rowsOfTags(["etag-1"])).toBeNull();
});
