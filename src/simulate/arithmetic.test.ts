import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bySlot, cappedTransferMs, capsByMinute, requiredRate, transferMs } from "./arithmetic.ts";
import { rateAt } from "../model/timetable.ts";
import type { SourceModel } from "./scenario.ts";

const PB = 1e15;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const monday = Date.parse("2026-01-05T00:00:00Z");

function source(limits: Partial<SourceModel> = {}): SourceModel {
  return {
    statedPeakBytesPerSecond: null,
    limitBytesPerSecond: null,
    timetable: null,
    latency: null,
    readLatencyAboveMs: null,
    others: null,
    ...limits,
  };
}

function timeOf(limits: Partial<SourceModel>, bytes: number, possible = Infinity): number | null {
  return cappedTransferMs(bytes, monday, { cap: capsByMinute(source(limits)), possible: () => possible });
}

describe("a petabyte", () => {
  test("takes 50 workers of 200 MB/s 27.8 hours", () => {
    expect(transferMs(PB, 50 * 200e6) / hourMs).toBeCloseTo(27.78, 2);
  });

  test("takes 104.2 days at 400 GB/h, and a tenth of a peak of 4 TB/h is the same", () => {
    const rate = Math.floor(400e9 / 3_600);
    expect((timeOf({ limitBytesPerSecond: rate }, PB, 1e10) ?? 0) / dayMs).toBeCloseTo(104.17, 2);
    expect((timeOf({ statedPeakBytesPerSecond: 10 * rate }, PB, 1e10) ?? 0) / dayMs).toBeCloseTo(104.17, 2);
  });

  test("needs 1.39 TB/h to be done in 30 days", () => {
    expect((requiredRate(PB, 30 * dayMs) * 3_600) / 1e12).toBeCloseTo(1.389, 3);
  });
});

test("what is remembered of a timetable is what it says, in every minute and zone", () => {
  const lines = ["08:07-08:09 1MB/s", "mon-fri 17:30-24:00 5MB/s", "sat 23:59-00:01 closed"];
  fc.assert(
    fc.property(
      fc.constantFrom("UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"),
      fc.integer({ min: 0, max: 366 * 24 * 60 }),
      (timeZone, minutes) => {
        const timetable = { timeZone, lines };
        const remembered = bySlot(timetable, (at) => rateAt(timetable, at) ?? -1);
        for (const minute of [minutes, minutes + 1, minutes + 2, minutes + 17]) {
          const at = monday + minute * 60_000 + 5;
          expect(remembered(at)).toBe(rateAt(timetable, at) ?? -1);
        }
      },
    ),
  );
});

describe("bytes under the caps of the clock", () => {
  const timetable = { timeZone: "UTC", lines: ["08:00-20:00 closed"] };

  test("wait while the source is closed", () => {
    expect(timeOf({ timetable, limitBytesPerSecond: 1_000 }, 1_000 * 8 * 3_600)).toBe(8 * hourMs);
    expect(timeOf({ timetable, limitBytesPerSecond: 1_000 }, 1_000 * 8 * 3_600 + 1_000)).toBe(20 * hourMs + 1_000);
  });

  test("never arrive where it is closed all week", () => {
    expect(timeOf({ timetable: { timeZone: "UTC", lines: ["00:00-24:00 closed"] } }, 1)).toBeNull();
  });

  test("take never longer when more is allowed or possible, and never less than their division", () => {
    const rates = fc.integer({ min: 10_000, max: 1_000_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3e9 }), rates, rates, (bytes, limit, possible) => {
        const time = timeOf({ limitBytesPerSecond: limit, timetable }, bytes, possible) ?? Infinity;
        const more = timeOf({ limitBytesPerSecond: 2 * limit, timetable }, bytes, 2 * possible) ?? Infinity;
        expect(more).toBeLessThanOrEqual(time);
        expect(time).toBeGreaterThanOrEqual(transferMs(bytes, Math.min(limit, possible)) - 1);
      }),
    );
  });
});
