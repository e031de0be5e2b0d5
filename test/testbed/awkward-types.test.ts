import { chmodSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { awkwardTypes, makeTypesTable, type TypeTable } from "./awkward-types.ts";
import { fingerprintDatabase } from "./fingerprint.ts";
import { describeOnPostgres, type PostgresSuite } from "./suites.ts";
import { tempDir } from "./temp-dir.ts";

/** No value of these can be written down: servers make them for themselves. */
const unwritable = [
  "gtsvector",
  "pg_brin_bloom_summary",
  "pg_brin_minmax_multi_summary",
  "pg_dependencies",
  "pg_mcv_list",
  "pg_ndistinct",
  "pg_node_tree",
];

const uncovered = `
  select t.typname from pg_type t
  where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'r', 'm') and t.typcategory <> 'A'
    and not exists (select from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'awkward'::regnamespace and c.relkind = 'r' and a.attname = 'value' and a.atttypid = t.oid)
  order by t.typname collate "C"`;

/** [type, what some of its rows must be like]: a literal that was taken for something simpler proves nothing. */
const hard = [
  ["numeric", "value::text in ('NaN', 'Infinity', '-Infinity', '0.000', '1.10')", 5],
  ["numeric", "scale(value) > 16000 or length(trunc(abs(value))::text) > 131000", 4],
  ["real", "value::text in ('-0', '1e-45', '-1e-45')", 3],
  ["double precision", "value::text in ('-0', '5e-324', '-5e-324', '0.30000000000000004')", 4],
  ["timestamptz", "value < timestamptz '0001-01-01 00:00:00+00' and isfinite(value)", 2],
  ["timestamp", "not isfinite(value)", 2],
  ["timetz", "value::text like '24:00:00%'", 1],
  ["text", "value = ''", 1],
  ["text", "octet_length(value) >= 100000", 2],
  ["text", "normalize(value) <> value", 3],
  ["char(5)", "length(value) = 0 and octet_length(value) = 5", 2],
  ["bytea", "length(value) = 256 and get_byte(value, 255) = 255", 1],
  ["integer[]", "array_lower(value, 1) <> 1", 3],
  ["integer[]", "array_ndims(value) > 1", 3],
  ["integer[]", "value = '{}'", 1],
  ["text[]", "value && array['NULL'] and array_position(value, null) is not null", 1],
  ["awkward.pair", "value::text = '(,)'", 1],
  ["awkward.mood", "value::text = ''", 1],
  ["int4range", "isempty(value)", 1],
  ["hstore", "value -> 'a' is null and value ? 'a'", 1],
  ["regclass", "value::oid::text <> value::text", 3],
] as const;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

interface Made {
  readonly url: string;
  readonly client: pg.Client;
  readonly tables: readonly TypeTable[];
}

async function made(postgres: PostgresSuite): Promise<Made> {
  const url = await postgres.database();
  const client = await connect(url);
  return { url, client, tables: await makeTypesTable(client) };
}

/** Where what is named has other numbers than on the other side, and no table has a row. */
async function emptied(postgres: PostgresSuite): Promise<Made> {
  const url = await postgres.database();
  const client = await connect(url);
  for (let i = 0; i < 20; i += 1)
    await client.query(`create table moves_numbers_${i} (); drop table moves_numbers_${i}`);
  const tables = await makeTypesTable(client);
  await client.query(`truncate ${tables.map(({ table }) => table).join(", ")}`);
  return { url, client, tables };
}

/** By COPY, over a file that both servers reach. @returns the types whose values a server refuses */
async function copied(from: Made, to: Made, format: "text" | "binary"): Promise<readonly string[]> {
  const dir = tempDir("rows");
  chmodSync(dir, 0o777);
  const refused: string[] = [];
  for (const [at, { type, table }] of from.tables.entries()) {
    const file = pg.escapeLiteral(join(dir, String(at)));
    try {
      await from.client.query(`copy ${table} to ${file} (format ${format})`);
      await to.client.query(`copy ${table} from ${file} (format ${format})`);
    } catch (error) {
      refused.push(`${type}: ${(error as Error).message}`);
    }
  }
  return refused;
}

/** The types whose rows are others on the second side. */
async function changed(from: Made, to: Made): Promise<readonly string[]> {
  const [before, after] = [(await fingerprintDatabase(from.url)).rows, (await fingerprintDatabase(to.url)).rows];
  const differing = from.tables.filter(({ table }) => {
    expect(before[table], table).toBeDefined();
    return JSON.stringify(before[table]) !== JSON.stringify(after[table]);
  });
  return differing.map(({ type }) => type);
}

for (const major of [15, 18] as const) {
  describeOnPostgres(
    "the awkward types",
    (postgres) => {
      test("are all that the server has, and every value stands in its table", async () => {
        const { client, tables } = await made(postgres);
        const { rows } = await client.query<{ typname: string }>(uncovered);
        expect(rows.map(({ typname }) => typname)).toEqual(unwritable);
        const known = awkwardTypes.filter(({ since = 0 }) => since <= major);
        expect(tables.map(({ type, rows: count }) => [type, count])).toEqual(
          known.map(({ type, values }) => [type, values.length + 1]),
        );
        for (const { table, rows: count } of tables) {
          const { rows: found } = await client.query(
            `select count(*)::int as rows, count(*) filter (where id = 0 and value is not distinct from null)::int as nulls from ${table}`,
          );
          expect(found, table).toEqual([{ rows: count, nulls: 1 }]);
        }
      });

      test("are as hard as they claim to be", async () => {
        const { client, tables } = await made(postgres);
        for (const [type, condition, count] of hard) {
          const table = tables.find((one) => one.type === type)?.table;
          const { rows } = await client.query(
            `select count(*)::int as n from ${table} where id > 0 and (${condition})`,
          );
          expect(rows, `${type}: ${condition}`).toEqual([{ n: count }]);
        }
      });
    },
    { major },
  );
}

describeOnPostgres(
  "the awkward types between two versions",
  (old) => {
    describeOnPostgres(
      "from 15 to 18",
      (next) => {
        test("are carried by COPY as text", async () => {
          const [from, to] = [await made(old), await emptied(next)];
          expect(await copied(from, to, "text")).toEqual([]);
          expect(await changed(from, to)).toEqual([]);
        });

        test("are carried by binary COPY but for those that are refused, and those that are numbers of names", async () => {
          const [from, to] = [await made(old), await emptied(next)];
          const refused = await copied(from, to, "binary");
          expect(refused).toEqual([
            "tsquery: malformed tsquery: operand not found",
            "aclitem: no binary output function available for type aclitem",
            "int2vector: invalid int2vector data",
            "oidvector: invalid oidvector data",
          ]);
          const moved = await changed(from, to);
          expect(moved.filter((type) => !refused.some((what) => what.startsWith(`${type}:`)))).toEqual([
            "regclass",
            "regtype",
            "regproc",
            "regprocedure",
            "regoper",
            "regoperator",
            "regnamespace",
            "regcollation",
            "regconfig",
            "regdictionary",
            "regclass[]",
          ]);
        });
      },
      { major: 18 },
    );
  },
  { major: 15 },
);
