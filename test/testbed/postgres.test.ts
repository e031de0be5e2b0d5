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
