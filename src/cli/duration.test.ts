import { expect, test } from "vitest";
import { formatAge, parseDuration } from "./duration.ts";

test.each([
  ["0s", 0],
  ["90m", 5_400_000],
  ["12h", 43_200_000],
  ["30d", 2_592_000_000],
  [" 2w ", 1_209_600_000],
])("%j is a length of time", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "d", "30", "-1d", "1.5h", "1y", "9999999d", "1d2h"])("%j is none", (text) => {
  expect(() => parseDuration(text)).toThrow(/^usage: .* is no length of time$/);
});

test("an age is told in its two largest units", () => {
  expect([0, 59_999, 60_000, 3_660_000, 90_000_000, -5].map(formatAge)).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "1 h 1 min",
    "1 d 1 h",
    "0 s",
  ]);
});
