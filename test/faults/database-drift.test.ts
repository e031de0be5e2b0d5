/**
 * The source's tables get another shape while a job copies them. Invariant 5: no table ends as proven that is a mix of
 * two shapes, lacks rows, or has another shape than was read; the others go on.
 */
import { expect, test } from "vitest";
import { databaseText } from "../testbed/database-text.ts";
import { godwit, type ProgramEnd, startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { askOf, noSessions } from "./database-place.ts";

/** Several ranges, at a rate that leaves time to change it after the first ones. */
const changing = `
  create table changing (id int primary key, name text not null, note text, amount int);
  insert into changing select i, md5(i::text), repeat('x', 250), i from generate_series(1, 20000) i;
  create index on changing (name);
  create table other (id int primary key, value text);
  insert into other select i, md5(i::text) from generate_series(1, 2000) i;`;
const slowly = ["--chunk-size", "1MiB", "--workers", "1", "--limit", "3MB/s"];

/** All of it arrives, as it is in the end. */
const followed: Readonly<Record<string, string>> = {
  "a column is added": "alter table changing add column more text",
  "columns with a default and an index are added, and filled": `alter table changing add column more numeric(10,2) not null default 1.5, add column at date;
     update changing set more = id, at = '2026-01-01' where id % 3 = 0; create index on changing (more)`,
  "it is emptied and filled with other rows":
    "truncate changing; insert into changing select i, 'new', 'new', i from generate_series(1, 500) i",
  "it is written anew by CLUSTER": "cluster changing using changing_pkey",
};

type Refused = readonly [change: string, code: string, words: RegExp];

const refused: Readonly<Record<string, Refused>> = {
  "a column is dropped": [
    "alter table changing drop column note",
    "schema_changed",
    /public\/changing .*no column "note"/,
  ],
  "a column is renamed": [
    "alter table changing rename column note to remark",
    "schema_changed",
    /public\/changing .*no column "note"/,
  ],
  "a column gets another type": [
    "alter table changing alter column amount type bigint",
    "schema_changed",
    /public\/changing .*"amount" is bigint on the source now, and integer/,
  ],
  "it is renamed": ["alter table changing rename to changed", "source_vanished", /public\/changing/],
  "it is dropped": ["drop table changing", "source_vanished", /public\/changing/],
};

interface Told {
  readonly job_id: string;
  readonly status: string;
  readonly exit_code: number;
  readonly losses: number;
}

interface Changed {
  readonly from: string;
  readonly to: string;
  readonly state: string;
  readonly end: ProgramEnd;
  readonly told: Told;
}

describeOnPostgres("a table that changes while it is copied", (postgres) => {
  const copyAndChange = async (change: string): Promise<Changed> => {
    const [from, to, state] = [await postgres.database(), await postgres.database(), tempDir("state")];
    await askOf(from, changing);
    const running = startGodwit(["copy", from, to, "--json", ...slowly], { state });
    let isOver = false;
    void running.end.then(() => (isOver = true));
    await until(
      async () => {
        if (isOver) throw new Error(`it ended before: ${(await running.end).stderr}`);
        return (await rangesDone(to)) > 0;
      },
      () => "no range was loaded",
      30_000,
    );
    // The copy under way ends first: it holds a lock on the table.
    await askOf(from, `begin; lock table changing in access exclusive mode; ${change}; commit`);
    const end = await running.end;
    for (const url of [from, to]) await noSessions(url);
    return { from, to, state, end, told: JSON.parse(end.stdout) as Told };
  };

  test.each(Object.keys(followed))("%s: all of it arrives", async (name) => {
    const { from, to, end, told } = await copyAndChange(followed[name] ?? "");
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to)).toEqual(databaseText(from));
    expect(told.losses, "it was not read under the snapshot").toBe(1);
  });

  test.each(Object.keys(refused))("%s: that table ends with words, the other arrives", async (name) => {
    const [change, code, words] = refused[name] as Refused;
    const { from, to, state, end, told } = await copyAndChange(change);
    expect([told.status, end.exitCode], end.stderr).toEqual(["complete", 1]);
    const shown = await godwit(["report", told.job_id], { state });
    const { exceptions } = JSON.parse(shown.stdout) as { exceptions: readonly { outcome: string }[] };
    const final = exceptions.filter(({ outcome }) => outcome !== "retried");
    expect(final).toMatchObject([{ error: { code, what: expect.stringMatching(words) as unknown } }]);
    const other = "select * from other order by id";
    expect(await askOf(to, other)).toEqual(await askOf(from, other));
    expect(await askOf(to, "select from pg_namespace where nspname = 'godwit'")).toEqual([]);
  });

  test("columns of a table that inherits stand in another order on the target, and each value in its own", async () => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await askOf(
      from,
      `create table parent (id int primary key); create table child (own text) inherits (parent);
       alter table parent add column late text; alter table child add primary key (id);
       insert into child (id, own, late) select i, 'own ' || i, 'late ' || i from generate_series(1, 100) i;
       create table loose (own text) inherits (parent); insert into loose (id, own, late) values (1, 'own', 'late')`,
    );
    const end = await godwit(["copy", from, to], { state: tempDir("state") });
    expect(end.exitCode, end.stderr).toBe(0);
    const rows = "select id, own, late from only child union all select id, own, late from only loose order by 1, 2";
    expect(await askOf(to, rows)).toEqual(await askOf(from, rows));
  });
});

async function rangesDone(url: string): Promise<number> {
  const made = await askOf(url, "select from pg_tables where schemaname = 'godwit' and tablename = 'steps'");
  if (made.length === 0) return 0;
  return (await askOf(url, "select from godwit.steps where step like 'rows public/changing/%'")).length;
}
