import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseColumnType } from "../model/column-type.ts";
import { compareDecimals, normalDecimal } from "../model/decimal.ts";
import { arrayOf, type RowValue } from "../model/row-value.ts";
import { castBetween } from "./casts.ts";
import { Unfit } from "./unfit.ts";

/** A value, or the reason why there is none. */
function cast(value: RowValue, from: string, to: string): unknown {
  const found = castBetween(parseColumnType(from), parseColumnType(to));
  if (found === null) return "no cast";
  const made = found(value);
  return made instanceof Unfit ? made.reason : made;
}

const held: readonly (readonly [RowValue, string, string, unknown])[] = [
  ["42", "text", "int4", 42],
  ["-42", "text", "int2", -42],
  ["+007", "text", "int4", 7],
  ["-0", "text", "int4", 0],
  ["5.00", "text", "int4", 5],
  ["1e3", "text", "int4", 1000],
  ["9223372036854775807", "text", "int8", 9_223_372_036_854_775_807n],
  ["18446744073709551615", "text", "uint8", 18_446_744_073_709_551_615n],
  ["7.00", "decimal", "int4", 7],
  [7, "float8", "int4", 7],
  [-0, "float8", "int4", 0],
  [true, "boolean", "int1", 1],
  ["101", "bits", "int4", 5],
  [200, "uint1", "int2", 200],
  [300, "int4", "int8", 300],
  ["1.50", "text", "decimal", "1.50"],
  ["-0.50", "text", "decimal", "-0.50"],
  ["007.10", "text", "decimal", "7.1"],
  ["1.5e1", "text", "decimal", "15"],
  ["NaN", "text", "decimal", "NaN"],
  ["1.5", "text", "decimal(5,2)", "1.50"],
  ["0.05", "text", "decimal(2,2)", "0.05"],
  ["-999.99", "decimal", "decimal(5,2)", "-999.99"],
  [42, "int4", "decimal(5,2)", "42.00"],
  [0.1, "float8", "decimal", "0.1"],
  [Math.fround(0.1), "float4", "decimal", "0.1"],
  [1e21, "float8", "decimal", "1000000000000000000000"],
  ["0.1", "text", "float8", 0.1],
  ["0.1", "decimal", "float4", Math.fround(0.1)],
  ["-0", "text", "float8", -0],
  ["0.30000000000000004", "text", "float8", 0.30000000000000004],
  ["16777217", "text", "float8", 16_777_217],
  ["1e-45", "text", "float4", 2 ** -149],
  [2 ** -149, "float4", "text", "1e-45"],
  [Math.fround(1.17549e-38), "float4", "text", "1.17549e-38"],
  ["5e-324", "text", "float8", 5e-324],
  ["Infinity", "text", "float4", Infinity],
  [9_007_199_254_740_994n, "int8", "float8", 9_007_199_254_740_994],
  [0.5, "float8", "float4", 0.5],
  [NaN, "float8", "float4", NaN],
  ["TRUE", "text", "boolean", true],
  ["off", "text", "boolean", false],
  [1, "int1", "boolean", true],
  ["0", "bits", "boolean", false],
  [true, "boolean", "text", "true"],
  [0.1, "float8", "text", "0.1"],
  [Math.fround(3.4e38), "float4", "text", "3.4e+38"],
  [-0, "float8", "text", "-0"],
  [Buffer.from("é"), "bytes", "text", "é"],
  ["ab  ", "text", "char(2)", "ab"],
  ["😀😀", "text", "text(2)", "😀😀"],
  [19_782, "date", "text", "2024-02-29"],
  ["0000-00-00", "date", "text", "0000-00-00"],
  ["2024-02-29", "text", "date", 19_782],
  ["infinity", "text", "date", Infinity],
  [19_782, "date", "timestamp", 1_709_164_800_000_000],
  [-Infinity, "date", "timestamp", -Infinity],
  [1_709_164_800_000_000, "timestamp", "date", 19_782],
  ["2024-02-29 00:00:00.5", "text", "timestamp(1)", 1_709_164_800_500_000],
  ["2024-02-29 02:00:00+02", "text", "timestamptz", 1_709_164_800_000_000],
  [Infinity, "timestamp", "timestamp(0)", Infinity],
  [1_709_164_800_000_000, "timestamptz", "text", "2024-02-29 00:00:00+00"],
  ["12:30", "text", "time", 45_000_000_000],
  [45_000_000_000, "time", "interval", { months: 0, days: 0, microseconds: 45_000_000_000 }],
  [{ months: 1, days: 0, microseconds: 0 }, "interval", "text", "P1M"],
  [{ microseconds: 0, zoneSeconds: 7_200 }, "timetz", "text", "00:00:00+02"],
  ["6F1D2C3B11114222833301234567 89AB".replace(" ", ""), "text", "uuid", "6f1d2c3b-1111-4222-8333-0123456789ab"],
  ["6F1D2C3B-1111-4222-8333-0123456789AB", "text", "uuid", "6f1d2c3b-1111-4222-8333-0123456789ab"],
  [Buffer.alloc(16, 1), "bytes", "uuid", "01010101-0101-0101-0101-010101010101"],
  ["01010101-0101-0101-0101-010101010101", "uuid", "bytes", Buffer.alloc(16, 1)],
  ["é", "text", "bytes", Buffer.from("é")],
  ["0101", "text", "bits(4)", "0101"],
  ['{"a": 1}', "text", "json", '{"a": 1}'],
  ["1.50", "decimal", "json", "1.50"],
  [false, "boolean", "json", "false"],
  [0.1, "float8", "json_text", "0.1"],
  [arrayOf(["1", null]), "text[]", "int4[]", arrayOf([1, null])],
];

