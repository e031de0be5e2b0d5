/** Rows that are looked at one by one, in one thread and without a server: what each step costs by itself. */
import { CanonicalRows } from "../src/model/canonical-row.ts";
import { parseColumnType } from "../src/model/column-type.ts";
import { RowDigest } from "../src/model/row-digest.ts";
import type { Row } from "../src/model/row-value.ts";
import { CopyRows } from "../src/pgwire/copy-rows.ts";
import { message } from "../src/pgwire/messages.ts";
import { runBatch } from "../src/transform/batch.ts";
import { Contract } from "../src/transform/contract.ts";
import { compileTable } from "../src/transform/table-map.ts";
import { median } from "./comparison.ts";

const batchRows = 1_000;
const pieceBytes = 64 * 1024;

/** Fourteen columns as an old schema has them: most are texts. */
const types = {
  id: "int8",
  qty: "text",
  price: "text",
  born: "text",
  seen: "text",
  active: "text",
  ref: "text",
  code: "int4",
  weight: "decimal(12,4)",
  factor: "float8",
  doc: "text",
  first: "text",
  last: "text",
  units: "int4",
} as const;

const shape = {
  name: "bench.rows",
  columns: Object.entries(types).map(([name, type]) => ({ name, type: parseColumnType(type), isNullable: true })),
};

/** Ten casts and two expressions. */
const map = compileTable(
  {
    from: shape.name,
    columns: [
      { from: "qty", cast: "int4" },
      { from: "price", cast: "decimal(12,2)" },
      { from: "born", cast: "date" },
      { from: "seen", cast: "timestamptz" },
      { from: "active", cast: "boolean" },
      { from: "ref", cast: "uuid" },
      { from: "code", cast: "text" },
      { from: "weight", cast: "decimal(10,2)" },
      { from: "factor", cast: "decimal(8,2)" },
      { from: "doc", cast: "json" },
      { to: "name", expression: "row.first + ' ' + row.last", cast: "text" },
      { to: "total", expression: "row.units * 100 + row.code", cast: "int8" },
    ],
  },
  shape,
);

const contract = new Contract(
  {
    table: shape.name,
    columns: [
      { column: "qty", checks: [{ check: "range", min: 0, max: 1_000_000, decision: "reject" }] },
      { column: "name", checks: [{ check: "length", min: 1, max: 100, decision: "reject" }] },
    ],
    unique: [{ columns: ["id"], decision: "reject" }],
  },
  map,
);

const source: readonly Row[] = Array.from({ length: batchRows }, (_, index) => [
  index,
  String(index * 37),
  (index * 1.25).toFixed(2),
  "2024-02-29",
  `2024-02-29 12:34:56.${100 + (index % 900)}+02`,
  index % 2 === 0 ? "true" : "f",
  `6F1D2C3B-1111-4222-8333-${String(index).padStart(12, "0")}`,
  index % 77,
  "99.5000",
  3.25,
  `{"a": ${index}, "b": [1, 2]}`,
  `Name${index}`,
  "Lee",
  index % 9,
]);

function binaryRows(): readonly Uint8Array[] {
  const header = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
  const row = Buffer.alloc(100, 1).fill(0, 0, 1);
  const stream = Buffer.concat([
    message("d", header),
    ...Array.from({ length: batchRows }, () => message("d", row)),
    message("d", Buffer.from("ffff", "hex")),
  ]);
  return Array.from({ length: Math.ceil(stream.length / pieceBytes) }, (_, piece) =>
    stream.subarray(piece * pieceBytes, (piece + 1) * pieceBytes),
  );
}

/** Each does something with a batch of rows. */
function steps(): Readonly<Record<string, () => void>> {
  const canonical = new CanonicalRows(map.columns.map(({ type }) => type));
  const digest = new RowDigest();
  const pieces = binaryRows();
  const { rows: mapped } = runBatch({ map, contract: null }, source);
  const told = (onRow: (row: Uint8Array) => void): void => {
    const rows = new CopyRows("binary", onRow);
    for (const piece of pieces) rows.push(piece);
    rows.end();
  };
  return {
    "binary rows of 100 bytes found in COPY": () => told(() => undefined),
    "the same, and their digest": () => told((row) => digest.add(row)),
    "canonical form and digest of 16 cells": () => mapped.forEach((row) => digest.add(canonical.encode(row))),
    "map of 10 casts and 2 expressions": () => void runBatch({ map, contract: null }, source),
    "the same, held to a contract": () => void runBatch({ map, contract }, source),
    "the same, canonical form and digest": () => {
      for (const row of runBatch({ map, contract }, source).rows) digest.add(canonical.encode(row));
    },
  };
}

/** @param scale of half a million rows a round */
export async function measureRows({ pairs, scale }: { readonly pairs: number; readonly scale: number }): Promise<void> {
  const rounds = Math.max(1, Math.round(500 * scale));
  console.log(`| rows a CPU-second, median of ${pairs} | |\n|---|---|`);
  for (const [name, step] of Object.entries(steps())) {
    for (let round = 0; round < rounds / 5; round += 1) step();
    const rates = Array.from({ length: pairs }, () => rateOf(step, rounds));
    console.log(`| ${name} | ${Math.round(median(rates)).toLocaleString("en")} |`);
  }
}

function rateOf(step: () => void, rounds: number): number {
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) step();
  const { user, system } = process.cpuUsage(before);
  return (rounds * batchRows * 1e6) / (user + system);
}
