import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseColumnType } from "../model/column-type.ts";
import type { Row, RowValue } from "../model/row-value.ts";
import { type Gate, runBatch } from "./batch.ts";
import { Contract } from "./contract.ts";
import type { TableContract } from "./contract-shape.ts";
import type { ColumnRule, TableRule } from "./schema-map.ts";
import { compileTable } from "./table-map.ts";

const shape = {
  name: "t",
  columns: [
    { name: "id", type: parseColumnType("int4"), isNullable: true },
    { name: "qty", type: parseColumnType("text"), isNullable: true },
    { name: "note", type: parseColumnType("text"), isNullable: true },
  ],
};

const decision = fc.constantFrom("accept", "coerce", "reject", "stop");
const onError = fc.constantFrom("stop", "reject", "null", "default");

/** Rules of which each may fail, filter, reject or stop. */
const rule: fc.Arbitrary<TableRule> = fc
  .record({
    filter: fc.constantFrom(undefined, "row.id == null || row.id > 1", "int(row.qty) < 3", "row.note != 'a'"),
    onFilterError: fc.constantFrom("stop", "reject"),
    onError,
    isComputed: fc.boolean(),
  })
  .map(({ filter, onFilterError, onError: on_error, isComputed }) => {
    const rules: TableRule = { from: "t", columns: ruleColumns(on_error, isComputed) };
    if (filter === undefined) return rules;
    rules.filter = filter;
    rules.on_filter_error = onFilterError;
    return rules;
  });

function ruleColumns(on_error: NonNullable<ColumnRule["on_error"]>, isComputed: boolean): ColumnRule[] {
  const columns: ColumnRule[] = [{ from: "qty", cast: "int4", on_error }];
  if (isComputed) columns.push({ to: "more", expression: "int(row.qty) / row.id", cast: "int4", on_error });
  if (on_error === "default") for (const column of columns) column.default = 0;
  return columns;
}

const contract: fc.Arbitrary<TableContract> = fc
  .record({
    ofNull: decision,
    ofRange: decision,
    ofLength: decision,
    ofKey: fc.constantFrom("accept", "reject", "stop"),
  })
  .map(({ ofNull, ofRange, ofLength, ofKey }) => {
    const notNull = { check: "not_null", decision: ofNull, ...(ofNull === "coerce" ? { to: 9 } : {}) } as const;
    const range = { check: "range", min: 1, max: 3, decision: ofRange } as const;
    const length = { check: "length", min: 1, max: 1, decision: ofLength } as const;
    return {
      table: "t",
      columns: [
        { column: "qty", checks: [notNull, range] },
        { column: "note", checks: [length] },
      ],
      unique: [{ columns: ["id", "note"], decision: ofKey }],
    };
  });

const row: fc.Arbitrary<Row> = fc.tuple(
  fc.option<number>(fc.integer({ min: 0, max: 4 })),
  fc.constantFrom(null, "0", "1", "2", "3", "4", "x", ""),
  fc.constantFrom(null, "", "a", "b", "abc"),
);

const gates: fc.Arbitrary<{ gate: Gate; rule: TableRule | null; contract: TableContract | null }> = fc
  .tuple(fc.option(rule, { freq: 10 }), fc.option(contract, { freq: 10 }))
  // Without a map the column is no number, and has no range.
  .filter(([given, held]) => given !== null || held === null)
  .map(([given, held]) => {
    const map = given === null ? null : compileTable(given, shape);
    return {
      gate: { map, contract: held === null ? null : new Contract(held, map ?? shape) },
      rule: given,
      contract: held,
    };
  });

test("every row that is read is loaded, rejected or filtered, and none twice", () => {
  fc.assert(
    fc.property(gates, fc.array(row, { maxLength: 30 }), ({ gate }, batch) => {
      const before = structuredClone(batch);
      const { rows, rejects, stop, counts } = runBatch(gate, batch);
      expect(counts.read).toBe(counts.loaded + counts.rejected + counts.filtered);
      expect([counts.loaded, counts.rejected]).toEqual([rows.length, rejects.length]);
      expect(counts.read).toBe(stop === null ? batch.length : stop.index + 1);
      expect(stop === null || rejects.at(-1) === stop).toBe(true);
      expect(new Set(rejects.map(({ index }) => index)).size).toBe(rejects.length);
      for (const reject of rejects) expect(batch[reject.index]).toBe(reject.row);
      expect(batch, "what was read is as it was").toEqual(before);
      // Those that go on are those that were not taken out, in their order: without the rejected ones the same go on.
      const without = batch
        .slice(0, counts.read)
        .filter((_, index) => !rejects.some((reject) => reject.index === index));
      expect(runBatch(gate, without).rows).toEqual(rows);
    }),
    { numRuns: 1_000 },
  );
});

test("what goes on holds to every check that is not merely counted", () => {
  fc.assert(
    fc.property(gates, fc.array(row, { maxLength: 30 }), ({ gate, contract: held }, batch) => {
      fc.pre(held !== null);
      const { rows } = runBatch(gate, batch);
      const decisionOf = (column: number, check: number): string | undefined =>
        held?.columns?.[column]?.checks[check]?.decision;
      const keys = rows
        .filter(([id, , note]) => id !== null && note !== null)
        .map(([id, , note]) => `${id as number} ${note as string}`);
      for (const [, qty, note] of rows as readonly (readonly RowValue[])[]) {
        expect(decisionOf(0, 0) === "accept" || qty !== null).toBe(true);
        expect(decisionOf(0, 1) === "accept" || qty === null || ((qty as number) >= 1 && (qty as number) <= 3)).toBe(
          true,
        );
        expect(decisionOf(1, 0) === "accept" || note === null || (note as string).length === 1).toBe(true);
      }
      expect(held?.unique?.[0]?.decision === "accept" || new Set(keys).size === keys.length).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test("a stop ends the batch at its row, and what comes after it is not read", () => {
  const map = compileTable({ from: "t", columns: [{ from: "qty", cast: "int4" }] }, shape);
  const batch = [
    [1, "1", ""],
    [2, "x", ""],
    [3, "y", ""],
  ];
  expect(runBatch({ map, contract: null }, batch)).toEqual({
    rows: [[1, 1, ""]],
    rejects: [
      { index: 1, row: [2, "x", ""], column: "qty", reason: "unreadable", what: "is no int4: cannot be read as one" },
    ],
    stop: {
      index: 1,
      row: [2, "x", ""],
      column: "qty",
      reason: "unreadable",
      what: "is no int4: cannot be read as one",
    },
    counts: { read: 2, loaded: 1, rejected: 1, filtered: 0 },
    tallies: [],
  });
});

test("an empty batch is empty", () => {
  expect(runBatch({ map: null, contract: null }, []).counts).toEqual({ read: 0, loaded: 0, rejected: 0, filtered: 0 });
});
