import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Stretch } from "../../simulate/tally.ts";
import { binsOf, chartOf } from "./chart.ts";

const start = 1_700_000_000_000;

/** One after the other, without gaps. */
function stretchesOf(parts: readonly (readonly [ms: number, bytes: number])[]): readonly Stretch[] {
  let at = start;
  return parts.map(([ms, bytes]) => {
    const stretch = { from: at, ms, sourceBytes: bytes, verifiedBytes: bytes / 2, capBytesPerSecond: 1_000 };
    at += ms;
    return stretch;
  });
}

describe("the parts of a job's time", () => {
  test("hold all of its bytes, however long its stretches are", () => {
    const part = fc.tuple(fc.double({ min: 1, max: 1e9, noNaN: true }), fc.nat(1e9));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 300 }), (parts, count) => {
        const stretches = stretchesOf(parts);
        const bins = binsOf(stretches, count);
        expect(bins).toHaveLength(count);
        const widthMs = parts.reduce((sum, [ms]) => sum + ms, 0) / count;
        const bytes = bins.reduce((sum, { source }) => sum + ((source ?? 0) * widthMs) / 1_000, 0);
        const all = parts.reduce((sum, [, more]) => sum + more, 0);
        expect(Math.abs(bytes - all)).toBeLessThanOrEqual(0.01 * all + 1);
      }),
    );
  });

  test("have the average of what fell into them", () => {
    const bins = binsOf(
      stretchesOf([
        [1_000, 500],
        [3_000, 0],
        [4_000, 8_000],
      ]),
      2,
    );
    expect(bins).toEqual([
      { source: 125, verified: 62.5, cap: 1_000 },
      { source: 2_000, verified: 1_000, cap: 1_000 },
    ]);
  });
});

describe("a chart", () => {
  const stretches = stretchesOf([
    [10_000, 10_000_000],
    [10_000, 0],
    [20_000, 5_000_000],
  ]);

  test("shows much as high and little as low, under the cap", () => {
    const lines = chartOf({ stretches, durationText: "40 s", plain: true }).split("\n");
    expect(lines[0]).toContain("source load (- its cap)");
    const [top, bottom] = [lines[1] ?? "", lines[8] ?? ""];
    expect(top).toMatch(/1\.00 MB\/s \|#{16}$/);
    expect(bottom).toMatch(/0 \|#{16}-{16}#{32}$/);
    expect(lines.at(-1)).toMatch(/^ +0 +40 s$/);
  });

  test("has no more than 80 columns, in ASCII alone where that is asked for", () => {
    for (const plain of [true, false]) {
      const chart = chartOf({ stretches, durationText: "104.2 days", plain });
      for (const line of chart.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
      expect(Buffer.from(chart).every((byte) => byte < 128)).toBe(plain);
    }
  });

  test("of nothing is empty, and no failure", () => {
    expect(chartOf({ stretches: [], durationText: "0.0 s", plain: true })).toContain("source load");
  });
});
