import { describe, expect, test } from "vitest";
import { parseColumnType } from "../model/column-type.ts";
import { arrayOf, type RowValue } from "../model/row-value.ts";
import { runBatch } from "./batch.ts";
import type { TableShape } from "./column-rule.ts";
import { Contract } from "./contract.ts";
import { type Check, parseContract, type TableContract } from "./contract-shape.ts";

function shapeOf(types: Readonly<Record<string, string>>): TableShape {
  const columns = Object.entries(types).map(([name, type]) => ({
    name,
    type: parseColumnType(type),
    isNullable: true,
  }));
  return { name: "sales.orders", columns };
}

/** What a check makes of a value: the value that goes on and how often it did not hold, or why the row does not go on. */
function checked(check: Check, type: string, value: RowValue): unknown {
  const contract = new Contract(
    { table: "sales.orders", columns: [{ column: "c", checks: [check] }] },
    shapeOf({ c: type }),
  );
  const { rows, rejects, stop, tallies } = runBatch({ map: null, contract }, [[value]]);
  const [reject] = rejects;
  if (reject !== undefined) return `${stop === null ? "reject" : "stop"}: ${reject.reason}: ${reject.what}`;
  const [tally] = tallies;
  return tally === undefined ? rows[0]?.[0] : [rows[0]?.[0], `${tally.check} ${tally.decision} ${tally.rows}`];
}

const range = { check: "range", min: 0, max: 100 } as const;
const length = { check: "length", min: 1, max: 2 } as const;
const codes = { check: "values", values: ["DE", "FR"] } as const;

describe("a check", () => {
  test.for<readonly [Check, string, RowValue, unknown]>([
    [{ check: "not_null", decision: "reject" }, "text", "", ""],
    [{ check: "not_null", decision: "reject" }, "text", null, "reject: null: is NULL"],
    [{ check: "not_null", decision: "accept" }, "text", null, [null, "not_null accept 1"]],
    [{ check: "not_null", decision: "coerce", to: "none" }, "text", null, ["none", "not_null coerce 1"]],
    [{ check: "not_null", decision: "stop" }, "int4", null, "stop: null: is NULL"],
    [{ ...range, decision: "reject" }, "int4", 100, 100],
    [{ ...range, decision: "reject" }, "int4", null, null],
    [{ ...range, decision: "reject" }, "int4", 101, "reject: range: is not between 0 and 100"],
    [{ ...range, decision: "accept" }, "int8", 2n ** 60n, [2n ** 60n, "range accept 1"]],
    [{ ...range, decision: "coerce" }, "int4", -1, [0, "range coerce 1"]],
    [{ ...range, decision: "coerce" }, "decimal(10,2)", "100.01", ["100.00", "range coerce 1"]],
    [{ ...range, decision: "coerce" }, "decimal(10,2)", "99.99", "99.99"],
    [{ ...range, decision: "coerce" }, "decimal", "NaN", "reject: range: is not between 0 and 100"],
    [{ ...range, decision: "coerce" }, "float8", NaN, "reject: range: is not between 0 and 100"],
    [{ ...range, decision: "reject" }, "float8", 1e-9, 1e-9],
    [{ check: "range", min: "2000-01-01", decision: "reject" }, "date", 10_956, "reject: range: is below 2000-01-01"],
    [
      { check: "range", min: "2000-01-01", decision: "reject" },
      "date",
      "0000-00-00",
      "reject: range: is below 2000-01-01",
    ],
    [{ check: "range", min: "2000-01-01", decision: "reject" }, "date", Infinity, Infinity],
    [
      { check: "range", max: "2000-01-01 00:00:00+00", decision: "coerce" },
      "timestamptz",
      2 ** 50,
      [946_684_800_000_000, "range coerce 1"],
    ],
    [{ ...length, decision: "reject" }, "text", "😀😀", "😀😀"],
    [{ ...length, decision: "reject" }, "text", "abc", "reject: length: is longer than 2"],
    [{ ...length, decision: "reject" }, "text", "", "reject: length: is shorter than 1"],
    [{ ...length, decision: "coerce" }, "text", "😀é!", ["😀é", "length coerce 1"]],
    [{ ...length, decision: "coerce" }, "text", "", "reject: length: is shorter than 1"],
    [{ ...length, decision: "coerce" }, "bytes", Buffer.from("abc"), [Buffer.from("ab"), "length coerce 1"]],
    [{ ...length, decision: "reject" }, "int4[]", arrayOf([1, 2, 3]), "reject: length: is longer than 2"],
    [{ check: "pattern", pattern: "^[A-Z]{2}$", decision: "reject" }, "text", "DE", "DE"],
    [
      { check: "pattern", pattern: "^[A-Z]{2}$", decision: "reject" },
      "text",
      "DEU",
      "reject: pattern: does not match ^[A-Z]{2}$",
    ],
    [{ check: "pattern", pattern: "[0-9]", decision: "coerce", to: "0" }, "text", "x", ["0", "pattern coerce 1"]],
    [{ ...codes, values: [...codes.values], decision: "reject" }, "text", "DE", "DE"],
    [{ ...codes, values: [...codes.values], decision: "coerce", to: "FR" }, "text", "de", ["FR", "values coerce 1"]],
    [{ check: "values", values: [1, "1.50"], decision: "reject" }, "decimal(4,2)", "1.50", "1.50"],
    [{ check: "values", values: [1, 2], decision: "reject" }, "int8", 2n, 2n],
    [
      { check: "values", values: [1, 2], decision: "reject" },
      "int8",
      3,
      "reject: values: is none of the allowed values",
    ],
    [{ check: "values", values: ["{}"], decision: "reject" }, "json", " { } ", " { } "],
    [{ check: "type", type: "int4", decision: "reject" }, "text", "12", "12"],
    [
      { check: "type", type: "int4", decision: "reject" },
      "text",
      "1x",
      "reject: unreadable: is no int4: cannot be read as one",
    ],
    [{ check: "type", type: "decimal(5,2)", decision: "coerce" }, "text", "5", ["5.00", "type coerce 1"]],
    [{ check: "type", type: "decimal(5,2)", decision: "coerce" }, "text", "5.00", "5.00"],
    [
      { check: "type", type: "decimal(5,2)", decision: "coerce" },
      "text",
      "five",
      "reject: unreadable: is no decimal(5,2): cannot be read as one",
    ],
  ])("%o on %s makes of %o: %o", ([check, type, value, expected]) => {
    expect(checked(check, type, value)).toEqual(expected);
  });

  test("sees what the one before has made", () => {
    const checks: Check[] = [
      { check: "not_null", decision: "coerce", to: "unknown" },
      { check: "length", max: 3, decision: "coerce" },
      { check: "values", values: ["unk"], decision: "reject" },
    ];
    const contract = new Contract({ table: "t", columns: [{ column: "c", checks }] }, shapeOf({ c: "text" }));
    const result = runBatch({ map: null, contract }, [[null], ["known"]]);
    expect(result.rows).toEqual([["unk"]]);
    expect(result.tallies.map(({ check, rows }) => [check, rows])).toEqual([
      ["not_null", 1],
      ["length", 2],
      ["values", 1],
    ]);
  });
});

