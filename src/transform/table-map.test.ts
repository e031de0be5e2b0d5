import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { columnTypeName, parseColumnType } from "../model/column-type.ts";
import type { RowValue } from "../model/row-value.ts";
import type { TableShape } from "./column-rule.ts";
import { checkTables, type ColumnRule, parseSchemaMap, type TableRule, versionOf } from "./schema-map.ts";
import { compileTable, RowFailure } from "./table-map.ts";

const shape: TableShape = {
  name: "shop.orders",
  columns: [
    { name: "id", type: parseColumnType("int8"), isNullable: false },
    { name: "qty", type: parseColumnType("text"), isNullable: true },
    { name: "note", type: parseColumnType("text"), isNullable: true },
    { name: "created", type: parseColumnType("timestamp"), isNullable: true },
  ],
};

function mapOf(columns: readonly ColumnRule[], rest: Partial<TableRule> = {}) {
  return compileTable({ from: "shop.orders", columns: [...columns], ...rest }, shape);
}

function mayBeNull(rule: ColumnRule): boolean | undefined {
  return mapOf([rule]).columns.find(({ name }) => name === (rule.to ?? rule.from))?.isNullable;
}

/** What becomes of a row; why, where it does not go on. */
function applied(columns: readonly ColumnRule[], row: readonly RowValue[], rest: Partial<TableRule> = {}): unknown {
  const made = mapOf(columns, rest).apply(row);
  return made instanceof RowFailure ? `${made.isStop ? "stop" : "reject"} ${made.column}: ${made.unfit.what}` : made;
}

const row = [1, "5", "hello", 0];

describe("a map of columns", () => {
  test("without rules changes nothing, and tells the table as it is", () => {
    const map = mapOf([]);
    expect(map.apply(row)).toEqual(row);
    expect([map.name, map.columns]).toEqual([shape.name, shape.columns]);
  });

  test("renames, casts, drops and adds; columns stay where they were, and new ones follow", () => {
    const map = mapOf(
      [
        { to: "origin", constant: "mysql" },
        { from: "qty", to: "quantity", cast: "int4" },
        { from: "note", drop: true },
        { to: "double_qty", expression: "int(row.qty) * 2", cast: "int8" },
        { from: "id", to: "id" },
        { from: "id", to: "old_id", cast: "text" },
      ],
      { to: "sales.orders" },
    );
    expect(map.name).toBe("sales.orders");
    expect(map.columns.map(({ name, type, isNullable }) => [name, columnTypeName(type), isNullable])).toEqual([
      ["id", "int8", false],
      ["quantity", "int4", true],
      ["created", "timestamp", true],
      ["origin", "text", false],
      ["double_qty", "int8", true],
      ["old_id", "text", false],
    ]);
    expect(map.apply(row)).toEqual([1, 5, 0, "mysql", 10, "1"]);
  });

  test("keeps only what has a rule, when the rest is dropped", () => {
    expect(applied([{ from: "note" }], row, { rest: "drop" })).toEqual(["hello"]);
  });

  test("swaps two names", () => {
    const map = mapOf([
      { from: "qty", to: "note" },
      { from: "note", to: "qty" },
    ]);
    expect(map.columns.map(({ name }) => name)).toEqual(["id", "note", "qty", "created"]);
  });

  test.for<readonly [ColumnRule, RowValue, unknown]>([
    [{ from: "qty", cast: "int4" }, "x", "stop qty: is no int4: cannot be read as one"],
    [{ from: "qty", to: "n", cast: "int4", on_error: "reject" }, "x", "reject n: is no int4: cannot be read as one"],
    [{ from: "qty", cast: "int4", on_error: "null" }, "x", null],
    [{ from: "qty", cast: "int4", on_error: "default", default: 7 }, "x", 7],
    [{ from: "qty", cast: "int4", on_error: "null", default: 7 }, "x", 7],
    [
      { from: "qty", cast: "int4", on_error: "reject", default: 7 },
      "x",
      "reject qty: is no int4: cannot be read as one",
    ],
    [{ from: "qty", cast: "int4", default: 7 }, null, 7],
    [{ from: "qty", cast: "int4" }, null, null],
    [{ from: "qty", default: "none" }, null, "none"],
    [{ from: "qty", default: "none" }, "", ""],
    [{ from: "qty", cast: "decimal(10,2)", default: 1.5 }, null, "1.50"],
    [{ from: "qty", cast: "boolean", default: false }, null, false],
    [{ from: "qty", cast: "date", default: "1970-01-02" }, null, 1],
  ])("%j makes of %j: %j", ([rule, value, expected]) => {
    const made = applied([rule], [1, value, "", 0]);
    expect(Array.isArray(made) ? (made as RowValue[])[1] : made).toEqual(expected);
  });

  test("says which columns may be NULL on the target", () => {
    expect(mayBeNull({ from: "qty" })).toBe(true);
    expect(mayBeNull({ from: "qty", default: "0" })).toBe(false);
    expect(mayBeNull({ from: "id", cast: "int2", on_error: "null" })).toBe(true);
    expect(mayBeNull({ from: "id", cast: "int2", on_error: "reject" })).toBe(false);
    expect(mayBeNull({ to: "a", constant: null, cast: "int4" })).toBe(true);
    expect(mayBeNull({ to: "a", constant: 1 })).toBe(false);
    expect(mayBeNull({ to: "a", expression: "1", cast: "int4", default: 1 })).toBe(false);
  });
});

