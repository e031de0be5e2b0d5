/**
 * A fleet that copies a database, under faults. Invariants 1, 3 and 4: whoever dies, stalls or comes back late in the
 * middle of a COPY, the job ends proven, and what comes late has no effect.
 */
import { expect, test } from "vitest";
import { type Job, unprovenEntries, usualTerms } from "../../src/model/job.ts";
import { displayPath } from "../../src/model/path.ts";
import { databaseText } from "../testbed/database-text.ts";
import { type Fleet, type FleetProcess, openFleet } from "../testbed/fleet.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { askOf, fillDatabase, isMoment, noSessions } from "./database-place.ts";

const typed = { chunkSize: "8MiB" };
/** All of it takes some ten seconds: a COPY under way can be met. */
const terms = { ...usualTerms, limitBytesPerSecond: 8_000_000 };

describeOnPostgres("a fleet that copies a database", (postgres) => {
  const places = async (): Promise<readonly [from: string, to: string, store: string]> => {
    const all = [await postgres.database(), await postgres.database(), await postgres.database()] as const;
    await fillDatabase(all[0]);
    return all;
  };

  test("one worker stopped in mid-COPY past its lease and continued, one killed: proven, and its late rows have no effect", async () => {
    const [from, to, store] = await places();
    await using fleet = await openFleet(store);
    fleet.coordinator();
    const stopped = fleet.worker(2);
    const job = await fleet.submit(from, to, { typed, terms });
    const held = await stopInCopy(to, stopped);
    const killed = fleet.worker(2);
    await copies(to, held);
    killed.signal("SIGKILL");
    await fleet.store.setTerms(job.id, usualTerms);
    fleet.worker(2);
    await fleet.until(job, "complete", 120_000);
    const before = databaseText(to);
    expect(before).toEqual(databaseText(from));
    const [{ at: endedAt } = { at: 0 }] = await askOf<{ at: number }>(
      store,
      "select (extract(epoch from clock_timestamp()) * 1000)::float8 as at",
    );
    stopped.signal("SIGCONT");
    await until(
      async () =>
        (await fleet.store.workers()).some(({ id, seenAt }) => `${id}:`.includes(stopped.namePart) && seenAt > endedAt),
      () => `the stopped worker did not come back: ${stopped.log()}`,
      60_000,
    );
    const end = await stopped.end();
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to), "what it wrote late had no effect").toEqual(before);
    await expectProven(fleet, job);
    for (const url of [from, to]) await noSessions(url);
  }, 180_000);

  test("the coordinator killed and started again later: the report says once for each table that its snapshot was lost", async () => {
    const [from, to, store] = await places();
    await using fleet = await openFleet(store);
    const first = fleet.coordinator();
    const worker = fleet.worker(2);
    const job = await fleet.submit(from, to, { typed, terms });
    await copies(to, []);
    first.signal("SIGKILL");
    await first.running.end;
    const planned = await fleet.store.job(job.id);
    expect(planned?.planDone, "the plan was done").toBe(true);
    await fleet.store.setTerms(job.id, usualTerms);
    fleet.coordinator();
    await fleet.until(job, "complete", 60_000);
    expect(databaseText(to)).toEqual(databaseText(from));
    const lost = (await Array.fromAsync(fleet.store.exceptions(job.id))).filter(({ outcome }) => outcome === "lost");
    const told = lost.map(({ path, lost: words }) => `${displayPath(path)}: ${words.join()}`).toSorted();
    expect(told, "once for each table").toEqual([...new Set(told)]);
    expect(told, "it has several ranges, and most were read later").toContain("public/keyed: snapshot");
    expect((await fleet.store.job(job.id))?.counters.losses).toBe(told.length);
    await expectProven(fleet, job);
    expect((await worker.end()).exitCode).toBe(0);
    for (const url of [from, to]) await noSessions(url);
  }, 120_000);

  test("a worker ended by SIGTERM in mid-COPY: what it held goes on elsewhere at once", async () => {
    const [from, to, store] = await places();
    await using fleet = await openFleet(store);
    fleet.coordinator();
    const ended = fleet.worker(2);
    const job = await fleet.submit(from, to, { typed, terms });
    await copies(to, []);
    fleet.worker(2);
    const at = performance.now();
    const end = await ended.end();
    expect(end.exitCode, end.stderr).toBe(0);
    expect(performance.now() - at, "it ends in mid-COPY").toBeLessThan(5_000);
    await fleet.store.setTerms(job.id, usualTerms);
    await fleet.until(job, "complete", 25_000);
    expect(databaseText(to)).toEqual(databaseText(from));
    const taken = await fleet.ask("select id from attempts where job_id = $1 and why = 'lease expired'", [job.id]);
    expect(taken, "nobody waited for a lease").toEqual([]);
    await expectProven(fleet, job);
  }, 120_000);
});

const copying = `select pid from pg_stat_activity
  where datname = current_database() and state = 'active' and query ilike 'copy %from stdin%'`;

async function copiers(url: string, more = ""): Promise<readonly number[]> {
  return (await askOf<{ pid: number }>(url, copying + more)).map(({ pid }) => pid);
}

/** Somebody else than these sessions loads rows. */
async function copies(url: string, but: readonly number[]): Promise<void> {
  await until(
    async () =>
      (await isMoment(url, "in the middle of a COPY")) && (await copiers(url)).some((pid) => !but.includes(pid)),
    () => "no COPY was under way",
    30_000,
  );
}

/** Stopped so that the server waits for the rest of its rows. */
async function stopInCopy(url: string, worker: FleetProcess): Promise<readonly number[]> {
  let held: readonly number[] = [];
  await until(
    async () => {
      if (!(await isMoment(url, "in the middle of a COPY"))) return false;
      worker.signal("SIGSTOP");
      // What it had sent before is taken first: after that the server waits.
      const seen = await copiers(url, " and wait_event = 'ClientRead'");
      const still = await onDatabase(url, async (client) => {
        await client.query("select pg_sleep(0.2)");
        return (await client.query<{ pid: number }>(`${copying} and wait_event = 'ClientRead'`)).rows;
      });
      held = still.map(({ pid }) => pid).filter((pid) => seen.includes(pid));
      if (held.length > 0) return true;
      worker.signal("SIGCONT");
      return false;
    },
    () => "it was never stopped in the middle of a COPY",
    30_000,
  );
  return held;
}

/** All rows were loaded once as far as they count, and no schema of Godwit's own is left. */
async function expectProven(fleet: Fleet, job: Job): Promise<void> {
  const end = await fleet.store.job(job.id);
  expect(unprovenEntries(end?.counters ?? {})).toBe(0);
  expect(await askOf(end?.spec.target ?? "", "select from pg_namespace where nspname = 'godwit'")).toEqual([]);
  const repeated = await fleet.ask(
    `select a.chunk_id from attempts a join verdicts v on v.chunk_id = a.chunk_id and v.result = 'match'
      where a.job_id = $1 and a.stage = 'transfer' and a.started_at > v.at`,
    [job.id],
  );
  expect(repeated, "nothing verified is sent again").toEqual([]);
}