describe("uniqueness within a batch", () => {
  const shape = shapeOf({ a: "int8", b: "text", c: "decimal" });
  const gate = (decision: "accept" | "reject" | "stop", columns = ["a", "b"]) => ({
    map: null,
    contract: new Contract(
      {
        table: "t",
        columns: [{ column: "c", checks: [{ check: "range", min: 0, decision: "reject" }] }],
        unique: [{ columns, decision }],
      },
      shape,
    ),
  });

  test("the first row stays, later ones are rejected, and NULL is never the same", () => {
    const batch = [
      [1, "x", "0"],
      [1, "x", "0"],
      [1n, "x", "0"],
      [1, "y", "0"],
      [null, "x", "0"],
      [null, "x", "0"],
    ];
    const { rows, rejects, tallies } = runBatch(gate("reject"), batch);
    expect(rows).toEqual([batch[0], batch[3], batch[4], batch[5]]);
    expect(rejects.map(({ index, column, reason }) => [index, column, reason])).toEqual([
      [1, "a, b", "not_unique"],
      [2, "a, b", "not_unique"],
    ]);
    expect(tallies).toEqual([{ column: "a, b", check: "unique", decision: "reject", rows: 2 }]);
  });

  test("a row that is rejected for something else takes no place", () => {
    const { rows } = runBatch(gate("reject"), [
      [1, "x", "-1"],
      [1, "x", "0"],
    ]);
    expect(rows).toEqual([[1, "x", "0"]]);
  });

  test("values are the same when they count as the same", () => {
    expect(
      runBatch(gate("reject", ["c"]), [
        [1, "x", "1.50"],
        [2, "y", "1.5"],
      ]).rejects,
    ).toHaveLength(1);
  });

  test("may be accepted, and counted; and every batch begins anew", () => {
    const accepting = gate("accept");
    const batch = [
      [1, "x", "0"],
      [1, "x", "0"],
    ];
    expect(runBatch(accepting, batch)).toMatchObject({ rows: batch, tallies: [{ rows: 1 }] });
    expect(runBatch(accepting, batch).tallies[0]?.rows).toBe(1);
  });

  test("may stop the job", () => {
    const result = runBatch(gate("stop"), [
      [1, "x", "0"],
      [1, "x", "0"],
      [2, "x", "0"],
    ]);
    expect(result.stop).toMatchObject({ index: 1, column: "a, b" });
    expect(result.counts).toEqual({ read: 2, loaded: 1, rejected: 1, filtered: 0 });
  });
});

