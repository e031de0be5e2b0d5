import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkTimetable, rateAt, type Timetable } from "./timetable.ts";

const MB = 1_000_000;
const berlin = (...lines: string[]): Timetable => ({ timeZone: "Europe/Berlin", lines });
const utc = (...lines: string[]): Timetable => ({ timeZone: "UTC", lines });

function clock(minute: number): string {
  return new Date(minute * 60_000).toISOString().slice(11, 16);
}

/** 2026-11-23 is a Monday. */
const monday = (time: string): number => Date.parse(`2026-11-23T${time}Z`);
const dayMs = 86_400_000;

describe("a timetable", () => {
  test("says what may be read from its first minute on, and up to its last", () => {
    const table = utc("08:00-20:00 50MB/s", "20:00-24:00 100MB/s");
    checkTimetable(table);
    const at = ["07:59:59.999", "08:00:00", "19:59:59.999", "20:00:00", "23:59:59.999"];
    expect(at.map((time) => rateAt(table, monday(time)))).toEqual([null, 50 * MB, 50 * MB, 100 * MB, 100 * MB]);
  });

  test("may tell its rates per hour, and takes no size for a rate", () => {
    const table = utc("08:00-20:00 400GB/h");
    checkTimetable(table);
    expect(rateAt(table, monday("12:00:00"))).toBe(111_111_111);
    expect(() => checkTimetable(utc("08:00-20:00 50MB"))).toThrow(/"08:00-20:00 50MB" has no rate$/);
  });

  test("goes by the wall clock of its zone, in summer as in winter", () => {
    const table = berlin("08:00-20:00 50MB/s");
    expect(rateAt(table, Date.parse("2026-01-15T06:59:00Z"))).toBeNull();
    expect(rateAt(table, Date.parse("2026-01-15T07:00:00Z"))).toBe(50 * MB);
    expect(rateAt(table, Date.parse("2026-07-15T06:00:00Z"))).toBe(50 * MB);
    expect(rateAt(table, Date.parse("2026-07-15T18:00:00Z"))).toBeNull();
  });

  test("a window past midnight belongs to the day on which it begins", () => {
    const table = utc("mon-fri 22:00-06:00 1GB/s");
    checkTimetable(table);
    expect(rateAt(table, monday("05:59:00"))).toBeNull();
    expect(rateAt(table, monday("22:00:00"))).toBe(1_000 * MB);
    expect(rateAt(table, monday("05:59:00") + dayMs)).toBe(1_000 * MB);
    expect(rateAt(table, monday("05:59:00") + 5 * dayMs)).toBe(1_000 * MB);
    expect(rateAt(table, monday("22:00:00") + 5 * dayMs)).toBeNull();
  });

  test("a window of Sunday goes on into the week after", () => {
    const table = utc("sun 23:00-01:00 closed");
    checkTimetable(table);
    expect(
      [monday("00:59:00"), monday("01:00:00"), monday("23:00:00") + 6 * dayMs].map((at) => rateAt(table, at)),
    ).toEqual([0, null, 0]);
  });

  test("days may be listed, and go round the end of the week", () => {
    const table = utc("sat-mon,wed 00:00-24:00 5MB/s");
    checkTimetable(table);
    const days = [0, 1, 2, 3, 4, 5, 6].map((day) => rateAt(table, monday("12:00:00") + day * dayMs) !== null);
    expect(days).toEqual([true, false, true, false, false, true, true]);
  });

  test("of windows that do not meet, at most one speaks at any moment", () => {
    const bounds = fc.uniqueArray(fc.integer({ min: 0, max: 1439 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(bounds, fc.integer({ min: 0, max: 7 * 1440 - 1 }), (unsorted, minute) => {
        const cuts = unsorted.toSorted((a, b) => a - b);
        const lines = cuts.map(
          (from, index) => `${clock(from)}-${clock(cuts[(index + 1) % cuts.length] as number)} ${index + 1}MB/s`,
        );
        const table = utc(...lines);
        checkTimetable(table);
        const ofDay = minute % 1440;
        const last = cuts.findLastIndex((from) => from <= ofDay);
        const expected = (last < 0 ? cuts.length - 1 : last) + 1;
        expect(rateAt(table, monday("00:00:00") + minute * 60_000)).toBe(expected * MB);
      }),
    );
  });
});

describe("nonsense is refused by name", () => {
  const refused: readonly (readonly [string, Timetable])[] = [
    ["08:00 50MB/s", utc("08:00 50MB/s")],
    ["8-20 50MB/s", utc("8-20 50MB/s")],
    ["25:00-26:00 50MB/s", utc("25:00-26:00 50MB/s")],
    ["08:60-09:00 50MB/s", utc("08:60-09:00 50MB/s")],
    ["24:00-02:00 50MB/s", utc("24:00-02:00 50MB/s")],
    ["08:00-08:00 50MB/s", utc("08:00-08:00 50MB/s")],
    ["08:00-20:00", utc("08:00-20:00")],
    ["08:00-20:00 fast", utc("08:00-20:00 fast")],
    ["08:00-20:00 50", utc("08:00-20:00 50")],
    ["08:00-20:00 0MB/s", utc("08:00-20:00 0MB/s")],
    ["moo 08:00-20:00 50MB/s", utc("moo 08:00-20:00 50MB/s")],
    ["mon-tue-wed 08:00-20:00 50MB/s", utc("mon-tue-wed 08:00-20:00 50MB/s")],
    ["mon,mon 08:00-20:00 50MB/s", utc("mon,mon 08:00-20:00 50MB/s")],
    ["Europe/Berlim", { timeZone: "Europe/Berlim", lines: [] }],
    ["19:00-21:00 9MB/s", utc("08:00-20:00 50MB/s", "19:00-21:00 9MB/s")],
    ["mon 05:00-06:00 9MB/s", utc("sun 22:00-06:00 50MB/s", "mon 05:00-06:00 9MB/s")],
    ["tue 05:00-06:00 9MB/s", utc("22:00-06:00 50MB/s", "tue 05:00-06:00 9MB/s")],
  ];
  for (const [name, table] of refused) {
    test(`${name}: ${JSON.stringify(table)}`, () => {
      expect(() => checkTimetable(table)).toThrow(expect.objectContaining({ code: "config_invalid" }));
      expect(() => checkTimetable(table)).toThrow(name);
    });
  }
});
