import { expect, test } from "vitest";
import { jobIds } from "../../src/store/job-id.ts";
import { openPostgresState } from "../../src/store/postgres/open.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { accessContract } from "./access-contract.ts";
import { hintsContract } from "./hints-contract.ts";
import { overviewContract } from "./overview-contract.ts";
import type { OpenState } from "./state-rig.ts";

describeOnPostgres("fleet", (postgres) => {
  const urls = new Map<string, Promise<string>>();
  const urlOf = (directory: string): Promise<string> => {
    const url = urls.get(directory) ?? postgres.database();
    urls.set(directory, url);
    return url;
  };
  const open: OpenState = async (directory, { clock, newJobId }) =>
    openPostgresState({ url: await urlOf(directory), connectionsMax: 2, now: () => clock.now(), newJobId });
  accessContract("postgres", open, true);
  hintsContract("postgres", open, true);

  test("a listener whose session is ended learns of it, and hears again when it listens again", async () => {
    const url = await postgres.database();
    const { store, hints } = await openPostgresState({ url, connectionsMax: 2, newJobId: jobIds(Math.random) });
    await using _store = store;
    const stop = new AbortController();
    const heard: string[] = [];
    const sayUntilHeard = (jobId: string): Promise<void> =>
      until(
        () => {
          hints.say({ about: "idle", jobId });
          return heard.includes(jobId);
        },
        () => `heard ${heard.join(", ")}`,
      );
    const first = hints.listen(({ jobId }) => heard.push(jobId), stop.signal);
    await sayUntilHeard("one");
    await onDatabase(url, async (client) => {
      await client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'godwit hints'",
      );
    });
    await first;
    const second = hints.listen(({ jobId }) => heard.push(jobId), stop.signal);
    await sayUntilHeard("two");
    stop.abort();
    await second;
    expect(new Set(heard)).toEqual(new Set(["one", "two"]));
  });
  overviewContract("postgres", open);
});
