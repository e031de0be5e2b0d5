import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/conformance/store-player.ts";
import { tempDir } from "../../../test/testbed/temp-dir.ts";
import { jobIds } from "../job-id.ts";
import { translate } from "./errors.ts";
import { openSqliteStore } from "./open.ts";

const options = { clock: new ManualClock(), newJobId: jobIds(() => 0.5) };
const fileIn = (directory: string): string => join(directory, "state", "godwit.db");

describe("opening the embedded store", () => {
  test("makes a directory and files that only their owner reads", async () => {
    const path = fileIn(tempDir());
    await using _ = await openSqliteStore({ path, ...options });
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    for (const suffix of ["", "-wal", "-shm"]) expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
  });

  test("refuses a file that is no database, or another program's, and leaves it as it is", async () => {
    const path = fileIn(tempDir());
    mkdirSync(dirname(path));
    writeFileSync(path, "these are a few notes, and by no means a database of anything".repeat(100));
    await expect(openSqliteStore({ path, ...options })).rejects.toMatchObject({ code: "state_unusable" });
    expect(statSync(path).size).toBe(6_100);

    const stranger = join(dirname(path), "stranger.db");
    const database = new DatabaseSync(stranger);
    database.exec("create table notes (text text)");
    database.close();
    await expect(openSqliteStore({ path: stranger, ...options })).rejects.toMatchObject({
      code: "state_unusable",
      what: expect.stringContaining("not one of Godwit's"),
    });
  });

  test("refuses a state of a later version", async () => {
    const path = fileIn(tempDir());
    await (await openSqliteStore({ path, ...options }))[Symbol.asyncDispose]();
    const database = new DatabaseSync(path);
    database.exec("update godwit_schema set version = 99");
    database.close();
    await expect(openSqliteStore({ path, ...options })).rejects.toMatchObject({ code: "state_version" });
  });

  test("brings a state of an earlier version up to date", async () => {
    const path = fileIn(tempDir());
    await (await openSqliteStore({ path, ...options }))[Symbol.asyncDispose]();
    const database = new DatabaseSync(path);
    database.exec(
      `drop table queue_floors; drop table sources; drop table grants; drop table budget_history;
       drop table tokens; drop table audit; drop table submissions; drop table gates; drop table signers; drop index chunks_failed;
       drop index verdicts_bad; drop index attempts_bad; drop index exceptions_chunk;
       drop index chunks_claim; alter table chunks drop column leased_at; alter table chunks drop column queued_at;
       alter table jobs drop column open_rows; alter table inbox drop column open_rows; alter table inbox drop column news;
       create index chunks_claim on chunks (job_id, phase, rank, slice_offset, id) where state = 'pending';
       create index chunks_open on chunks (job_id, phase) where stage <> 'done';
       create unique index attempts_lease on attempts (chunk_id, epoch);
       alter table progress drop column confirmed_bytes; alter table jobs drop column pace;
       alter table chunks drop column slice_rows;
       alter table jobs drop column limits; alter table jobs drop column terms;
       alter table jobs drop column priority; drop table workers; update godwit_schema set version = 1`,
    );
    database.exec(
      `insert into jobs values ('old', 0, 0, 0, '{}', 'complete', null, 1, null, 1, 0, '{}', null, null, 1, 0)`,
    );
    database.close();
    await using store = await openSqliteStore({ path, ...options });
    expect(await store.job("old")).toMatchObject({ runs: 1, limits: [], pace: [] });
  });

  test("says where a directory cannot be made", async () => {
    const directory = tempDir();
    writeFileSync(join(directory, "state"), "a file");
    await expect(openSqliteStore({ path: fileIn(directory), ...options })).rejects.toMatchObject({
      code: "state_unusable",
    });
  });

  test("a full disk is called a full disk", () => {
    const database = new DatabaseSync(":memory:");
    database.exec("create table t (x blob); pragma max_page_count = 3");
    let full: unknown;
    try {
      database.exec("insert into t values (zeroblob(1000000))");
    } catch (error) {
      full = translate(error, "/state");
    }
    expect(full).toMatchObject({ code: "disk_full", disposition: "fatal" });
    const other = new Error("no error of SQLite");
    expect(translate(other, "/state")).toBe(other);
  });
});

test("job ids sort by time, and can be told apart within a second", () => {
  const newId = jobIds(() => 0.999);
  expect(newId(Date.UTC(2026, 0, 31, 23, 59, 59))).toBe("20260131-235959-zzzz");
  expect(newId(0) < newId(1000)).toBe(true);
  expect(jobIds(() => 0)(0)).not.toBe(newId(0));
});
