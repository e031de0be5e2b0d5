/** Fills PostgreSQL databases with the same rows on every machine, and tells what a database holds. */
import { execFileSync } from "node:child_process";
import { must } from "../src/base/assert.ts";
import { onDatabase } from "../test/testbed/postgres.ts";
import { SeededBytes } from "./trees.ts";

/** One column of each kind; `i` is the number of the row. */
const kinds: readonly (readonly [type: string, value: string])[] = [
  ["boolean", "i % 3 = 0"],
  ["smallint", "i % 30000"],
  ["integer", "nullif(hashint8(i), 0)"],
  ["bigint", "hashint8extended(i, 1)"],
  ["real", "sqrt(i)"],
  ["double precision", "ln(i)"],
  ["numeric(14, 4)", "i * 1.0625"],
  ["numeric", "case when i % 5 = 0 then null else i / 7.0 end"],
  ["text", "md5(i::text)"],
  ["varchar(40)", "'customer ' || i % 5000"],
  ["char(8)", "to_hex(i % 65536)"],
  ["date", "date '2001-01-01' + (i % 9000)::int"],
  ["timestamp", "timestamp '2001-01-01' + i * interval '61 seconds'"],
  ["timestamptz", "timestamptz '2001-01-01 00:00Z' + i * interval '17 minutes'"],
  ["uuid", "md5((i + 1)::text)::uuid"],
  ["bytea", "decode(md5((i + 2)::text), 'hex')"],
  ["integer[]", "array[i % 10, null, i % 100]"],
  ["interval", "i % 1000 * interval '1 hour'"],
  ["inet", "inet '10.0.0.0' + i % 16000000"],
  ["time", "time '00:00' + i * interval '7 seconds'"],
];
/** With the key: 42. */
const columnsBesideKey = 41;

/** pgbench, a wide table, and documents with a GIN index. At scale 1 there are 5, 1 and 0.5 million rows. */
export async function fillMixed(url: string, scale: number): Promise<void> {
  execFileSync("pgbench", ["-i", "-q", "-s", String(Math.max(1, Math.round(50 * scale))), url], { stdio: "ignore" });
  const columns = Array.from({ length: columnsBesideKey }, (_, at) => must(kinds[at % kinds.length], "a kind"));
  const definitions = columns.map(([type], at) => `c${at} ${type}`);
  const values = columns.map(([, value]) => value);
  await onDatabase(url, async (client) => {
    await client.query(`create table wide (id bigint primary key, ${definitions.join(", ")})`);
    await client.query(`insert into wide select i, ${values.join(", ")} from ${rowsTo(1_000_000 * scale)}`);
    await client.query("create index wide_at on wide (c13)");
    await client.query("create table documents (id bigint primary key, document jsonb not null)");
    await client.query(
      `insert into documents select i, jsonb_build_object('customer', 'customer ' || i % 5000, 'total', i / 7.0,
        'paid', i % 3 = 0, 'tags', jsonb_build_array('tag' || i % 50, 'tag' || i % 77), 'note', repeat(md5(i::text), 3),
        'address', jsonb_build_object('street', md5((i + 1)::text), 'city', 'city ' || i % 900, 'zip', null))
        from ${rowsTo(500_000 * scale)}`,
    );
    await client.query("create index documents_document on documents using gin (document jsonb_path_ops)");
    await client.query("vacuum analyze");
  });
}

/** 300 rows of 1 MB that no compression makes smaller. */
export async function fillLargeRows(url: string, scale: number): Promise<void> {
  const random = new SeededBytes("large rows");
  await onDatabase(url, async (client) => {
    await client.query("create table large_rows (id bigint primary key, content bytea not null)");
    for (let id = 1; id <= Math.ceil(300 * scale); id += 1) {
      await client.query("insert into large_rows values ($1, $2)", [id, random.bytes(1_000_000)]);
    }
    await client.query("vacuum analyze");
  });
}

export async function fillSmallRows(url: string, scale: number): Promise<void> {
  await onDatabase(url, async (client) => {
    await client.query("create table small_rows (id bigint primary key, number integer, word text)");
    await client.query(`insert into small_rows select i, i % 1000, 'word ' || i from ${rowsTo(5_000_000 * scale)}`);
    await client.query("vacuum analyze");
  });
}

function rowsTo(count: number): string {
  return `generate_series(1::bigint, ${Math.ceil(count)}) as i`;
}

const withoutSystem = "not in ('pg_catalog', 'information_schema', 'pg_toast')";

/** A line for each table with its rows, for each index and for each constraint. */
export async function contentOf(url: string): Promise<readonly string[]> {
  return onDatabase(url, async (client) => {
    const lines = async (sql: string): Promise<readonly string[]> =>
      (await client.query<{ line: string }>(sql)).rows.map(({ line }) => line);
    const tables = await lines(
      `select format('%I.%I', schemaname, tablename) as line from pg_tables where schemaname ${withoutSystem}`,
    );
    const counts: string[] = [];
    for (const table of tables) counts.push(...(await lines(`select '${table}: ' || count(*) as line from ${table}`)));
    const indexes = await lines(`select indexdef as line from pg_indexes where schemaname ${withoutSystem}`);
    const constraints = await lines(
      `select conrelid::regclass || ': ' || pg_get_constraintdef(oid) as line from pg_constraint
        where connamespace::regnamespace::text ${withoutSystem}`,
    );
    return [...counts, ...indexes, ...constraints];
  });
}
