import { expect, test } from "vitest";
import { onDatabase } from "./postgres.ts";
import { describeOnPostgres } from "./suites.ts";

describeOnPostgres("a real PostgreSQL server", (postgres) => {
  test("keeps what was committed when it is started again, in haste or not", async () => {
    const url = await postgres.database();
    await onDatabase(url, (client) => client.query("create table kept (n int)"));
    for (const mode of ["fast", "immediate"] as const) {
      const before = postgres.server().pid;
      await onDatabase(url, (client) => client.query("insert into kept values (1)"));
      await postgres.server().restart(mode);
      expect(postgres.server().pid).not.toBe(before);
    }
    const { rows } = await onDatabase(url, (client) => client.query("select count(*)::int as n from kept"));
    expect(rows).toEqual([{ n: 2 }]);
  });

  test("waits for the disk, as the fleet's does", async () => {
    const { rows } = await onDatabase(postgres.server().url(), (client) => client.query("show fsync"));
    expect(rows).toEqual([{ fsync: "on" }]);
  });
});

const majors = [15, 18] as const;
for (const major of majors) {
  describeOnPostgres(
    "a PostgreSQL server of a version that is asked for",
    (postgres) => {
      test("is of that version, with its extensions and its locales", async () => {
        const url = await postgres.database();
        const answer = await onDatabase(url, async (client) => {
          await client.query("create extension pg_trgm");
          await client.query("create extension pgcrypto");
          const { rows: versions } = await client.query<{ server_version: string }>("show server_version");
          const { rows: words } = await client.query(
            "select show_trgm('é') is not null as trgm, length(gen_salt('bf')) as salt, upper('é') as upper",
          );
          return { version: versions[0]?.server_version, words };
        });
        expect(answer.version).toMatch(new RegExp(`^${major}\\.`));
        expect(answer.words).toEqual([{ trgm: true, salt: 29, upper: "É" }]);
      });

      test("keeps what was committed when it is started again", async () => {
        const url = await postgres.database();
        await onDatabase(url, (client) => client.query("create table kept as select 1 as n"));
        await postgres.server().restart();
        const { rows } = await onDatabase(url, (client) => client.query("table kept"));
        expect(rows).toEqual([{ n: 1 }]);
      });
    },
    { major },
  );
}
