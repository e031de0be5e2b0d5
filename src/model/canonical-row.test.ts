import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalRowForm, CanonicalRows } from "./canonical-row.ts";
import { parseColumnType } from "./column-type.ts";
import { arrayOf, type ArrayValue, type IntervalValue, type RowValue, wholeNumber } from "./row-value.ts";

function hex(values: readonly RowValue[], ...types: readonly string[]): string {
  return Buffer.from(new CanonicalRows(types.map(parseColumnType)).encode(values)).toString("hex");
}

const interval = (months: number, days: number, microseconds: number): IntervalValue => ({
  months,
  days,
  microseconds,
});
const shifted: ArrayValue = { dimensions: [{ length: 2, lowerBound: 0 }], elements: [1, 2] };
const twoByOne: ArrayValue = {
  dimensions: [
    { length: 2, lowerBound: 1 },
    { length: 1, lowerBound: 1 },
  ],
  elements: [1, 2],
};

describe("what counts as the same", () => {
  test.for<readonly [string, RowValue, string, RowValue, string]>([
    ["a whole number as number, as bigint, as decimal", 5, "int4", 5n, "int8"],
    ["an integer and a decimal", 5, "int4", "5.00", "decimal"],
    ["a large integer and a decimal", 9_223_372_036_854_775_807n, "int8", "9223372036854775807.0", "decimal"],
    [
      "an unsigned one beyond 63 bits and a decimal",
      18_446_744_073_709_551_615n,
      "uint8",
      "18446744073709551615",
      "decimal",
    ],
    ["the scale of a decimal", "1.50", "decimal(10,2)", "1.5", "decimal"],
    ["a decimal with an exponent", "1.5e3", "decimal", "1500", "decimal"],
    ["no negative zero among decimals", "-0.00", "decimal", 0, "int2"],
    ["floats of 32 bits by what they stand for", 0.1, "float4", Math.fround(0.1), "float8"],
    ["spaces at the end of char(n)", "ab  ", "char(4)", "ab", "char(4)"],
    ["char(n) and text without its padding", "ab  ", "char(4)", "ab", "text"],
    ["lengths and digits of a type", "ab", "text(2)", "ab", "text"],
    ["timestamps as number and bigint", 1_000, "timestamp(3)", 1_000n, "timestamp"],
    ["JSON by what it says", '{"b":1.0, "a":[]}', "json", '{"a":[],"b":1}', "json"],
    ["JSON text and text", "{ }", "json_text", "{ }", "text"],
    ["arrays of integers of any width", arrayOf([1, null]), "int2[]", arrayOf([1n, null]), "int8[]"],
  ])("%s", ([, one, oneType, other, otherType]) => {
    expect(hex([one], oneType)).toBe(hex([other], otherType));
  });
});

describe("what does not", () => {
  test.for<readonly [string, RowValue, string, RowValue, string]>([
    ["NULL and an empty text", null, "text", "", "text"],
    ["NULL and zero", null, "int4", 0, "int4"],
    ["false and NULL", false, "boolean", null, "boolean"],
    ["true and 1", true, "boolean", 1, "int1"],
    ["a float and a decimal", 1.5, "float8", "1.5", "decimal"],
    ["0 and -0 among floats", 0, "float8", -0, "float8"],
    ["NaN and an infinity", NaN, "float8", Infinity, "float8"],
    ["NaN of decimals and of floats", "NaN", "decimal", NaN, "float8"],
    ["a float of 32 bits and the nearest of 64", 0.1, "float4", 0.1, "float8"],
    ["spaces at the end of text", "ab ", "text", "ab", "text"],
    ["another white space at the end of char(n)", "ab\t", "char(3)", "ab", "char(3)"],
    ["a letter and its parts", "é", "text", "e\u0301", "text"],
    ["text and bytes", "ab", "text", Buffer.from("ab"), "bytes"],
    ["a date and its midnight", 0, "date", 0, "timestamp"],
    ["a moment with a zone and without", 0, "timestamp", 0, "timestamptz"],
    ["a date that no calendar has, and NULL", "0000-00-00", "date", null, "date"],
    ["a date that no calendar has, and text", "0000-00-00", "date", "0000-00-00", "text"],
    ["the infinities of dates", Infinity, "date", -Infinity, "date"],
    [
      "one time in two zones",
      { microseconds: 3_600e6, zoneSeconds: 3_600 },
      "timetz",
      { microseconds: 0, zoneSeconds: 0 },
      "timetz",
    ],
    ["a month and 30 days", interval(1, 0, 0), "interval", interval(0, 30, 0), "interval"],
    ["a day and 24 hours", interval(0, 1, 0), "interval", interval(0, 0, 86_400e6), "interval"],
    ["JSON and text", "{}", "json", "{}", "text"],
    ["JSON text with other spaces", "{ }", "json_text", "{}", "json_text"],
    ["null in JSON and NULL", "null", "json", null, "json"],
    ["bits of another length", "01", "bits", "1", "bits"],
    ["bits and text", "01", "bits", "01", "text"],
    ["a uuid and text", "6f1d2c3b-1111-4222-8333-0123456789ab", "uuid", "6f1d2c3b-1111-4222-8333-0123456789ab", "text"],
    ["an array and its elements in another order", arrayOf([1, 2]), "int4[]", arrayOf([2, 1]), "int4[]"],
    ["arrays that begin elsewhere", arrayOf([1, 2]), "int4[]", shifted, "int4[]"],
    ["arrays of other dimensions", arrayOf([1, 2]), "int4[]", twoByOne, "int4[]"],
    ["an empty array and NULL", arrayOf([]), "int4[]", null, "int4[]"],
    ["an empty array and one of NULL", arrayOf([]), "int4[]", arrayOf([null]), "int4[]"],
  ])("%s", ([, one, oneType, other, otherType]) => {
    expect(hex([one], oneType)).not.toBe(hex([other], otherType));
  });

  test("a text that is moved across the border of two cells", () => {
    expect(hex(["ab", "c"], "text", "text")).not.toBe(hex(["a", "bc"], "text", "text"));
    expect(hex([arrayOf(["a"]), "b"], "text[]", "text")).not.toBe(hex([arrayOf(["a", "b"]), null], "text[]", "text"));
  });
});

