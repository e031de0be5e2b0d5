import { expect, test } from "vitest";
import { onMariadb } from "./mariadb.ts";
import { describeOnMariadb } from "./suites.ts";

describeOnMariadb("a real MariaDB server", (mariadb) => {
  test("keeps what was committed when it is started again, in haste or not", async () => {
    const url = await mariadb.database();
    await onMariadb(url, (client) => client.query("create table kept (n int)"));
    for (const mode of ["fast", "immediate"] as const) {
      const before = mariadb.server().pid;
      await onMariadb(url, (client) => client.query("insert into kept values (1)"));
      await mariadb.server().restart(mode);
      expect(mariadb.server().pid).not.toBe(before);
    }
    const [rows] = await onMariadb(url, (client) => client.query("select count(*) as n from kept"));
    expect(rows).toEqual([{ n: 2 }]);
  });

  test("has what Debian ships, waits for the disk, and is no other server of this machine", async () => {
    const ask =
      "select version() as version, @@pid_file as pid_file, @@port as port, @@character_set_server as charset, " +
      "@@innodb_flush_log_at_trx_commit as flush";
    const [rows] = await onMariadb(mariadb.server().url(), (client) => client.query(ask));
    expect(rows).toEqual([
      {
        version: expect.stringMatching(/^10\.11\.\d+-MariaDB/) as unknown,
        pid_file: expect.stringContaining("/mariadb-data/") as unknown,
        port: mariadb.server().port,
        charset: "utf8mb4",
        flush: 1,
      },
    ]);
  });

  test("takes databases of any name, twice is once", async () => {
    for (const name of ["shop", "shop", "Größe & `Maß`"]) {
      const url = await mariadb.server().database(name);
      const [rows] = await onMariadb(url, (client) => client.query("select database() as name"));
      expect(rows).toEqual([{ name }]);
    }
  });
});