function ofColumn(column: string, check: Check): TableContract {
  return { table: "sales.orders", columns: [{ column, checks: [check] }] };
}

describe("refused before the first row", () => {
  const shape = shapeOf({ qty: "int4", note: "text", tags: "text[]" });

  test.for<readonly [string, TableContract, string, string]>([
    [
      "an unknown column",
      ofColumn("qyt", { check: "not_null", decision: "stop" }),
      "speaks of the column qyt, which sales.orders does not have",
      "Perhaps qty was meant.",
    ],
    [
      "an unknown column in unique",
      { table: "t", unique: [{ columns: ["zzz"], decision: "stop" }] },
      "the column zzz",
      "There are qty, note, tags.",
    ],
    [
      "an unknown type",
      ofColumn("note", { check: "type", type: "inte4", decision: "stop" }),
      "check type of note of sales.orders: there is no type inte4",
      "Perhaps int4 was meant.",
    ],
    [
      "a type that it never has",
      ofColumn("qty", { check: "type", type: "date", decision: "stop" }),
      "no cast between int4 and date",
      "schema map",
    ],
    [
      "a bound of another kind",
      ofColumn("qty", { check: "range", min: "soon", decision: "stop" }),
      "its min is no int4: cannot be read",
      "Write one",
    ],
    ["a range without bounds", ofColumn("qty", { check: "range", decision: "stop" }), "neither min nor max", "Say one"],
    [
      "a range of texts",
      ofColumn("note", { check: "range", min: "a", decision: "stop" }),
      "text has no range",
      "use length",
    ],
    [
      "a length of numbers",
      ofColumn("qty", { check: "length", max: 3, decision: "stop" }),
      "no length that could be checked",
      "Texts",
    ],
    [
      "arrays that are cut",
      ofColumn("tags", { check: "length", max: 3, decision: "coerce" }),
      "no length that could be cut",
      "not cut",
    ],
    [
      "a length that none has",
      ofColumn("note", { check: "length", min: 3, max: 2, decision: "stop" }),
      "no length is both 3 and 2",
      "min be less",
    ],
    [
      "a pattern of numbers",
      ofColumn("qty", { check: "pattern", pattern: "1", decision: "stop" }),
      "a pattern is for texts",
      "Use range",
    ],
    [
      "a pattern that cannot be read",
      ofColumn("note", { check: "pattern", pattern: "(", decision: "stop" }),
      "error parsing regexp",
      "RE2",
    ],
    [
      "values of another kind",
      ofColumn("qty", { check: "values", values: ["a"], decision: "stop" }),
      "its list of values is no int4",
      "Write one",
    ],
    [
      "coerced to nothing",
      ofColumn("note", { check: "not_null", decision: "coerce" }),
      "coerces, but does not say to what",
      "go together",
    ],
    [
      "a replacement that is never used",
      ofColumn("note", { check: "not_null", decision: "stop", to: "x" }),
      "has to, but does not coerce",
      "go together",
    ],
    ["nothing to check", { table: "t" }, "checks nothing", "Remove it"],
  ])("%s", ([, contract, what, hint]) => {
    expect(() => new Contract(contract, shape)).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        message: expect.stringContaining(what) as unknown,
        hint: expect.stringContaining(hint) as unknown,
      }),
    );
  });

  test.for([
    [{ version: 1, tables: [{ table: "oders" }] }, "about the table oders, which the target does not get"],
    [{ version: 1, tables: [{ table: "orders" }, { table: "orders" }] }, "speaks twice of the table orders"],
    [
      {
        version: 1,
        tables: [{ table: "orders", columns: [{ column: "a", checks: [{ check: "rage", decision: "stop" }] }] }],
      },
      "wrong in tables[0].columns[0].checks[0].check",
    ],
    [
      { version: 1, tables: [{ table: "orders", columns: [{ column: "a", checks: [{ check: "range", min: 1 }] }] }] },
      "wrong in tables[0].columns[0].checks[0].decision",
    ],
    [{ version: 1, tables: [{ table: "orders", uniqe: [] }] }, "unknown key uniqe in tables[0]"],
  ] as const)("%j", ([document, what]) => {
    expect(() => parseContract(document, ["orders"])).toThrow(
      expect.objectContaining({ code: "config_invalid", message: expect.stringContaining(what) as unknown }),
    );
  });

  test("what is right is taken as it is", () => {
    const document = {
      version: 1,
      tables: [{ table: "orders", columns: [{ column: "a", checks: [{ check: "not_null", decision: "stop" }] }] }],
    };
    expect(parseContract(document, ["orders"])).toEqual(document);
  });
});
