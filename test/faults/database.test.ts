/**
 * Copies between databases under faults, on real servers and processes. Invariants 1 to 3: whatever dies, the job ends
 * proven, and no row stands there twice or is missing, with a key and without one.
 */
import { expect, test } from "vitest";
import { databaseText } from "../testbed/database-text.ts";
import { startCutProxy } from "../testbed/cut-proxy.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { godwit, type RunningProgram, startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fillDatabase, isMoment, type Moment, moments } from "./database-place.ts";

const few = ["--workers", "2", "--chunk-size", "4MiB"];

async function waitFor(url: string, moment: Moment, running: RunningProgram): Promise<void> {
  let ended = false;
  void running.end.then(() => (ended = true));
  await until(
    async () => {
      if (ended) throw new Error(`it ended before: ${moment}: ${JSON.stringify(await running.end)}`);
      return isMoment(url, moment);
    },
    () => `never: ${moment}`,
    60_000,
  );
}

describeOnPostgres("a copy of a database", (postgres) => {
  const places = async (): Promise<readonly [from: string, to: string]> => {
    const all = [await postgres.database(), await postgres.database()] as const;
    await fillDatabase(all[0]);
    return all;
  };

  test.each(Object.keys(moments) as Moment[])(
    "killed %s: the same command ends it proven, no row twice",
    async (moment) => {
      const [from, to] = await places();
      const state = tempDir("state");
      const running = startGodwit(["copy", from, to, ...few], { state });
      await waitFor(to, moment, running);
      running.child.kill("SIGKILL");
      await running.end;
      const end = await godwit(["copy", from, to, ...few], { state });
      expect(end.exitCode, end.stderr).toBe(0);
      expect(databaseText(to)).toEqual(databaseText(from));
    },
    120_000,
  );

  test.each(["in the middle of a COPY", "while an index is built", "while rows are read back"] as const)(
    "both servers restart %s: it waits and goes on",
    async (moment) => {
      const [from, to] = await places();
      const running = startGodwit(["copy", from, to, ...few], { state: tempDir("state") });
      await waitFor(to, moment, running);
      await postgres.server().restart("immediate");
      const end = await running.end;
      expect(end.exitCode, end.stderr).toBe(0);
      expect(databaseText(to)).toEqual(databaseText(from));
    },
    120_000,
  );

  test("connections break in the middle of COPY, on both sides: it goes on", async () => {
    const [from, to] = await places();
    await using proxy = await startCutProxy(postgres.server().port);
    const through = (url: string): string => url.replace(/:\d+\//, `:${proxy.port}/`);
    const running = startGodwit(["copy", through(from), through(to), ...few], { state: tempDir("state") });
    for (const rows of [1, 4]) {
      await until(
        async () => {
          const done = `select from godwit.steps where step like 'rows %' offset ${rows}`;
          const { rowCount } = await onDatabase(to, (client) => client.query(done)).catch(() => ({ rowCount: 0 }));
          return (rowCount ?? 0) > 0 && (await isMoment(to, "in the middle of a COPY"));
        },
        () => "no COPY was under way",
        30_000,
      );
      proxy.drop();
    }
    const end = await running.end;
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to)).toEqual(databaseText(from));
  }, 120_000);
});
