import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBytes, parseBytes, parseRate } from "../base/sizes.ts";

test.each([
  ["64MiB", 67_108_864],
  ["50MB", 50_000_000],
  ["1.5 GiB", 1_610_612_736],
  ["1048576", 1_048_576],
  ["1tb", 1e12],
  ["2PB", 2e15],
  ["1PiB", 2 ** 50],
  ["7b", 7],
])("%j is a size", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(["", "0", "-1", "MB", "1 XB", "1e6", "0x10", "1,5MB", "NaN", "Infinity", "9999999999TiB", "1MB/s", "12 34"])(
  "%j is no size",
  (text) => {
    expect(() => parseBytes(text)).toThrow(/^usage: .* is no size$/);
  },
);

test.each([
  ["50MB/s", 50_000_000],
  [" 1KiB/S ", 1_024],
  ["400GB/h", 111_111_111],
  ["400 GB / h", 111_111_111],
  ["1.4TB/h", 388_888_888],
  ["6MiB/min", 104_857],
  ["6MiB/m", 104_857],
  ["1TiB/d", 12_725_829],
  ["1B/s", 1],
])("%j is a rate", (text, bytesPerSecond) => {
  expect(parseRate(text)).toBe(bytesPerSecond);
});

test.each([
  "",
  "50",
  "50/s",
  "50MB",
  "50MB/",
  "MB/s",
  "0MB/s",
  "50XB/s",
  "50MB/w",
  "50MB/ms",
  "1/s/s",
  "-5MB/s",
  "fast",
])("%j is no rate", (text) => {
  expect(() => parseRate(text)).toThrow(new RegExp(`^usage: ${text} is no rate$`));
});

test("a rate that would round down to nothing is refused, not taken for none", () => {
  expect(() => parseRate("3KB/h")).toThrow(/^usage: 3KB\/h is less than a byte per second$/);
});

test("every whole number of bytes is a size", () => {
  fc.assert(fc.property(fc.integer({ min: 1 }), (bytes) => parseBytes(String(bytes)) === bytes));
});

test("a shown size has three digits at most and never says 1000", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 15 }), (bytes) => {
      expect(formatBytes(bytes)).toMatch(/^\d{1,3}(\.\d{1,2})? [KMGTP]?B$/);
    }),
  );
});

test("a slow rate is shown in three digits too", () => {
  expect([0, 7, 0.4, 132.9623664115883, 999.4].map(formatBytes)).toEqual(["0 B", "7 B", "0 B", "133 B", "999 B"]);
});
