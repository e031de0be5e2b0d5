import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesPerSecondOf, gigabytesPerHourOf } from "./units.ts";

test("400 GB per hour are 111,111,111 bytes per second, and are shown as 400 again", () => {
  expect(bytesPerSecondOf(400)).toBe(111_111_111);
  expect(gigabytesPerHourOf(111_111_111)).toBe(400);
});

test("a cap is never more than what was asked for, and is shown as it was asked for", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000_000 }), (thousandths) => {
      const asked = thousandths / 1_000;
      const inside = bytesPerSecondOf(asked);
      expect(inside).toBeLessThanOrEqual((asked * 1e9) / 3_600);
      expect(gigabytesPerHourOf(inside)).toBeCloseTo(asked, 5);
    }),
  );
});
