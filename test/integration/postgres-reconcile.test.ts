/** A last look at a copied database: what changed on the target after it was verified is found, and set right. */
import { expect, onTestFinished, test } from "vitest";
import pg from "pg";
import { jobShape } from "../../src/cli/json-shapes.ts";
import { databaseText } from "../testbed/database-text.ts";
import { jobState } from "../testbed/job-state.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

/**
 * The rows of the last table pass a check that waits for whoever holds the lock: nothing is read once more before they
 * have arrived.
 */
const gated = `
  create table early (id int primary key, v text not null);
  insert into early select i, repeat(md5(i::text), 8) from generate_series(1, 10000) i;
  create function open_gate(int) returns boolean language plpgsql as
    $$ begin perform pg_catalog.pg_advisory_xact_lock_shared(42); return true; end $$;
  create table late (id int primary key check (public.open_gate(id)));
  insert into late values (1);
`;

describeOnPostgres("a copy that looks once more at its end", (postgres) => {
  test.each<[damage: string, sql: string]>([
    ["a changed value", "update early set v = 'damaged' where id = 4321"],
    ["a lost row", "delete from early where id = 1"],
    ["a row too many", "insert into early values (10001, 'nobody sent it')"],
  ])("finds %s in what was verified before, and sends it again", async (_, sql) => {
    const [from, to] = [await postgres.database(), await postgres.database()];
    await onDatabase(from, (client) => client.query(gated));
    const gate = new pg.Client({ connectionString: to });
    await gate.connect();
    onTestFinished(() => gate.end());
    await gate.query("select pg_advisory_lock(42)");
    const state = tempDir("state");
    const args = ["copy", from, to, "--reconcile", "--workers", "2", "--chunk-size", "1MiB", "--json"];
    const { child, end } = startGodwit(args, { state });
    onTestFinished(() => void child.kill("SIGKILL"));

    const verified = async (): Promise<number> =>
      (await jobState(state)).chunks.filter(({ kind, stage }) => kind === "range" && stage === "reconcile").length;
    let last: unknown = null;
    await until(
      async () => {
        // The first process makes the state.
        last = await verified().catch((error: unknown) => error);
        return last === 3;
      },
      () => String(last),
    );
    await gate.query(sql);
    await gate.query("select pg_advisory_unlock(42)");

    const { exitCode, stderr, stdout } = await end;
    expect(exitCode, stderr).toBe(0);
    expect(jobShape.parse(JSON.parse(stdout)).mismatches).toBe(1);
    expect(databaseText(to)).toEqual(databaseText(from));
  });
});
