/** The single rows in a real server's output of COPY. */
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { copyOut } from "../../src/connectors/postgres/copy.ts";
import { type CopyFormat, CopyRows } from "../../src/pgwire/copy-rows.ts";
import { never } from "../conformance/place.ts";
import { describeOnPostgres } from "../testbed/suites.ts";

async function rowsOf(client: pg.Client, query: string, format: CopyFormat): Promise<readonly Buffer[]> {
  const found: Buffer[] = [];
  const rows = new CopyRows(format, (row) => found.push(Buffer.from(row)));
  const output = copyOut(client, `copy (${query}) to stdout (format ${format})`, never);
  let next = await output.next();
  for (; next.done !== true; next = await output.next()) rows.push(next.value);
  rows.end();
  expect(rows.rows, "what the server says").toBe(next.value.rows);
  return found;
}

/** A value in text form. */
function escaped(text: string): string {
  return text.replaceAll("\\", String.raw`\\`).replaceAll("\t", String.raw`\t`);
}

/** An int4, and a text that may be NULL, in binary form. */
function binary(id: number, text: string | null): Buffer {
  const bytes = Buffer.from(text ?? "");
  const row = Buffer.alloc(2 + 8 + 4);
  row.writeInt16BE(2);
  row.writeInt32BE(4, 2);
  row.writeInt32BE(id, 6);
  row.writeInt32BE(text === null ? -1 : bytes.length, 10);
  return Buffer.concat([row, bytes]);
}

describeOnPostgres("single rows of COPY", (postgres) => {
  test("each row is told once, with its bytes: NULL, long ones that come in many pieces, and none at all", async () => {
    const client = new pg.Client({ connectionString: await postgres.database() });
    await client.connect();
    onTestFinished(() => client.end());
    const expected: [number, string | null][] = Array.from({ length: 20_000 }, (_, id) => [
      id,
      id % 3 === 0 ? null : "é".repeat(id % 50),
    ]);
    expected.push([20_000, "x".repeat(3_000_000)], [20_001, ""], [20_002, "a\tb\\c"]);
    await client.query("create table t (id int, name text); create table empty (id int); create table nothing ()");
    await client.query(
      "insert into t select i, case when i % 3 > 0 then repeat('é', i % 50) end from generate_series(0, 19999) i",
    );
    await client.query("insert into t values (20000, repeat('x', 3000000)), (20001, ''), (20002, E'a\\tb\\\\c')");
    await client.query("insert into nothing default values; insert into nothing default values");

    const inBinary = await rowsOf(client, "table t order by id", "binary");
    expect(inBinary.length).toBe(expected.length);
    expect(expected.findIndex(([id, text], index) => !binary(id, text).equals(inBinary[index] as Buffer))).toBe(-1);

    const inText = await rowsOf(client, "table t order by id", "text");
    const lines = expected.map(([id, text]) => `${id}\t${text === null ? String.raw`\N` : escaped(text)}`);
    expect(inText.length).toBe(expected.length);
    expect(lines.findIndex((line, index) => line !== inText[index]?.toString())).toBe(-1);

    for (const format of ["binary", "text"] as const) {
      expect(await rowsOf(client, "table empty", format)).toEqual([]);
      expect((await rowsOf(client, "table nothing", format)).map((row) => row.toString("hex"))).toEqual(
        format === "binary" ? ["0000", "0000"] : ["", ""],
      );
    }
  });
});
