import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as civil from "./civil-time.ts";

/** From 4714-11-24 BC, where PostgreSQL begins, to the last day that the platform knows. */
const days = fc.integer({ min: -2_440_588, max: 100_000_000 });
const ofDay = fc.integer({ min: 0, max: civil.microsecondsOfDay - 1 });

describe("dates", () => {
  test.for([
    [0, "1970-01-01"],
    [-1, "1969-12-31"],
    [11_016, "2000-02-29"],
    [-719_162, "0001-01-01"],
    [-719_163, "0001-12-31 BC"],
    [-719_528, "0001-01-01 BC"],
    [-735_160, "0044-03-15 BC"],
    [-2_440_588, "4714-11-24 BC"],
    [2_932_897, "10000-01-01"],
    [106_751_991, "294247-01-10"],
    [Infinity, "infinity"],
    [-Infinity, "-infinity"],
  ] as const)("day %s is %s", ([day, text]) => {
    expect(civil.formatDate(day)).toBe(text);
    expect(civil.parseDate(text)).toBe(day);
  });

  test("every day has one text, and each text leads back", () => {
    fc.assert(
      fc.property(days, (day) => {
        expect(civil.parseDate(civil.formatDate(day))).toBe(day);
        const { year, month, day: inMonth } = civil.civilOf(day);
        const date = new Date(0);
        date.setUTCFullYear(year, month - 1, inMonth);
        expect(date.getTime() / 86_400_000, "as the platform counts").toBe(day);
      }),
    );
  });

  test.for([
    "2023-02-29",
    "1900-02-29",
    "0000-01-01",
    "0000-00-00",
    "2024-00-10",
    "2024-13-01",
    "2024-04-31",
    "2024-1-1",
    "24-01-01",
    " 2024-01-01",
    "2024-01-01 AD",
    "Infinity",
    "",
  ])("%s is no date", (text) => {
    expect(civil.parseDate(text)).toBe(null);
  });
});

describe("times", () => {
  test.for([
    [0, "00:00:00"],
    [86_399_999_999, "23:59:59.999999"],
    [86_400_000_000, "24:00:00"],
    [1, "00:00:00.000001"],
    [500_000, "00:00:00.5"],
  ] as const)("%s is %s", ([microseconds, text]) => {
    expect(civil.formatTime(microseconds)).toBe(text);
    expect(civil.parseTime(text)).toBe(microseconds);
  });

  test("what MySQL has below midnight and above a day has a text", () => {
    expect(civil.formatTime(-(12 * 3_600 + 34 * 60 + 56.5) * 1e6)).toBe("-12:34:56.5");
    expect(civil.formatTime((838 * 3_600 + 59 * 60 + 59) * 1e6)).toBe("838:59:59");
  });

  test.for(["24:00:01", "25:00:00", "12:60:00", "12:00:60", "12", "12:00:00.1234567", "1:00:00"])(
    "%s is no time",
    (text) => {
      expect(civil.parseTime(text)).toBe(null);
    },
  );

  test("zones go both ways, to the second", () => {
    for (const [seconds, text] of [
      [0, "+00"],
      [7_200, "+02"],
      [-12_600, "-03:30"],
      [1_172, "+00:19:32"],
    ] as const) {
      expect(civil.formatZone(seconds)).toBe(text);
      expect(civil.parseZone(text)).toBe(seconds);
    }
    expect([civil.parseZone("Z"), civil.parseZone("+0530"), civil.parseZone("-00")]).toEqual([0, 19_800, 0]);
    expect([civil.parseZone("+16"), civil.parseZone("+01:60"), civil.parseZone("CET")]).toEqual([null, null, null]);
    expect(civil.formatTimeWithZone({ microseconds: 1e6, zoneSeconds: -3_600 })).toBe("00:00:01-01");
  });
});