describe("a filter", () => {
  test("lets rows go on by the columns of the source, whatever becomes of them", () => {
    const rest = { filter: "row.note == 'hello' && row.id > 0" };
    expect(applied([{ from: "note", drop: true }], row, rest)).toEqual([1, "5", 0]);
    expect(applied([], [0, "5", "hello", 0], rest)).toBe(null);
  });

  test("that fails for a row stops the job, or rejects the row when that is asked for", () => {
    const filter = "int(row.qty) > 1";
    expect(applied([], [1, "x", "", 0], { filter })).toBe("stop null: could not be worked out");
    expect(applied([], [1, "x", "", 0], { filter, on_filter_error: "reject" })).toBe(
      "reject null: could not be worked out",
    );
  });
});

describe("refused before the first row", () => {
  test.for<readonly [string, ColumnRule[], Partial<TableRule>, string, string]>([
    [
      "an unknown column",
      [{ from: "noe", to: "x" }],
      {},
      "the rule for x of shop.orders: the table has no column noe",
      "Perhaps note was meant.",
    ],
    ["an unknown column to drop", [{ from: "x", drop: true }], {}, "no column x", "There are id, qty, note, created."],
    [
      "an unknown type",
      [{ from: "qty", cast: "integr" }],
      {},
      "the rule for qty of shop.orders: there is no type integr",
      "Perhaps integer was meant.",
    ],
    [
      "a cast that there is not",
      [{ from: "created", cast: "timestamptz" }],
      {},
      "no cast from timestamp to timestamptz",
      "Use an expression",
    ],
    [
      "an expression that cannot be read",
      [{ to: "x", expression: "1 +", cast: "int4" }],
      {},
      "the rule for x of shop.orders: the expression cannot be read",
      "CEL",
    ],
    [
      "an expression about an unknown column",
      [{ to: "x", expression: "row.qyt", cast: "text" }],
      {},
      "no column qyt",
      "Perhaps qty was meant.",
    ],
    [
      "an expression without a type",
      [{ to: "x", expression: "1" }],
      {},
      "has an expression, but no cast",
      "Say the type",
    ],
    [
      "a filter about an unknown column",
      [],
      { filter: "row.nte == ''" },
      "the filter of shop.orders: there is no column nte",
      "Perhaps note was meant.",
    ],
    ["a filter that is no question", [], { filter: "row.id" }, "neither true nor false", "Compare something"],
    ["what to do without a filter", [], { on_filter_error: "reject" }, "but no filter", "Remove it."],
    [
      "two columns of one name",
      [{ from: "qty", to: "note" }],
      {},
      "two columns of shop.orders would be called note",
      "another name",
    ],
    ["no column left", [], { rest: "drop" }, "leave no column", "Leave the whole table out"],
    ["a rule without a column", [{ cast: "int4" }], {}, "neither from nor to", "Say which column"],
    ["a rule without a value", [{ to: "x", cast: "int4" }], {}, "no from, no constant and no expression", "Say where"],
    [
      "a value from two places",
      [{ from: "qty", expression: "1" }],
      {},
      "has expression, which does not go with from",
      "Remove one",
    ],
    [
      "a constant and an expression",
      [{ to: "x", constant: 1, expression: "1", cast: "int4" }],
      {},
      "has constant, which does not go with expression",
      "Remove one",
    ],
    [
      "a name for what is dropped",
      [{ from: "qty", to: "x", drop: true }],
      {},
      "has to, which does not go with drop",
      "Remove one",
    ],
    [
      "a drop and a use",
      [
        { from: "qty", drop: true },
        { from: "qty", to: "x" },
      ],
      {},
      "one rule drops the column, another",
      "Keep one",
    ],
    ["a constant of no type", [{ to: "x", constant: null }], {}, "NULL in every row, of no type", "Say the type"],
    [
      "a constant that does not fit",
      [{ to: "x", constant: 300, cast: "uint1" }],
      {},
      "its constant is no uint1: out of range",
      "Write one that uint1 holds",
    ],
    [
      "a default that does not fit",
      [{ from: "qty", cast: "date", default: "soon" }],
      {},
      "its default is no date: cannot be read",
      "Write one",
    ],
    [
      "a default of another kind",
      [{ from: "qty", cast: "uuid", default: 5 }],
      {},
      "its default is of type int8, which cannot become uuid",
      "in quotes",
    ],
    [
      "no default to fall back to",
      [{ from: "qty", cast: "int4", on_error: "default" }],
      {},
      "but has no default",
      "Say which one",
    ],
    ["a default that is NULL", [{ from: "qty", default: null }], {}, "changes nothing", "Remove it"],
    [
      "a number that JSON has lost",
      [{ to: "x", constant: 2 ** 60, cast: "int8" }],
      {},
      "JSON does not hold exactly",
      "in quotes",
    ],
  ])("%s", ([, columns, rest, what, hint]) => {
    expect(() => mapOf(columns, rest)).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        message: expect.stringContaining(what) as unknown,
        hint: expect.stringContaining(hint) as unknown,
      }),
    );
  });

  test("an unknown table, with the one that was meant", () => {
    const map = parseSchemaMap({ version: 1, tables: [{ from: "shop.oders" }] });
    expect(() => checkTables(map, ["shop.orders", "shop.items"])).toThrow(
      expect.objectContaining({ code: "config_invalid", hint: "Perhaps shop.orders was meant." }),
    );
    expect(() => checkTables(map, [])).toThrow(expect.objectContaining({ hint: "There are none." }));
    expect(() =>
      checkTables(parseSchemaMap({ version: 1, tables: [{ from: "shop.items" }] }), ["shop.items"]),
    ).not.toThrow();
  });

  test.for([
    [{ version: 1, tables: [{ from: "a", colums: [] }] }, "the schema map has an unknown key colums in tables[0]"],
    [
      { version: 1, tables: [{ from: "a", columns: [{ from: "b", cats: "int4" }] }] },
      "unknown key cats in tables[0].columns[0]",
    ],
    [{ version: 2, tables: [] }, "the schema map is wrong in version"],
    [
      { version: 1, tables: [{ from: "a", columns: [{ from: "b", on_error: "ignore" }] }] },
      "wrong in tables[0].columns[0].on_error",
    ],
    [{ version: 1, tables: [{ from: "a" }, { from: "a" }] }, "two sets of rules for the table a"],
    [[], "the schema map is wrong"],
  ] as const)("%j", ([map, what]) => {
    expect(() => parseSchemaMap(map)).toThrow(
      expect.objectContaining({ code: "config_invalid", message: expect.stringContaining(what) as unknown }),
    );
  });
});

