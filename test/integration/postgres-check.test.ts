/** Two databases that somebody copied, held against each other by the program: equal ones give no alarm, damage is named. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { must } from "../../src/base/assert.ts";
import { jobShape } from "../../src/cli/json-shapes.ts";
import { makeTypesTable } from "../testbed/awkward-types.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { godwit } from "../testbed/program.ts";
import { makeShop } from "../testbed/shop.ts";
import { describeOnPostgres, type PostgresSuite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const seeds = Array.from({ length: Number(process.env["GODWIT_CHECK_SEEDS"] ?? "10") }, (_, at) => at + 1);

interface Checked {
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly outcomes: Readonly<Record<string, { readonly entries: number }>>;
  readonly differences: NonNullable<ReturnType<typeof jobShape.parse>["differences"]>;
}

async function check(from: string, to: string): Promise<Checked> {
  const { exitCode, stderr, stdout } = await godwit(["check", from, to, "--workers", "2", "--json"], {
    state: tempDir("state"),
  });
  expect(stdout, stderr).not.toBe("");
  const { outcomes, differences = [] } = jobShape.parse(JSON.parse(stdout));
  return { exitCode, stderr, outcomes, differences };
}

function run(url: string, sql: string): Promise<void> {
  return onDatabase(url, async (client) => void (await client.query(sql)));
}

/** By PostgreSQL's own tools. */
function dumpTo(from: string, to: string): void {
  const dump = execFileSync("pg_dump", [`--dbname=${from}`], { maxBuffer: 2 ** 29 });
  execFileSync("psql", ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", `--dbname=${to}`], {
    input: dump,
    stdio: ["pipe", "ignore", "pipe"],
  });
}

async function copyTo(from: string, to: string): Promise<void> {
  const { exitCode, stderr } = await godwit(["copy", from, to], { state: tempDir("state") });
  if (exitCode !== 0) throw new Error(stderr);
}

/** Some 40 MB in the first table, so that it is cut into ranges. */
const sample = `
  create table big (id bigint primary key, name text not null, data bytea);
  insert into big select i, 'name ' || i, decode(repeat(md5(i::text), 6), 'hex') from generate_series(1, 250000) i;
  create table texts (k text primary key, v text, w text);
  insert into texts select 'k' || i, case when i % 3 = 0 then null else 'v' || i end, 'w' || i from generate_series(1, 500) i;
  create table no_key (x int, y text);
  insert into no_key select i % 10, 'the same' from generate_series(1, 500) i;
  insert into no_key values (100, 'once'), (null, null), (null, ''), (null, E'a\\tb\\\\c\\nd');
  create table small (id int primary key, v text);
  insert into small values (1, 'one'), (2, 'two');
  create schema other;
  create table other.t (id int primary key);
`;

/** Two databases that hold the sample. */
async function pair(postgres: PostgresSuite): Promise<readonly [string, string]> {
  const made = await postgres.server().database("sample_made");
  const isMade = await onDatabase(made, async (client) => {
    const { rows } = await client.query<{ is: boolean }>("select to_regclass('small') is not null as is");
    return rows[0]?.is;
  });
  if (isMade !== true) await run(made, sample);
  const [from, to] = [await postgres.database(), await postgres.database()];
  await onDatabase(postgres.server().url(), async (client) => {
    for (const url of [from, to]) {
      const name = client.escapeIdentifier(new URL(url).pathname.slice(1));
      await client.query(`drop database ${name}`);
      await client.query(`create database ${name} template sample_made`);
    }
  });
  return [from, to];
}

