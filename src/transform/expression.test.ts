import { describe, expect, test } from "vitest";
import { parseColumnType } from "../model/column-type.ts";
import { arrayOf, type RowValue } from "../model/row-value.ts";
import { compileExpression, compileFilter, type ExpressionPlace } from "./expression.ts";
import { Unfit } from "./unfit.ts";

const cells: Readonly<Record<string, readonly [type: string, value: RowValue]>> = {
  id: ["int8", 7],
  large: ["int8", 9_223_372_036_854_775_807n],
  huge: ["uint8", 18_446_744_073_709_551_615n],
  price: ["decimal(10,2)", "12.50"],
  rate: ["float8", 0.5],
  name: ["text", "Zoë"],
  country: ["text", "DE"],
  active: ["boolean", true],
  raw: ["bytes", Buffer.from([1, 2])],
  born: ["date", 19_782],
  at: ["time", 45_000_000_000],
  seen: ["timestamptz", 1_709_164_800_123_456],
  local: ["timestamp", 1_709_164_800_000_000],
  late: ["timestamptz", Infinity],
  ref: ["uuid", "01010101-0101-0101-0101-010101010101"],
  doc: ["json", '{"a":1}'],
  flags: ["bits", "0101"],
  tags: ["text[]", arrayOf(["a", null])],
  grid: [
    "int4[]",
    {
      dimensions: [
        { length: 1, lowerBound: 1 },
        { length: 1, lowerBound: 1 },
      ],
      elements: [1],
    },
  ],
  nothing: ["int4", null],
  "order date": ["text", "x"],
  row: ["text", "y"],
};

const place: ExpressionPlace = {
  where: "the rule for column c",
  columns: Object.entries(cells).map(([name, [type]]) => ({ name, type: parseColumnType(type) })),
};
const row = Object.values(cells).map(([, cell]) => cell);

/** What an expression gives for the row above; why, where it gives nothing. */
function value(text: string, type: string): unknown {
  const made = compileExpression(text, parseColumnType(type), place)(row);
  return made instanceof Unfit ? `${made.reason}: ${made.what}` : made;
}

