import { expect, test } from "vitest";
import { amazonLimits, objectBytesMax, partBytes, type S3Limits } from "./limits.ts";

const MiB = 2 ** 20;
const TiB = 2 ** 40;
const small: S3Limits = { partBytesMin: 5, partBytesMax: 50, partsMax: 10, partBytesStep: 2 };

test("parts are 8 MiB up to 10,000 of them, then as large as it takes, in whole MiB", () => {
  expect(partBytes(0, amazonLimits)).toBe(8 * MiB);
  expect(partBytes(80_000 * MiB, amazonLimits)).toBe(8 * MiB);
  expect(partBytes(80_000 * MiB + 1, amazonLimits)).toBe(9 * MiB);
  expect(partBytes(5 * TiB, amazonLimits)).toBe(525 * MiB);
});

test("an object ends at 10,000 parts of 5 GiB: 48.8 TiB", () => {
  expect(objectBytesMax(amazonLimits) / TiB).toBeCloseTo(48.828, 3);
  expect(partBytes(objectBytesMax(amazonLimits), amazonLimits)).toBe(5 * 1024 * MiB);
  expect(() => partBytes(objectBytesMax(amazonLimits) + 1, amazonLimits)).toThrow(/too_large/);
});

test("every size up to the limit fits the number of parts, with parts between the least and the greatest", () => {
  for (let size = 0; size <= objectBytesMax(small); size += 1) {
    const part = partBytes(size, small);
    expect(part).toBeGreaterThanOrEqual(small.partBytesMin);
    expect(part).toBeLessThanOrEqual(small.partBytesMax);
    expect(Math.ceil(size / part)).toBeLessThanOrEqual(small.partsMax);
  }
  expect(() => partBytes(objectBytesMax(small) + 1, small)).toThrow(/too_large/);
});
