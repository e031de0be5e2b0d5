/**
 * Bad input on the real program: one line with an error code and a hint on stderr, the right exit code, and nothing
 * half-done: no target that was not there, no job that never began.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { errorShape, jobsShape } from "../../src/cli/json-shapes.ts";
import { jobState } from "../testbed/job-state.ts";
import { asPlainUser, godwit, type ProgramEnd, type ProgramOptions, startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers, type S3Suite } from "../testbed/suites.ts";
import type { Place } from "../testbed/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

function bench(): Place {
  const root = tempDir("cli");
  const source = join(root, "source");
  mkdirSync(join(source, "inner"), { recursive: true });
  writeFileSync(join(source, "inner", "one.txt"), "one\n");
  writeFileSync(join(source, "two.txt"), "two\n");
  return { source, target: join(root, "target"), state: join(root, "state") };
}

/** The error and its hint: exactly two lines, and nothing on stdout. */
function expectRefusal(end: ProgramEnd, code: string, exitCode: number): void {
  expect(end).toMatchObject({ exitCode, stdout: "" });
  expect(end.stderr).toMatch(new RegExp(`^godwit: ${code}: [^\\n]+\\n {2}[^\\n]+\\n$`));
}

async function jobsOf(state: string): Promise<readonly unknown[]> {
  const listed = await godwit(["jobs", "--json"], { state });
  return jobsShape.parse(JSON.parse(listed.stdout)).jobs;
}

describe("a command line that is wrong", () => {
  const place = bench();
  test.each([
    [[]],
    [["move", "a", "b"]],
    [["copy"]],
    [["copy", "a"]],
    [["copy", "a", "b", "c"]],
    [["copy", "a", "b", "--fast"]],
    [["copy", "a", "b", "--chunk-size", "big"]],
    [["copy", "a", "b", "--chunk-size", "0"]],
    [["copy", "a", "b", "--limit", "-5MB/s"]],
    [["copy", "a", "b", "--limit"]],
    [["copy", "a", "b", "--workers", "none"]],
    [["copy", "a", "b", "--workers", "65"]],
    [["copy", "a", "b", "--verify", "never"]],
    [["copy", "a", "b", "--files-from", "/no/such/list"]],
    [["copy", "a", "b", "--source-evidence", "/no/such/list"]],
    [["copy", "a", "ftp://host/b"]],
    [["copy", "a", "s3://"]],
    [["copy", "", "b"]],
    [["check", "a", "b", "--durability", "none"]],
    [["sync", "a", "b", "--max-delete", "some"]],
    [["jobs", "--older-than", "soon"]],
    [["report", "x", "--format", "pdf"]],
    [["keys"]],
  ])("godwit %j is refused with usage and exit code 2", async (args) => {
    const end = await godwit(args, { state: place.state });
    expectRefusal(end, "usage", 2);
    expect(existsSync(place.state)).toBe(false);
  });

  test("with --json the error is a document, too", async () => {
    const end = await godwit(["copy", "a", "--json"], { state: place.state });
    expect(end.exitCode).toBe(2);
    expect(errorShape.parse(JSON.parse(end.stdout))).toMatchObject({ error: { code: "usage" }, exit_code: 2 });
  });
});

