/** A whole PostgreSQL database to another server's, by the program: what arrives is what `pg_dump` says of both. */
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { databaseText } from "../testbed/database-text.ts";
import { godwit } from "../testbed/program.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

/** Of every kind that needs an order: what rows need first, what comes with them, and what may only follow. */
const sample = `
  create schema other;
  create type other.mood as enum ('sad', 'ok', 'happy');
  create domain other.short as text check (length(value) < 100);
  create function other.half(int) returns int language sql immutable as 'select $1 / 2';
  create table a (id bigint generated always as identity primary key, t text not null, m other.mood, n numeric(12, 3),
    half int generated always as (other.half(length(t))) stored, at timestamptz default now());
  insert into a (t, m, n) select repeat(md5(i::text), 3), (array['sad', 'ok', 'happy'])[1 + i % 3]::other.mood, i / 3.0
    from generate_series(1, 20000) i;
  create index on a (other.half(length(t)));
  create unique index on a (t, id) where id > 100;
  create table other.b (k text primary key, a bigint references a (id), list int[], moods other.mood[], s other.short);
  insert into other.b select md5(i::text), i, array[i, null, 2], array['sad']::other.mood[], 'x' from generate_series(1, 3000) i;
  alter table a add column best text references other.b (k) deferrable initially deferred;
  create table no_key (x int, y text);
  insert into no_key select i % 10, 'the same' from generate_series(1, 500) i;
  insert into no_key values (null, null), (null, ''), (null, E'a\\tb\\\\c\\nd');
  create table "Odd ""name/%é" ();
  insert into "Odd ""name/%é" default values;
  create table none (id int primary key);
  create view joined as select a.id, b.k from a join other.b on b.a = a.id;
  create materialized view counted as select count(*) from joined;
  create index on counted (count);
  create function shout() returns trigger language plpgsql as $$ begin new.t := upper(new.t); return new; end $$;
  create trigger shouts before insert or update on a for each row execute function shout();
  create table days (id int, day date, primary key (id, day)) partition by range (day);
  create table days_1 partition of days for values from ('2024-01-01') to ('2025-01-01');
  create table days_2 partition of days for values from ('2025-01-01') to ('2026-01-01');
  insert into days select i, '2024-01-01'::date + i from generate_series(1, 700) i;
  create sequence other.down increment -3 minvalue 1 maxvalue 100 start 100 cycle;
  select nextval('other.down');
  alter table a enable row level security;
  create policy mine on a using (t <> 'hidden');
  comment on column a.t is 'a comment; with ''quotes''';
  create rule quiet as on delete to none do instead nothing;
`;

async function fill(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(sql);
}

describeOnPostgres("a database", (postgres) => {
  test("arrives whole: schema, rows with and without keys, and what may only follow them", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await fill(from, sample);
    const state = tempDir("state");
    const args = ["copy", from, to, "--workers", "2", "--chunk-size", "1MiB", "--json"];
    const end = await godwit(args, { state });
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to)).toEqual(databaseText(from));
    const { job_id: id } = JSON.parse(end.stdout) as { job_id: string };
    const told = await godwit(["report", id], { state });
    const report = JSON.parse(told.stdout) as {
      body: { overall_status: string };
      entries: readonly { path: string; rows?: number }[];
    };
    expect(report.body.overall_status).toBe("pass");
    const rows = Object.fromEntries(report.entries.map(({ path, rows: count }) => [path, count]));
    expect(rows).toMatchObject({ "public/a": 20_000, "public/no_key": 503, "other/b": 3_000, "public/none": 0 });
  });

  test("without any table arrives too, and one that is empty but for its schema", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await fill(
      from,
      `create schema s; create type s.mood as enum ('a'); create sequence s.q; select nextval('s.q');
       create function s.f() returns int language sql as 'select 1'; create view s.v as select s.f();
       create materialized view s.m as select * from s.v; comment on schema s is 'only functions'`,
    );
    const end = await godwit(["copy", from, to], { state: tempDir("state") });
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to)).toEqual(databaseText(from));
  });

  test("with large objects is not said to be whole: what was left out is named", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await fill(
      from,
      "create table t (id int primary key); insert into t values (1); select lo_create(0), lo_create(0)",
    );
    const end = await godwit(["copy", from, to], { state: tempDir("state") });
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toContain("2 large objects are not carried");
    expect(end.stdout).toContain("1 unsupported");
  });

  test("whose target is not empty is refused, and nothing there is changed", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await fill(from, "create table t (id int primary key); insert into t values (1), (2)");
    await fill(to, "create table t (id int primary key); insert into t values (3)");
    const before = databaseText(to);
    const state = tempDir("state");
    const end = await godwit(["copy", from, to], { state });
    expect(end.exitCode).not.toBe(0);
    expect(end.stderr).toContain("target_conflict");
    expect(databaseText(to)).toEqual(before);
  });

  test.each([
    [["copy", "postgres://me:secret@db/one", "postgres://db/two"], "~/.pgpass"],
    [["copy", "postgres://db", "postgres://db/two"], "names no database"],
    [["copy", "postgres://db/one", "/tmp/x"], "a database is copied to a database"],
    [["sync", "postgres://db/one", "postgres://db/two"], "databases are not for sync"],
    [["copy", "postgres://db/one", "postgres://db/two", "--include", "a"], "--include"],
  ])("%j is refused by name", async (args, told) => {
    const state = tempDir("state");
    const end = await godwit([...args], { state });
    expect(end.exitCode).toBe(2);
    expect(end.stderr).toContain(told);
    expect(end.stderr).not.toContain("secret");
  });
});