test.for(held)("%s of %s becomes %s", ([value, from, to, made]) => {
  expect(cast(value, from, to)).toEqual(made);
});

const unheld: readonly (readonly [RowValue, string, string, string])[] = [
  ["", "text", "int4", "unreadable"],
  [" 42", "text", "int4", "unreadable"],
  ["4x", "text", "int4", "unreadable"],
  ["1.5", "text", "int4", "inexact"],
  ["2147483648", "text", "int4", "out_of_range"],
  ["-2147483649", "text", "int4", "out_of_range"],
  ["9223372036854775808", "text", "int8", "out_of_range"],
  [-1, "int4", "uint4", "out_of_range"],
  [256, "int4", "uint1", "out_of_range"],
  ["NaN", "decimal", "int4", "out_of_range"],
  [1.5, "float8", "int4", "inexact"],
  [NaN, "float8", "int8", "out_of_range"],
  [1e19, "float8", "int8", "out_of_range"],
  ["", "bits", "int4", "unreadable"],
  ["1.005", "text", "decimal(10,2)", "inexact"],
  ["1000", "text", "decimal(5,2)", "out_of_range"],
  ["NaN", "text", "decimal(5,2)", "out_of_range"],
  ["abc", "text", "decimal", "unreadable"],
  ["0.12345678901234567890", "text", "float8", "inexact"],
  ["9007199254740993", "decimal", "float8", "inexact"],
  ["1e400", "text", "float8", "out_of_range"],
  ["1e-400", "text", "float8", "out_of_range"],
  ["1.234e-45", "text", "float4", "inexact"],
  ["1.234e-323", "text", "float8", "inexact"],
  ["16777217", "text", "float4", "inexact"],
  [9_007_199_254_740_993n, "int8", "float8", "inexact"],
  [16_777_217, "int8", "float4", "inexact"],
  [0.1, "float8", "float4", "inexact"],
  [1e300, "float8", "float4", "out_of_range"],
  ["maybe", "text", "boolean", "unreadable"],
  [2, "int4", "boolean", "out_of_range"],
  ["10", "bits", "boolean", "out_of_range"],
  [Buffer.from([0xff]), "bytes", "text", "not_utf8"],
  ["abc", "text", "text(2)", "too_long"],
  ["ab ", "text", "text(2)", "too_long"],
  ["abc", "text", "char(2)", "too_long"],
  [Buffer.alloc(3), "bytes", "bytes(2)", "too_long"],
  ["101", "bits", "bits(2)", "too_long"],
  ["2023-02-29", "text", "date", "unreadable"],
  ["0000-00-00", "date", "date", "no_such_date"],
  ["0000-00-00 00:00:00", "timestamp", "timestamp", "no_such_date"],
  ["2024-02-29 00:00:00", "text", "timestamptz", "unreadable"],
  ["2024-02-29 00:00:00+00", "text", "timestamp", "unreadable"],
  [1, "timestamp", "date", "inexact"],
  [1, "timestamp", "timestamp(3)", "inexact"],
  [9_223_372_036_854_775_807n, "timestamptz", "timestamptz(0)", "inexact"],
  [86_400_000_001, "time", "time", "out_of_range"],
  [-1, "time", "time", "out_of_range"],
  ["6f1d2c3b", "text", "uuid", "unreadable"],
  [Buffer.alloc(15), "bytes", "uuid", "unreadable"],
  ["{", "text", "json", "unreadable"],
  ["NaN", "decimal", "json", "out_of_range"],
  [Infinity, "float8", "json", "out_of_range"],
  ["012", "text", "bits", "unreadable"],
  [arrayOf(["1", "x"]), "text[]", "int4[]", "unreadable"],
];

