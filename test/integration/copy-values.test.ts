/** Values of every type, decoded from a real server's COPY, encoded, loaded again, and the same as before. */
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { CopyIn, copyOut } from "../../src/connectors/postgres/copy.ts";
import { CanonicalRows } from "../../src/model/canonical-row.ts";
import type { Row } from "../../src/model/row-value.ts";
import { CopyDecoder } from "../../src/pgwire/copy-decode.ts";
import { CopyEncoder } from "../../src/pgwire/copy-encode.ts";
import { CopyRows } from "../../src/pgwire/copy-rows.ts";
import { type CopyColumn, copyColumn } from "../../src/pgwire/copy-types.ts";
import { never } from "../conformance/place.ts";
import { makeTypesTable } from "../testbed/awkward-types.ts";
import { describeOnPostgres } from "../testbed/suites.ts";

const settings = `set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set timezone = 'UTC';
  set extra_float_digits = 3; set bytea_output = 'hex'`;

/** A column that nobody here knows in binary form makes its table pass as text. */
const asText: CopyColumn = copyColumn("some.type");

async function decoded(client: pg.Client, table: string, columns: readonly CopyColumn[]): Promise<readonly Row[]> {
  const decoder = new CopyDecoder(columns);
  const found: Row[] = [];
  const rows = new CopyRows(decoder.format, (row) => found.push(decoder.decode(row)));
  const query = `select *${columns.length === 3 ? ", null" : ""} from ${table} order by id`;
  for await (const bytes of copyOut(client, `copy (${query}) to stdout (format ${decoder.format})`, never))
    rows.push(bytes);
  rows.end();
  return found;
}

async function load(
  client: pg.Client,
  { table, rows, columns }: { table: string; rows: readonly Row[]; columns: readonly CopyColumn[] },
): Promise<void> {
  const encoder = new CopyEncoder(columns);
  using copy = await CopyIn.begin(client, `copy ${table} from stdin (format ${encoder.format})`);
  for (const row of rows) {
    encoder.add(row);
    if (encoder.bytes > 65_536) await copy.write(encoder.take() ?? new Uint8Array(0));
  }
  const end = encoder.end();
  if (end !== null) await copy.write(end);
  expect((await copy.finish()).rows).toBe(rows.length);
}

function canonical(rows: readonly Row[], columns: readonly CopyColumn[]): readonly string[] {
  const form = new CanonicalRows(columns.map(({ column }) => column));
  return rows.map((row) => Buffer.from(form.encode(row)).toString("hex"));
}

describeOnPostgres("values in the form of COPY", (postgres) => {
  test("each type is the same after it was decoded, encoded and loaded, in binary form and as text", async () => {
    const client = new pg.Client({ connectionString: await postgres.database() });
    await client.connect();
    onTestFinished(() => client.end());
    const tables = await makeTypesTable(client);
    await client.query(`${settings}; set search_path = ''`);
    const wrong: string[] = [];
    let binary = 0;
    for (const { table, rows: count } of tables) {
      const { rows: types } = await client.query<{ type: string }>(
        `select pg_catalog.format_type(atttypid, atttypmod) as type from pg_catalog.pg_attribute
          where attrelid = $1::pg_catalog.regclass and attnum > 0 order by attnum`,
        [table],
      );
      const columns = types.map(({ type }) => copyColumn(type));
      const before = await decoded(client, table, columns);
      expect(before.length).toBe(count);
      const expected = canonical(before, columns);
      const told = `${types[1]?.type}`;
      if (columns[1]?.wire !== null) {
        binary += 1;
        const inText = await decoded(client, table, [...columns, asText]);
        const withoutLast = inText.map((row) => row.slice(0, 2));
        if (canonical(withoutLast, columns).join() !== expected.join()) wrong.push(`${told}: text is another`);
      }
      for (const form of [columns, [...columns, asText]] as const) {
        const extra = form.length === 3 ? ", extra text" : "";
        await client.query(
          `drop table if exists public.again; create table public.again (id int, value ${told}${extra})`,
        );
        const rows = form.length === 3 ? before.map((row) => [...row, null]) : before;
        await load(client, { table: "public.again", rows, columns: form });
        const same = await client.query<{ same: string }>(
          `select count(*)::text as same from public.again a join ${table} b using (id)
            where row(a.value)::text = row(b.value)::text`,
        );
        const after = await decoded(client, "(select id, value from public.again) a", columns);
        if (canonical(after, columns).join() !== expected.join()) wrong.push(`${told}: comes back as another`);
        if (same.rows[0]?.same !== String(count)) wrong.push(`${told}: ${same.rows[0]?.same} of ${count} are the same`);
      }
    }
    expect(wrong).toEqual([]);
    expect(binary).toBeGreaterThan(40);
  });
});