test("the version of a map is the same for the same rules, and another for others", () => {
  const one = { version: 1, tables: [{ from: "a", to: "b", columns: [{ from: "c", cast: "int4" }] }] };
  const other = { tables: [{ columns: [{ cast: "int4", from: "c" }], to: "b", from: "a" }], version: 1 };
  expect(versionOf(one)).toBe(versionOf(other));
  const canonical = '{"tables":[{"columns":[{"cast":"int4","from":"c"}],"from":"a","to":"b"}],"version":1}';
  expect(versionOf(parseSchemaMap(one))).toBe(createHash("sha256").update(canonical).digest("hex"));
  expect(versionOf({ ...one, tables: [] })).not.toBe(versionOf(one));
});

test("a row is never lost or changed beside the rules: what has no rule comes through as it is", () => {
  const cell = fc.oneof(fc.constant(null), fc.string());
  const name = fc.constantFrom<string>("a", "b", "c", "d");
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 4, maxLength: 4 }),
      fc.uniqueArray(name),
      fc.uniqueArray(name),
      (cells, dropped, renamed) => {
        const texts = ["a", "b", "c", "d"].map((column) => ({
          name: column,
          type: parseColumnType("text"),
          isNullable: true,
        }));
        const kept = renamed.filter((column) => !dropped.includes(column));
        fc.pre(dropped.length < 4);
        const map = compileTable(
          {
            from: "t",
            columns: [
              ...dropped.map((from) => ({ from, drop: true as const })),
              ...kept.map((from) => ({ from, to: `${from}_new` })),
            ],
          },
          { name: "t", columns: texts },
        );
        const made = map.apply(cells) as RowValue[];
        const expected = texts.flatMap(({ name: column }, at) =>
          dropped.includes(column) ? [] : [[kept.includes(column) ? `${column}_new` : column, cells[at]]],
        );
        expect(map.columns.map((column, at) => [column.name, made[at]])).toEqual(expected);
      },
    ),
  );
});