test.for(unheld)("%s of %s is no %s: %s", ([value, from, to, reason]) => {
  expect(cast(value, from, to)).toBe(reason);
});

test.for([
  ["timestamp", "timestamptz"],
  ["timestamptz", "timestamp"],
  ["date", "timestamptz"],
  ["int4", "date"],
  ["uuid", "int4"],
  ["json", "int4"],
  ["text[]", "text"],
  ["text", "int4[]"],
  ["bytes", "int4"],
  ["text", "interval"],
  ["int4", "uuid"],
] as const)("there is no cast from %s to %s", ([from, to]) => {
  expect(castBetween(parseColumnType(from), parseColumnType(to))).toBe(null);
});

test("values that are very long are read, or refused, in no time", () => {
  const many = 1_000_000;
  expect(cast(`${"1".repeat(many)}x`, "text", "decimal")).toBe("unreadable");
  expect(cast(`1.${"0".repeat(many)}x`, "text", "int4")).toBe("unreadable");
  expect(cast(`1${"0".repeat(100_000)}1`, "text", "float8")).toBe("out_of_range");
  expect(cast(`0.5${"0".repeat(100_000)}1`, "decimal", "float8")).toBe("inexact");
  expect(cast(`a${" ".repeat(many)}b`, "text", "char(2)")).toBe("too_long");
  expect(cast(`a${" ".repeat(many)}`, "text", "char(2)")).toBe("a");
  expect(cast("-".repeat(many), "text", "uuid")).toBe("unreadable");
  expect(cast("2".repeat(many), "text", "timestamptz")).toBe("unreadable");
  expect(cast("[".repeat(many), "text", "json")).toBe("unreadable");
});

test("what a cast says names the type, and never the value", () => {
  const made = castBetween(parseColumnType("text"), parseColumnType("int4"))?.("secret");
  expect(made).toMatchObject({ reason: "unreadable", what: "is no int4: cannot be read as one" });
});

/** There and back. */
function back(value: RowValue, over: string, type: string): unknown {
  return cast(cast(value, type, over) as RowValue, over, type);
}

describe("nothing is lost without a word", () => {
  test("whatever has become text becomes itself again", () => {
    const values: readonly (readonly [string, fc.Arbitrary<RowValue>])[] = [
      ["int8", fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }))],
      ["float8", fc.double()],
      ["float4", fc.float()],
      ["boolean", fc.boolean()],
      ["date", fc.integer({ min: -2_440_588, max: 100_000_000 })],
      ["timestamp", fc.integer({ min: -(10 ** 15), max: 10 ** 15 })],
      ["timestamptz", fc.integer({ min: -(10 ** 15), max: 10 ** 15 })],
      ["time", fc.integer({ min: 0, max: 86_400_000_000 })],
      ["uuid", fc.uuid()],
      ["json", fc.json()],
      ["bytes", fc.string().map((text) => Buffer.from(text))],
    ];
    for (const [type, value] of values)
      fc.assert(
        fc.property(value, (one) => {
          expect(back(one, "text", type)).toEqual(one);
        }),
      );
  });

  test("a decimal that a float holds becomes the same decimal again, and a float always does", () => {
    const digits = fc.tuple(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.nat(20));
    fc.assert(
      fc.property(digits, fc.constantFrom("float4", "float8"), ([value, scale], type) => {
        const decimal = normalDecimal(`${value}e-${scale}`) as string;
        const there = cast(decimal, "decimal", type);
        expect(typeof there === "number" || there === "inexact").toBe(true);
        const again = typeof there === "number" ? cast(there, type, "decimal") : decimal;
        expect(compareDecimals(again as string, decimal)).toBe(0);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(cast(cast(value, "float8", "decimal") as string, "decimal", "float8")).toBe(value + 0);
      }),
    );
  });

  test("a decimal fits exactly when its digits do", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 8n), max: 10n ** 8n }), fc.nat(4), (value, scale) => {
        const decimal = normalDecimal(`${value}e-${scale}`) as string;
        const cents = (value * 100n) / 10n ** BigInt(scale);
        const isWhole = cents * 10n ** BigInt(scale) === value * 100n;
        const fits = (cents < 0n ? -cents : cents) < 10n ** 5n;
        const made = cast(decimal, "decimal", "decimal(5,2)");
        const sameAs = isWhole && fits ? compareDecimals(normalDecimal(made as string) ?? "NaN", decimal) : 0;
        expect(sameAs).toBe(0);
        expect(["inexact", "out_of_range"].includes(made as string)).toBe(!(isWhole && fits));
      }),
    );
  });
});