test("the bytes of a row are those that the reference page shows, for this form", () => {
  expect(canonicalRowForm).toBe(1);
  const types = ["int4", "text", "decimal(10,2)", "boolean", "timestamptz", "text"];
  expect(hex([42, "Zoë", "12.50", true, 1_700_000_000_000_000, null], ...types)).toBe(
    ["0006", "03000000000000002a", "06000000045a6fc3ab", "040000000431322e35", "02", "0c00060a24181e4000", "00"].join(
      "",
    ),
  );
});

test("every kind has the bytes that its line says", () => {
  const all: readonly (readonly [RowValue, string, string])[] = [
    [false, "boolean", "01"],
    [-1, "int4", "03ffffffffffffffff"],
    [-9_007_199_254_740_991, "int8", "03ffe0000000000001"],
    [-9_223_372_036_854_775_808n, "int8", "038000000000000000"],
    ["-Infinity", "decimal", "04000000092d496e66696e697479"],
    ["9223372036854775808", "decimal", "040000001339323233333732303336383534373735383038"],
    [-0, "float8", "058000000000000000"],
    [NaN, "float4", "057ff8000000000000"],
    [Buffer.from([0, 255]), "bytes", "070000000200ff"],
    [Infinity, "date", "087fffffffffffffff"],
    [-1, "date", "08ffffffffffffffff"],
    [86_400_000_000, "time", "09000000141dd76000"],
    [{ microseconds: 1, zoneSeconds: -3_600 }, "timetz", "0a0000000000000001fffff1f0"],
    [-Infinity, "timestamp", "0b8000000000000000"],
    [interval(-1, 2, 3), "interval", "0dffffffff000000020000000000000003"],
    [Infinity, "interval", "0d7fffffff7fffffff7fffffffffffffff"],
    [
      "00000000-0000-0000-0000-000000000000",
      "uuid",
      "0e00000024" + Buffer.from("00000000-0000-0000-0000-000000000000").toString("hex"),
    ],
    ["[1.0]", "json", "0f000000035b315d"],
    ["[1", "json", "06000000025b31"],
    ["101", "bits", "1000000003313031"],
    [shifted, "int4[]", "1100010000000200000000030000000000000001030000000000000002"],
    [
      arrayOf([{ microseconds: 43_200_000_000, zoneSeconds: 0 }]),
      "timetz[]",
      "11000100000001000000010a0000000a0eebb00000000000",
    ],
    ["0000-00-00", "date", "120000000a303030302d30302d3030"],
  ];
  for (const [value, type, bytes] of all) expect(hex([value], type), type).toBe(`0001${bytes}`);
});

