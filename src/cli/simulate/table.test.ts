import { expect, test } from "vitest";
import { budgetText } from "./table.ts";

const hourMs = 3_600_000;

/** Stretches of an hour under these caps; 100 MB/s were read in each that allowed anything. */
function told(capsBytesPerSecond: readonly (number | null)[], budgetUsed: number | null, isCapped = true): string {
  const stretches = capsBytesPerSecond.map((capBytesPerSecond, index) => ({
    from: index * hourMs,
    ms: hourMs,
    sourceBytes: capBytesPerSecond === 0 ? 0 : 100e6 * 3_600,
    verifiedBytes: 0,
    capBytesPerSecond,
  }));
  return budgetText({ budgetUsed, stretches }, isCapped);
}

test("the budget is told as a part of what the caps allowed", () => {
  expect(told([200e6, 0], 0.5)).toBe("50.0 %");
});

test("a source that has no cap, none in force, or is closed: each is told as what it is", () => {
  expect(told([null], null, false)).toBe("no cap");
  expect(told([null, null], null)).toBe("no cap was in force");
  expect(told([0, null, 0], null)).toBe("closed at times, no cap at others");
  expect(told([0, 0], null)).toBe("closed all the time");
});