describe("places that are wrong", () => {
  test("a missing source: nothing is made, and no job is remembered", async () => {
    const { source, target, state } = bench();
    expectRefusal(await godwit(["copy", join(source, "gone"), target], { state }), "source_missing", 4);
    expectRefusal(await godwit(["sweep", join(source, "gone")], { state }), "target_missing", 4);
    expectRefusal(await godwit(["report", "verify", join(source, "gone.json")], { state }), "usage", 2);
    expect(existsSync(target)).toBe(false);
    expect(await jobsOf(state)).toEqual([]);
  });

  // There the system says that the directory is not there when one is to be made in it, however often it is asked.
  test.each(["/proc/godwit", "/proc/self/godwit/state"])("%s holds neither a state nor a target", async (path) => {
    const { source, target, state } = bench();
    const options = { timeoutMs: 20_000 };
    expectRefusal(await godwit(["copy", source, target], { state: path, ...options }), "state_unusable", 4);
    expectRefusal(await godwit(["keys", "rotate"], { state: path, ...options }), "state_unusable", 4);
    expectRefusal(await godwit(["copy", source, path], { state, ...options }), "target_unwritable", 4);
    expect(existsSync(target)).toBe(false);
  });

  test("a source that is a file is refused", async () => {
    const { source, target, state } = bench();
    expectRefusal(await godwit(["copy", join(source, "two.txt"), target], { state }), "source_missing", 4);
    expect(existsSync(target)).toBe(false);
  });

  test("a target that is a file is refused, and stays", async () => {
    const { source, target, state } = bench();
    writeFileSync(target, "keep me");
    expectRefusal(await godwit(["copy", source, target], { state }), "target_not_directory", 4);
    expect(readFileSync(target, "utf8")).toBe("keep me");
  });

  test("a target inside the source is refused, also behind a symbolic link", async () => {
    const { source, state } = bench();
    symlinkSync(source, `${source}-link`);
    expectRefusal(await godwit(["copy", source, join(source, "copy")], { state }), "target_inside_source", 2);
    expectRefusal(await godwit(["copy", source, `${source}-link/a/b`], { state }), "target_inside_source", 2);
    const excluded = ["copy", source, join(source, "copy"), "--exclude", "/copy/"];
    expectRefusal(await godwit(excluded, { state }), "target_inside_source", 2);
    expectRefusal(await godwit(["sync", source, `${source}-link`], { state }), "same_place", 2);
    expect(readdirSync(source)).toEqual(["inner", "two.txt"]);
  });

  test("a store that does not answer is given up after a while", async () => {
    const { source, state } = bench();
    const env = {
      AWS_ENDPOINT_URL: "http://127.0.0.1:9",
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
      AWS_REGION: "any",
    };
    expectRefusal(await godwit(["copy", source, "s3://bucket/x"], { state, env }), "store_unreachable", 4);
    expect(await jobsOf(state)).toEqual([]);
  });

  test("an unreadable directory fails the job; it is no empty directory", async () => {
    const { source, target, state } = bench();
    chmodSync(join(source, "inner"), 0);
    const end = await godwit(["copy", source, target], { state, through: asPlainUser });
    chmodSync(join(source, "inner"), 0o755);
    expect(end).toMatchObject({ exitCode: 4 });
    expect(end.stderr).toMatch(/^godwit: listing_failed: .*inner.*\n {2}\S.*\n$/);
  });

  test("an unreadable file is named; everything else arrives", async () => {
    const { source, target, state } = bench();
    chmodSync(join(source, "two.txt"), 0);
    const end = await godwit(["copy", source, target], { state, through: asPlainUser });
    expect(end).toMatchObject({ exitCode: 1 });
    expect(end.stderr).toMatch(/^godwit: unreadable: .*two\.txt.*\n {2}\S.*\n$/);
    expect(readFileSync(join(target, "inner", "one.txt"), "utf8")).toBe("one\n");
    expect(existsSync(join(target, "two.txt"))).toBe(false);
    chmodSync(join(source, "two.txt"), 0o644);
    expect((await godwit(["copy", source, target], { state })).exitCode).toBe(0);
    expect(fingerprint(target)).toEqual(fingerprint(source));
  });
});

describe("two processes on one job", () => {
  const slowly = ["--limit", "2MB/s", "--workers", "2"];

  async function startSlowly({ source, target, state }: Place): Promise<ReturnType<typeof startGodwit>> {
    makeTree(source, "two-processes", { large: [], small: 4_000, links: false });
    const running = startGodwit(["copy", source, target, ...slowly], { state });
    const isLed = async (): Promise<boolean> => {
      if (running.child.exitCode !== null) throw new Error(`it ended early: ${(await running.end).stderr}`);
      const listed = await godwit(["jobs", "--json"], { state });
      return jobsShape
        .parse(JSON.parse(listed.stdout))
        .jobs.some((job) => job.led_by !== null && job.status === "running");
    };
    await until(isLed, () => "no job was running");
    return running;
  }

  test("the second is refused, the first goes on; Ctrl-C stops it and the same command ends it", async () => {
    const place = bench();
    const { source, target, state } = place;
    const first = await startSlowly(place);
    expectRefusal(await godwit(["copy", source, target, ...slowly], { state }), "job_locked", 2);
    expectRefusal(await godwit(["resume", "2", ...slowly], { state }), "job_locked", 2);
    expectRefusal(await godwit(["copy", source, target, "--new"], { state }), "job_locked", 2);
    first.child.kill("SIGINT");
    expect(await first.end).toMatchObject({ exitCode: 3 });
    const other = await godwit(["copy", source, target, "--chunk-size", "8MiB"], { state });
    expectRefusal(other, "job_options_differ", 2);
    expect(other.stderr).toContain("(--chunk-size)");
    expect((await godwit(["copy", source, target], { state })).exitCode).toBe(0);
    expect(fingerprint(target)).toEqual(fingerprint(source));
  });

  test("pause stops it at a checkpoint, resume ends it", async () => {
    const place = bench();
    const first = await startSlowly(place);
    expect(await godwit(["pause", "2"], { state: place.state })).toMatchObject({ exitCode: 0 });
    expect(await first.end).toMatchObject({ exitCode: 3 });
    expect(await jobsOf(place.state)).toMatchObject([{ status: "paused", interrupted: false, led_by: null }]);
    expect(await godwit(["resume", "2"], { state: place.state })).toMatchObject({ exitCode: 0 });
    expect(fingerprint(place.target)).toEqual(fingerprint(place.source));
  });

  test("one that was killed shows as interrupted; cancel then removes what it staged, and it cannot be resumed", async () => {
    const place = bench();
    const first = await startSlowly(place);
    first.child.kill("SIGKILL");
    await first.end;
    const { state } = place;
    expect(await jobsOf(state)).toMatchObject([{ status: "running", interrupted: true, led_by: null }]);
    expect((await godwit(["jobs"], { state })).stdout).toContain("interrupted");
    expect(await godwit(["cancel", "2"], { state })).toMatchObject({ exitCode: 0 });
    const left = readdirSync(place.target, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".part"),
    );
    expect(left).toEqual([]);
    expectRefusal(await godwit(["resume", "2"], { state }), "job_state", 2);
    expect((await godwit(["jobs", "--prune", "--older-than", "0s"], { state })).exitCode).toBe(0);
    expect(await jobsOf(state)).toEqual([]);
  });
});