describe("timestamps", () => {
  test("every one has one text, and each text leads back, also beyond what a number holds", () => {
    fc.assert(
      fc.property(days, ofDay, (day, rest) => {
        const at = civil.joinDay(day, rest);
        expect(typeof at).toBe(Number.isSafeInteger(Number(at)) ? "number" : "bigint");
        expect(BigInt(at)).toBe(BigInt(day) * 86_400_000_000n + BigInt(rest));
        expect(civil.splitDay(at)).toEqual({ days: day, rest });
        expect(civil.parseTimestamp(civil.formatTimestamp(at))).toBe(at);
        expect(civil.parseInstant(civil.formatInstant(at))).toBe(at);
      }),
    );
  });

  test("a zone is taken off, to the same moment", () => {
    const at = civil.parseInstant("2024-01-01 00:00:00+00") as number;
    expect(civil.parseInstant("2024-01-01T01:30:00+01:30")).toBe(at);
    expect(civil.parseInstant("2023-12-31 19:00:00-05")).toBe(at);
    expect(civil.parseInstant("2024-01-01T00:00Z")).toBe(at);
    expect(civil.formatInstant(at)).toBe("2024-01-01 00:00:00+00");
    expect(civil.formatInstant(civil.parseInstant("0044-03-15 12:00:00+00 BC") as number)).toBe(
      "0044-03-15 12:00:00+00 BC",
    );
  });

  test.for([
    ["2024-01-01 00:00:00.5+02", 1_704_060_000_500_000],
    ["2024-01-01T00:00:00.000001-0200", 1_704_074_400_000_001],
    ["2024-01-01 00:00:00+02:00", 1_704_060_000_000_000],
    ["2024-01-01 00:00:00+02:30", 1_704_058_200_000_000],
    ["2024-01-01 00:00:00z", 1_704_067_200_000_000],
    ["2024-01-01 24:00:00+00", 1_704_153_600_000_000],
    ["12024-01-01 00:00:00+00", 317_273_587_200_000_000n],
    ["2024-01-01 00:00:00+16", null],
    ["2024-01-01 00:00:00.1234567+00", null],
    ["2024-01-01 00:00:00.+00", null],
    ["2024-01-01 00:60:00+00", null],
    ["2024-01-01 24:00:01+00", null],
    ["2024-02-30 00:00:00+00", null],
    ["0000-01-01 00:00:00+00", null],
    ["2024-01-0a 00:00:00+00", null],
    ["2024-01-01_00:00:00+00", null],
    ["2024-01-01 00:00:00+00 AD", null],
  ] as const)("%s is %s", ([text, moment]) => {
    expect(civil.parseInstant(text)).toBe(moment);
    expect(civil.parseTimestamp(text)).toBe(null);
  });

  test("one with a zone is none without, and the other way round", () => {
    expect(civil.parseTimestamp("2024-01-01 00:00:00+00")).toBe(null);
    expect(civil.parseInstant("2024-01-01 00:00:00")).toBe(null);
    expect(civil.parseTimestamp("2024-01-01")).toBe(null);
    expect(civil.parseTimestamp("2024-02-30 00:00:00")).toBe(null);
    expect([civil.parseTimestamp("-infinity"), civil.parseInstant("infinity")]).toEqual([-Infinity, Infinity]);
    expect([civil.formatTimestamp(-Infinity), civil.formatInstant(Infinity)]).toEqual(["-infinity", "infinity"]);
  });
});

test.for([
  [{ months: 14, days: 3, microseconds: 14_706_500_000 }, "P1Y2M3DT4H5M6.5S"],
  [{ months: 0, days: 0, microseconds: 0 }, "PT0S"],
  [{ months: -14, days: 1, microseconds: -500_000 }, "P-1Y-2M1DT-0.5S"],
  [{ months: 0, days: 0, microseconds: -61_000_000 }, "PT-1M-1S"],
  [{ months: 0, days: 0, microseconds: 9_223_372_036_854_775_807n }, "PT2562047788H54.775807S"],
  [Infinity, "infinity"],
  [-Infinity, "-infinity"],
] as const)("%o is %s", ([interval, text]) => {
  expect(civil.formatInterval(interval)).toBe(text);
});