/** A value of each kind, from few enough that two are often the same, and what is the same about it. */
const kinds: readonly [string, fc.Arbitrary<RowValue>][] = [
  ["boolean", fc.boolean()],
  ["int8", fc.oneof(fc.integer({ min: -2, max: 2 }), fc.bigInt({ min: 2n ** 62n, max: 2n ** 62n + 2n }))],
  ["decimal", fc.constantFrom("1", "1.0", "1.5", "15", "0", "-0", "NaN", "Infinity")],
  ["float8", fc.constantFrom(0, -0, 1, 1.5, NaN, Infinity, 5e-324)],
  ["text", fc.string({ unit: fc.constantFrom("a", "é", "😀", " "), maxLength: 2 })],
  ["char(2)", fc.string({ unit: fc.constantFrom("a", " "), maxLength: 2 })],
  ["bytes", fc.uint8Array({ maxLength: 2, max: 1 })],
  ["date", fc.constantFrom<RowValue>(0, 1, Infinity, -Infinity, "0000-00-00")],
  ["timestamptz", fc.constantFrom<RowValue>(0, 1, Infinity, 9_223_372_036_854_000_000n)],
  ["interval", fc.constantFrom<RowValue>(interval(0, 0, 0), interval(0, 1, 0), interval(1, 0, 0), Infinity)],
  ["json", fc.constantFrom("1", "1.0", '"1"', "[]", " []", "[")],
  ["bits", fc.string({ unit: fc.constantFrom("0", "1"), maxLength: 2 })],
  ["int4[]", fc.array(fc.option(fc.integer({ min: 0, max: 1 })), { maxLength: 2 }).map(arrayOf)],
];

/** Says without the encoder what is the same: a text for each thing that counts as one. */
function sense(value: RowValue, type: string): string {
  if (value === null) return "NULL";
  if (type === "decimal") return `number ${Number(value)}`.replace("-0", "0");
  if (type === "int8") return `number ${value as number}`;
  if (type === "float8") return Object.is(value, -0) ? "float -0" : `float ${value as number}`;
  if (type === "char(2)") return `text ${(value as string).trimEnd()}`;
  if (type === "json") return value === "[" ? "text [" : `json ${JSON.stringify(JSON.parse(value as string))}`;
  if (type === "text") return `text ${value as string}`;
  return `${type} ${JSON.stringify(value, (_, part: unknown) => (typeof part === "number" || typeof part === "bigint" ? `#${part}` : part))}`;
}

const cell = fc
  .constantFrom(...kinds)
  .chain(([type, values]) => fc.tuple<[string, RowValue]>(fc.constant(type), fc.option(values)));

test("two rows have the same bytes exactly when their cells are the same one by one", () => {
  const row = fc.array(cell, { maxLength: 3 });
  fc.assert(
    fc.property(row, row, (one, other) => {
      const [oneHex, otherHex] = [one, other].map((cells) =>
        hex(
          cells.map(([, value]) => value),
          ...cells.map(([type]) => type),
        ),
      );
      const [oneSense, otherSense] = [one, other].map((cells) => cells.map(([type, value]) => sense(value, type)));
      expect(oneHex === otherHex).toBe(JSON.stringify(oneSense) === JSON.stringify(otherSense));
    }),
    { numRuns: 3_000 },
  );
});

test("short and long texts of any characters are their UTF-8, and long rows leave nothing behind", () => {
  const rows = new CanonicalRows([parseColumnType("text"), parseColumnType("bytes")]);
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.nat(200_000).map((length) => "é".repeat(length)),
  );
  fc.assert(
    fc.property(texts, fc.uint8Array({ maxLength: 50 }), (text, bytes) => {
      const utf8 = Buffer.from(text);
      const expected = Buffer.concat([
        Buffer.from([0, 2, 6]),
        Buffer.from(Uint32Array.of(utf8.length).buffer).swap32(),
        utf8,
        Buffer.from([7, 0, 0, 0, bytes.length]),
        bytes,
      ]);
      expect(expected.equals(rows.encode([text, bytes]))).toBe(true);
    }),
    { numRuns: 300 },
  );
  const huge = "x".repeat(20_000_000);
  expect(rows.encode([huge, null]).length).toBe(2 + 5 + huge.length + 1);
  expect(rows.encode(["", null])).toHaveLength(2 + 5 + 1);
});

const misheld: readonly (readonly [RowValue, string])[] = [
  ["5", "int4"],
  [1.5, "int4"],
  [5, "decimal"],
  ["five", "decimal"],
  ["1", "float8"],
  ["1", "float4"],
  [1, "text"],
  [1, "char(1)"],
  ["ab", "bytes"],
  [true, "date"],
  [5, "timetz"],
  ["P1D", "interval"],
  ["abc", "uuid"],
  [1, "json"],
  [1, "bits"],
  ["{1}", "int4[]"],
  [0, "boolean"],
];

test.for(misheld)("%s is never taken for a value of %s", ([value, type]) => {
  expect(() => hex([value], type)).toThrow(TypeError);
});

test("a row of another table is refused", () => {
  expect(() => hex([1], "int4", "int4")).toThrow("a row has 1 cells, its table 2 columns");
});

test("a whole number is a number where that is exact", () => {
  expect([wholeNumber(9_007_199_254_740_991n), wholeNumber(9_007_199_254_740_992n)]).toEqual([
    9_007_199_254_740_991,
    9_007_199_254_740_992n,
  ]);
});
