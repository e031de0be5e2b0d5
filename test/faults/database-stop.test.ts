/** A copy of a database is stopped on purpose, at any moment: it stops within seconds and goes on proven, or is cleared away. */
import { expect, test } from "vitest";
import { databaseText } from "../testbed/database-text.ts";
import { godwit, startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { askOf, fillDatabase, isMoment, type Moment, noSessions } from "./database-place.ts";

const args = ["--workers", "2", "--chunk-size", "4MiB"];
const stopMsMax = 5_000;

describeOnPostgres("a copy that is stopped", (postgres) => {
  const begun = async (moment: Moment) => {
    const [from, to, state] = [await postgres.database(), await postgres.database(), tempDir("state")];
    await fillDatabase(from);
    const running = startGodwit(["copy", from, to, ...args], { state });
    await until(
      () => isMoment(to, moment),
      () => `never: ${moment}`,
      60_000,
    );
    return { from, to, state, running };
  };

  test.each(["in the middle of a COPY", "while an index is built"] as const)(
    "interrupted %s: it stops at once, leaves no session, and goes on proven",
    async (moment) => {
      const { from, to, state, running } = await begun(moment);
      const at = performance.now();
      running.child.kill("SIGINT");
      const stopped = await running.end;
      expect(stopped.exitCode, stopped.stderr).toBe(3);
      expect(performance.now() - at).toBeLessThan(stopMsMax);
      for (const url of [from, to]) await noSessions(url);
      const end = await godwit(["copy", from, to, ...args], { state });
      expect(end.exitCode, end.stderr).toBe(0);
      expect(databaseText(to)).toEqual(databaseText(from));
    },
    120_000,
  );

  test("cancelled in the middle of a COPY: its tables stay, and nothing of Godwit's own", async () => {
    const { from, to, state, running } = await begun("in the middle of a COPY");
    const cancelled = await godwit(["cancel", ""], { state });
    expect(cancelled.exitCode, cancelled.stderr).toBe(0);
    await running.end;
    for (const url of [from, to]) await noSessions(url);
    expect(await askOf(to, "select from pg_namespace where nspname = 'godwit'")).toEqual([]);
    expect(await askOf(to, "select from pg_tables where schemaname = 'public'")).toHaveLength(3);
  }, 120_000);
});