describe("an expression", () => {
  test.for<readonly [string, string, unknown]>([
    ["row.id * 100 + 5", "int4", 705],
    ["row.large", "int8", 9_223_372_036_854_775_807n],
    ["row.huge", "uint8", 18_446_744_073_709_551_615n],
    ["row.huge > 5 && row.id > 5", "boolean", true],
    ["row.price", "decimal(10,2)", "12.50"],
    ["round(double(row.price) * 1.19, 2)", "decimal(10,2)", "14.88"],
    ["round(2.5, 0)", "int4", 3],
    ["round(-1.005, 2)", "float8", -1],
    ["round(1e300, 3)", "float8", 1e300],
    ["row.rate / 2.0", "float8", 0.25],
    ["row.name + ' (' + row.country + ')'", "text", "Zoë (DE)"],
    ["row.country == 'DE' ? 'home' : 'abroad'", "text", "home"],
    ["row.active", "boolean", true],
    ["size(row.raw)", "int4", 2],
    ["row.raw", "bytes", Buffer.from([1, 2])],
    ["row.born < '2024-03-01'", "boolean", true],
    ["row.born", "date", 19_782],
    ["row.at", "text", "12:30:00"],
    ["row.seen", "timestamptz", 1_709_164_800_123_456],
    ["row.seen + duration('1h')", "timestamptz", 1_709_168_400_123_456],
    ["row.seen.getFullYear()", "int2", 2024],
    ["row.local", "timestamptz", 1_709_164_800_000_000],
    ["row.seen", "timestamp", 1_709_164_800_123_456],
    ["row.seen - row.local", "interval", { months: 0, days: 0, microseconds: 123_456 }],
    ["timestamp('1969-12-31T23:59:59.999999Z')", "timestamptz", -1],
    ["row.ref", "uuid", "01010101-0101-0101-0101-010101010101"],
    ["row.doc", "json", '{"a":1}'],
    ["row.flags.startsWith('0')", "boolean", true],
    ["row.tags[0]", "text", "a"],
    ["row.tags", "text[]", arrayOf(["a", null])],
    ["row.tags.filter(t, t != null).map(t, t + row.country)", "text[]", arrayOf(["aDE"])],
    ["row.tags.exists(t, t == 'a')", "boolean", true],
    ["[row.id, 8]", "int4[]", arrayOf([7, 8])],
    ["row.nothing", "int4", null],
    ["row.nothing == null ? 0 : row.nothing", "int4", 0],
    ['row["order date"]', "text", "x"],
    ["row.row", "text", "y"],
    ["[1].exists(row, row == 1)", "boolean", true],
    ["row.name.matches('^[A-Z]')", "boolean", true],
    ["matches(row.name, 'z$')", "boolean", false],
    ["strings.quote(row.country)", "text", '"DE"'],
    ["row.name.lowerAscii().substring(1)", "text", "oë"],
    ["int('-5')", "int4", -5],
    ["uint('5')", "int4", 5],
    ["double('-0')", "float8", -0],
    ["double('1e3')", "float8", 1000],
    ["'é😀'.size()", "int4", 2],
    ["type(row.id) == int", "boolean", true],
    ["null", "int4", null],
  ])("%s as %s is %s", ([text, type, expected]) => {
    expect(value(text, type)).toEqual(expected);
  });

  test.for<readonly [string, string, string]>([
    ["row.id / 0", "int4", "expression: could not be worked out: int divide by zero"],
    ["row.large + 1", "int8", "expression: could not be worked out: int overflow during _+_"],
    [
      "row.nothing + 1",
      "int4",
      "expression: could not be worked out: found no matching overload for '_+_' applied to '(null_type, int)'",
    ],
    ["int(row.name)", "int4", "expression: could not be worked out"],
    ["int('')", "int4", "expression: could not be worked out"],
    ["int('9223372036854775808')", "int8", "expression: could not be worked out: int overflow"],
    ["double('')", "float8", "expression: could not be worked out"],
    ["double(row.name)", "float8", "expression: could not be worked out"],
    ["timestamp('2024-02-30T00:00:00Z')", "timestamptz", "expression: could not be worked out"],
    ["timestamp('2024-02-28')", "timestamptz", "expression: could not be worked out"],
    ["row.tags[5]", "text", "expression: could not be worked out"],
    ["{'a': 1}[row.name]", "int4", "expression: could not be worked out"],
    ["round(1.5, -1)", "float8", "expression: could not be worked out"],
    ["row.large", "int4", "out_of_range: is no int4: out of range"],
    ["row.rate", "int4", "inexact: is no int4: something would be lost"],
    ["row.name", "text(2)", "too_long: is no text(2): too long"],
    ["row.seen", "timestamptz(3)", "inexact: is no timestamptz(3): something would be lost"],
    [
      "timestamp('2024-02-28T00:00:00Z') + duration('1ns')",
      "timestamptz",
      "inexact: is no timestamptz: something would be lost",
    ],
    [
      "row.late",
      "timestamptz",
      "expression: is a timestamp that expressions cannot hold: they end with the years 1 and 9999",
    ],
    ["row.grid", "int4[]", "expression: is an array of several dimensions, which expressions cannot hold"],
    ["[row.name]", "int4[]", "unreadable: is no int4: cannot be read as one"],
  ])("%s as %s has no value: %s", ([text, type, expected]) => {
    expect(value(text, type)).toBe(expected);
  });

  test.for<readonly [string, string, string, string]>([
    ["row.total +", "int4", "cannot be read at 1:", "CEL"],
    ["", "int4", "cannot be read at 1:1", "CEL"],
    ["row.nmae", "text", "there is no column nmae", "Perhaps name was meant."],
    ['row["order-date"]', "text", "there is no column order-date", "Perhaps order date was meant."],
    ["row.nowhere", "text", "there is no column nowhere", "There are id, large"],
    ["name", "text", "there is no name", "A column is row.name."],
    ["rwo.name", "text", "there is no rwo", "There are row.id"],
    ["row", "text", "row stands alone", "Name a column"],
    ["row[row.name]", "text", "by no fixed name", "Write the name"],
    ["has(row.name)", "boolean", "has(row.name) asks whether", "row.name != null"],
    ["row.name.lowerAsci()", "text", "there is no function lowerAsci", "Perhaps lowerAscii was meant."],
    ["rounded(row.rate)", "float8", "there is no function rounded", "Perhaps round was meant."],
    ["row.id + row.name", "text", "no matching overload for '_+_' applied to '(int, string)'", "types of the columns"],
    ["row.price * 2", "decimal", "no matching overload for '_*_' applied to '(string, int)'", "types of the columns"],
    ["row.id && true", "boolean", "type mismatch: expected bool, got int", "types of the columns"],
    ["row.name.matches('(')", "boolean", "error parsing regexp", "types of the columns"],
    ["row.seen", "uuid", "is a timestamp, which cannot become uuid", "Change the cast"],
    ["row.id", "date", "is an int, which cannot become date", "Change the cast"],
    ["{'a': 1}", "json", "is a map or a type, which cannot become json", "Change the cast"],
    ["row.tags.map(t, tt)", "text[]", "there is no tt", "There are row.id"],
  ])("%s as %s is refused before the first row: %s", ([text, type, what, hint]) => {
    expect(() => value(text, type)).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        what: expect.stringMatching(/^the rule for column c: /) as unknown,
        message: expect.stringContaining(what) as unknown,
        hint: expect.stringContaining(hint) as unknown,
      }),
    );
  });
});

describe("a filter", () => {
  test("keeps the rows for which it is true", () => {
    expect(compileFilter("row.country == 'DE' && row.id > 5", place)(row)).toBe(true);
    expect(compileFilter("row.id > 7", place)(row)).toBe(false);
  });

  test("that is neither true nor false is refused, at once or for the row", () => {
    expect(() => compileFilter("row.id", place)).toThrow("the filter is neither true nor false");
    expect(compileFilter("row.nothing == null ? 1 : true", place)(row)).toMatchObject({
      reason: "expression",
      what: "the filter is neither true nor false for this row",
    });
    expect(compileFilter("row.nothing > 5", place)(row)).toMatchObject({ reason: "expression" });
  });
});

test("a pattern takes no longer than its text is long, whatever it looks like", () => {
  const columns = [{ name: "a", type: parseColumnType("text") }];
  const filter = compileFilter("row.a.matches('^(a+)+$')", { where: "the filter", columns });
  expect(filter([`${"a".repeat(5_000)}!`])).toBe(false);
});
