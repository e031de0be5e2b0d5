/** The disk of the target fills up in the middle of a copy. Invariant 7: the job stops, says why, and goes on with room. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { accountOf } from "../testbed/database-server.ts";
import { databaseText } from "../testbed/database-text.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { godwit } from "../testbed/program.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fillDatabase } from "./database-place.ts";

/** A small disk, which the server may write to. */
function smallDisk(megabytes: number): string {
  const directory = tempDir("small");
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory]);
  onTestFinished(() => void execFileSync("umount", ["--lazy", directory]));
  const { uid, gid } = accountOf("postgres");
  if (uid !== undefined && gid !== undefined) chownSync(directory, uid, gid);
  chmodSync(directory, 0o700);
  return directory;
}

describeOnPostgres("a target whose disk is full", (postgres) => {
  test("stops the job with words, and the same command ends it proven once there is room", async () => {
    const from = await postgres.database();
    await fillDatabase(from);
    const disk = smallDisk(60);
    await onDatabase(from, (client) => client.query(`create tablespace small location '${disk}'`));
    await onDatabase(from, (client) => client.query("create database full_target tablespace small"));
    const to = from.replace(/[^/]*$/, "full_target");
    const state = tempDir("state");
    const args = ["copy", from, to, "--workers", "2", "--chunk-size", "4MiB"];
    const stopped = await godwit(args, { state });
    expect(stopped.exitCode, stopped.stderr).toBe(3);
    expect(stopped.stderr).toContain("disk_full");
    execFileSync("mount", ["-o", "remount,size=1g", disk]);
    const end = await godwit(args, { state });
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to)).toEqual(databaseText(from));
    await onDatabase(from, (client) => client.query("drop database full_target with (force)"));
    await onDatabase(from, (client) => client.query("drop tablespace small"));
  }, 120_000);
});