/** A file system of its own, gone with the process: nothing is left mounted. */
const inMounts =
  process.getuid?.() === 0 ? ["unshare", "--mount"] : ["unshare", "--user", "--map-root-user", "--mount"];
const canMount =
  spawnSync(inMounts[0] as string, [...inMounts.slice(1), "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

describe("a full disk", () => {
  test.skipIf(!canMount)("stops the job with exit code 3; with room it goes on to its proof", async () => {
    const { source, state } = bench();
    makeTree(source, "full-disk", { large: [], small: 3_000, links: false });
    const mount = tempDir("mount");
    const script = `mount -t tmpfs -o size=8m none "$0" && "$@"; echo "first: $?"; mount -o remount,size=80m "$0"; "$@"; echo "second: $?"`;
    const through = [...inMounts, "sh", "-c", script, mount];
    const end = await godwit(["copy", source, join(mount, "copy")], { state, through });
    expect(end.stdout).toContain("first: 3");
    expect(end.stderr).toMatch(/^godwit: disk_full: .+\n {2}\S/m);
    expect(end.stdout).toContain("complete and proven");
    expect(end.stdout).toContain("second: 0");
  });
});

function reaching(s3: S3Suite, state: string, more: Readonly<Record<string, string>> = {}): ProgramOptions {
  return { state, env: { ...s3.server().env(), ...more } };
}

describeOnServers("a store that refuses", (s3) => {
  test("no such bucket: nothing was started, in either direction", async () => {
    const { source, target, state } = bench();
    expectRefusal(await godwit(["copy", source, "s3://no-such-bucket/x"], reaching(s3, state)), "no_such_bucket", 4);
    expectRefusal(await godwit(["copy", "s3://no-such-bucket/x", target], reaching(s3, state)), "no_such_bucket", 4);
    expect(existsSync(target)).toBe(false);
    expect(await jobsOf(state)).toEqual([]);
  });

  test("no credentials at all", async () => {
    const { source, state } = bench();
    const none = {
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      HOME: "/nonexistent",
      AWS_CONFIG_FILE: "/nonexistent",
    };
    expectRefusal(await godwit(["copy", source, "s3://bucket/x"], reaching(s3, state, none)), "credentials_missing", 4);
  });
});

// moto checks no signatures.
describeOnServers(
  "a store that checks signatures",
  (s3) => {
    test("wrong credentials: refused before anything is read", async () => {
      const { source, target, state } = bench();
      const bucket = await s3.bucket();
      const wrong = { AWS_SECRET_ACCESS_KEY: "wrong" };
      expectRefusal(
        await godwit(["copy", source, `s3://${bucket}/x`], reaching(s3, state, wrong)),
        "credentials_rejected",
        4,
      );
      expectRefusal(
        await godwit(["copy", `s3://${bucket}/x`, target], reaching(s3, state, wrong)),
        "credentials_rejected",
        4,
      );
      expect(existsSync(target)).toBe(false);
      expect(await jobsOf(state)).toEqual([]);
    });
  },
  { servers: ["s3s"] },
);

// s3s-fs cannot list uploads.
describeOnServers(
  "a job that was killed in the middle of an upload",
  (s3) => {
    test("cancel aborts its uploads; what was published stays", async () => {
      const { source, state } = bench();
      makeTree(source, "cancel-upload", { large: [200 * 2 ** 20], small: 20, links: false });
      const bucket = await s3.bucket();
      const options = reaching(s3, state);
      const uploads = async (): Promise<number> => {
        const answer = await s3Request(s3.server(), { method: "GET", bucket, query: { uploads: "" } });
        return answer.body.toString().split("<UploadId>").length - 1;
      };
      const slowly = ["--limit", "10MB/s", "--workers", "2"];
      const running = startGodwit(["copy", source, `s3://${bucket}/x`, ...slowly], options);
      // Known to the job, too: an upload that dies before it is recorded is a matter for sweep.
      await until(
        async () => (await jobState(state).catch(() => null))?.chunks.some(({ staging }) => staging !== null) === true,
        () => "no upload was begun",
      );
      expect(await uploads()).toBe(1);
      running.child.kill("SIGKILL");
      await running.end;
      const refused = await godwit(["sweep", `s3://${bucket}/`, "--older-than", "0s"], options);
      expectRefusal(refused, "job_state", 2);
      expect(await godwit(["cancel", "2"], options)).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await uploads()).toBe(0);
    });
  },
  { servers: ["moto"] },
);