describeOnPostgres("a check", (postgres) => {
  test.each(seeds)("gives no alarm on shop %i, which pg_dump or a copy has brought over", async (seed) => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await onDatabase(from, (client) => makeShop(client, { seed, rows: 400 }));
    if (seed % 2 === 0) dumpTo(from, to);
    else await copyTo(from, to);
    const { exitCode, differences, outcomes, stderr } = await check(from, to);
    expect({ exitCode, differences, stderr }).toEqual({ exitCode: 0, differences: [], stderr: "" });
    expect(outcomes["identical"]?.entries).toBeGreaterThan(30);
  });

  test("gives no alarm on values of every type", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await onDatabase(from, makeTypesTable);
    dumpTo(from, to);
    expect(await check(from, to)).toMatchObject({ exitCode: 0, differences: [] });
  });

  test("gives no alarm where the order of rows and of columns is another", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await run(from, "create table t (k text primary key, v int); insert into t values ('a', 1), ('B', 2), ('c', 3)");
    await run(to, "create table t (v int, k text); insert into t values (3, 'c'), (2, 'B'), (1, 'a')");
    expect(await check(from, to)).toMatchObject({ exitCode: 0, differences: [] });
  });

  test("gives no alarm where one database sorts by bytes and the other one by a language", async () => {
    const server = postgres.server();
    await run(server.url(), "create database by_bytes template template0 locale 'C'");
    await run(
      server.url(),
      "create database by_language template template0 locale_provider icu icu_locale 'en-US' locale 'C'",
    );
    const [one, other] = [server.url("by_bytes"), server.url("by_language")];
    for (const url of [one, other])
      await run(url, "create table t (k text primary key); insert into t values ('a'), ('B'), ('c'), ('É')");
    expect(await check(one, other)).toMatchObject({ exitCode: 0, differences: [] });
    expect(await check(other, one)).toMatchObject({ exitCode: 0, differences: [] });
  });

  describe("finds and names", () => {
    test.each<[what: string, damage: string, path: string, rows: readonly string[]]>([
      [
        "one bit in a bytea",
        "update big set data = set_bit(data, 500, 1 - get_bit(data, 500)) where id = 200000",
        "public/big",
        [
          expect.stringMatching(/^- id='200000': data=…'[0-9a-f]+'…$/) as never,
          expect.stringMatching(/^\+ id='200000': data=…'[0-9a-f]+'…$/) as never,
        ],
      ],
      ["a missing row", "delete from texts where k = 'k6'", "public/texts", ["- k='k6', v=NULL, w='w6'"]],
      [
        "a doubled row",
        "insert into no_key values (100, 'once')",
        "public/no_key",
        ["- x='100', y='once' (once)", "+ x='100', y='once' (2 times)"],
      ],
      [
        "an extra row",
        "insert into small values (3, E'three\\nlines')",
        "public/small",
        ["+ id='3', v='three\\u000alines'"],
      ],
      [
        "two swapped values",
        "update texts set v = w, w = v where k = 'k7'",
        "public/texts",
        ["- k='k7': v='v7', w='w7'", "+ k='k7': v='w7', w='v7'"],
      ],
      [
        "a changed collation",
        `alter table texts alter v type text collate "C"`,
        "public/texts",
        ["- column v text", `+ column v text collate pg_catalog."C"`],
      ],
      ["an extra column", "alter table small add more int", "public/small", ["+ column more integer"]],
      ["a missing column", "alter table small drop v", "public/small", ["- column v text"]],
      [
        "a column of another type",
        "alter table small alter v type varchar(9)",
        "public/small",
        ["- column v text", "+ column v character varying(9)"],
      ],
      [
        "a changed value without a key",
        "update no_key set y = 'twice' where x = 100",
        "public/no_key",
        ["- x='100', y='once'", "+ x='100', y='twice'"],
      ],
      [
        "NULL against an empty string",
        "update texts set v = '' where k = 'k3'",
        "public/texts",
        ["- k='k3': v=NULL", "+ k='k3': v=''"],
      ],
      [
        "a key that is there twice",
        "alter table small drop constraint small_pkey; insert into small values (2, 'two')",
        "public/small",
        ["- id='2', v='two' (once)", "+ id='2', v='two' (2 times)"],
      ],
      [
        "rows without a key",
        "alter table big drop constraint big_pkey, alter id drop not null; insert into big values (null, 'lost')",
        "public/big",
        ["+ 1 with NULL in what is the key here"],
      ],
    ])("%s", async (_, damage, path, rows) => {
      const [from, to] = await pair(postgres);
      await run(to, damage);
      const { exitCode, differences, stderr, outcomes } = await check(from, to);
      expect(exitCode).toBe(1);
      expect(outcomes["different"]?.entries).toBe(1);
      expect(differences).toEqual([{ path, outcome: "different", what: expect.stringContaining(path) as never, rows }]);
      expect(stderr).toContain(`table_differs: different: ${path}`);
      for (const row of differences[0]?.rows ?? []) expect(stderr).toContain(`\n  ${row}\n`);
    });

    test("a missing and an extra table, each by its name", async () => {
      const [from, to] = await pair(postgres);
      await run(to, "drop table small; create table added (); create schema more; drop schema other cascade");
      const { exitCode, differences, stderr } = await check(from, to);
      expect(exitCode, stderr).toBe(1);
      expect(differences.map(({ path, outcome }) => `${outcome} ${path}`).toSorted()).toEqual([
        "extra more",
        "extra public/added",
        "missing other",
        "missing other/t",
        "missing public/small",
      ]);
    });

    test("what the signed report says too", async () => {
      const [from, to] = [await postgres.database(), await postgres.database()];
      for (const url of [from, to]) await run(url, "create table t (id int primary key); insert into t values (1)");
      const state = tempDir("state");
      const report = async (): Promise<string> => {
        const file = join(tempDir("report"), "report.json");
        await godwit(["check", from, to, "--new", "--report", file], { state });
        expect((await godwit(["report", "verify", file], { state })).exitCode).toBe(0);
        return readFileSync(file, "utf8");
      };
      expect(JSON.parse(await report())).toMatchObject({
        body: { overall_status: "pass" },
        entries: [
          { path: "public/t", outcome: "identical", rows: 1, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as never },
          { path: "public", outcome: "identical" },
        ],
      });
      await run(to, "delete from t");
      const text = await report();
      expect(JSON.parse(text)).toMatchObject({ body: { overall_status: "fail" } });
      expect(text).toContain("public/t has other rows: 1 missing; 1 here, 0 there\\n- id='1'");
    });

    test("rows beyond those that are shown, by their number", async () => {
      const [from, to] = await pair(postgres);
      await run(to, "update big set name = 'x' where id % 1000 = 0; delete from big where id % 50000 = 7");
      const { differences, exitCode } = await check(from, to);
      expect(exitCode).toBe(1);
      expect(differences).toHaveLength(1);
      const { what, rows } = must(differences[0], "one table differs");
      expect(what).toBe("public/big has other rows: 5 missing, 250 different; 250000 here, 249995 there");
      expect(rows.filter((row) => row.startsWith("-"))).toHaveLength(20);
      expect(rows.at(-1)).toBe("  and 235 more");
    });
  });
});
