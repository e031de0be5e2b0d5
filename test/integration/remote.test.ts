/** The commands on a server, each beside the same command on this machine: what they say, and how they end. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import * as shape from "../../src/cli/json-shapes.ts";
import { godwit, type ProgramEnd, startGodwit } from "../testbed/program.ts";
import { type Served, startServe } from "../testbed/serve.ts";
import { until } from "../testbed/server-process.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

const MB = 1_000_000;

interface Bench {
  readonly dir: string;
  readonly source: string;
  readonly served: Served;
  /** A command on the server. */
  readonly there: (...args: readonly string[]) => Promise<ProgramEnd>;
  /** The same on this machine. */
  readonly here: (...args: readonly string[]) => Promise<ProgramEnd>;
  /** How the server is named on the command line. */
  readonly named: readonly string[];
  /** A path of its own. */
  readonly path: (name: string) => string;
}

let source = "";
beforeAll(() => {
  source = tempDir("remote-source");
  makeTree(source, "remote", { large: [20 * MB], small: 60, links: true });
});

async function bench(): Promise<Bench> {
  const dir = tempDir("remote");
  const served = await startServe(join(dir, "server"));
  await until(
    () => served.said().includes("\n"),
    () => "no token was told",
  );
  const tokenFile = join(dir, "token");
  writeFileSync(tokenFile, `${served.token()}\n`);
  const named = ["--server", served.address, "--token-file", tokenFile];
  const state = join(dir, "local");
  return {
    dir,
    source,
    served,
    named,
    there: (...args) => godwit([...args, ...named], { state }),
    here: (...args) => godwit(args, { state }),
    path: (name) => join(dir, name),
  };
}

async function answerOf<T>(schema: z.ZodType<T>, running: Promise<ProgramEnd>, exitCode = 0): Promise<T> {
  const end = await running;
  expect(end, end.stderr).toMatchObject({ exitCode });
  return schema.parse(JSON.parse(end.stdout));
}

/** What no two jobs have in common, and what depends on how far apart checkpoints are. */
function comparable(job: z.output<typeof shape.jobShape>): object {
  const { job_id: _, target: __, created_at: ___, ended_at: ____, ...rest } = job;
  return rest;
}

/** One error with its hint, and nothing else. */
function expectRefusal(end: ProgramEnd, code: string, exitCode: number, words = ""): void {
  expect(end).toMatchObject({ exitCode, stdout: "" });
  expect(end.stderr).toMatch(new RegExp(`^godwit: ${code}: [^\\n]*${words}[^\\n]*\\n {2}[^\\n]+\\n$`));
}

/** Text with what differs from job to job taken out of it. */
function plain(text: string, id: string, target: string): string {
  return text
    .replaceAll(id, "ID")
    .replaceAll(target, "TARGET")
    .replaceAll(/in [\d.]+ (?:ms|s)/g, "in TIME");
}

test("copy, check and sync say the same on a server as here, and end with the same exit codes", async () => {
  const { there, here, path, named } = await bench();
  const [a, b] = [path("a"), path("b")];
  const options = ["--json", "--file-digest", "--chunk-size", "4MiB", "--exclude", "*small 1*"];
  const mine = await answerOf(shape.jobShape, here("copy", source, a, ...options, "--reconcile"));
  const theirs = await answerOf(shape.jobShape, there("copy", source, b, ...options));
  expect(comparable(theirs)).toEqual(comparable(mine));
  expect(fingerprint(b)).toEqual(fingerprint(a));
  // The same command again is another job once the first has ended: everything is there.
  const text = [await here("copy", source, a), await there("copy", source, b)].map(({ stdout }) => stdout);
  const ids = text.map((said) => /copy (\S+):/.exec(said)?.[1] ?? "");
  const [said, saidThere] = [plain(text[0] ?? "", ids[0] ?? "", a), plain(text[1] ?? "", ids[1] ?? "", b)];
  expect(saidThere.split("\n").slice(0, 2)).toEqual(said.split("\n").slice(0, 2));
  expect(saidThere).toContain(`godwit report ID --server ${named[1]}`);

  expect(comparable(await answerOf(shape.jobShape, there("check", source, b, "--json")))).toEqual(
    comparable(await answerOf(shape.jobShape, here("check", source, a, "--json"))),
  );
  for (const target of [a, b]) writeFileSync(join(target, "large-0.bin"), "other");
  const differing = await answerOf(shape.jobShape, there("check", source, b, "--json"), 1);
  expect(comparable(differing)).toEqual(
    comparable(await answerOf(shape.jobShape, here("check", source, a, "--json"), 1)),
  );
  expect((await there("check", source, b)).stderr).toBe((await here("check", source, a)).stderr);

  for (const target of [a, b]) writeFileSync(join(target, "extra"), "extra");
  const guarded = await there("sync", source, b, "--delete", "--max-delete", "0", "--json");
  expect(guarded.exitCode).toBe(4);
  expect(guarded.stderr).toBe((await here("sync", source, a, "--delete", "--max-delete", "0", "--json")).stderr);
  const synced = await answerOf(shape.jobShape, there("sync", source, b, "--delete", "--new", "--json"));
  const local = here("sync", source, a, "--delete", "--new", "--reconcile", "--json");
  expect(comparable(synced)).toEqual(comparable(await answerOf(shape.jobShape, local)));
  expect([synced.deleted, existsSync(join(b, "extra"))]).toEqual([1, false]);
});

test("a job is submitted, looked at, paused, resumed, followed by a second command, and reported", async () => {
  const { there, here, path, dir } = await bench();
  const target = path("copy");
  const slow = ["copy", source, target, "--limit", "1MB/s", "--priority", "low"];
  const submitted = await there(...slow, "--detach");
  expect(submitted).toMatchObject({ exitCode: 0, stderr: "" });
  const id = submitted.stdout.trim();
  const { jobs, pruned } = await answerOf(shape.jobsShape, there("jobs", "--json"));
  expect([jobs.map(({ job_id: each }) => each), pruned]).toEqual([[id], []]);
  expect((await there("jobs")).stdout).toContain(`${source} → ${target}`);
  const paused = await answerOf(shape.jobShape, there("pause", id, "--json"));
  expect(paused).toMatchObject({ status: "paused", exit_code: 3, interrupted: false, led_by: null });
  expect((await there("status", id.slice(0, 13))).stdout).toContain(`godwit resume ${id}`);
  const resumed = await answerOf(shape.jobShape, there("resume", id, "--detach", "--json"));
  expect(resumed).toMatchObject({ job_id: id, exit_code: 3 });

  // The same command finds the job, and its new limit holds.
  const followed = await there("copy", source, target, "--limit", "500MB/s", "--report", path("report.json"));
  expect(followed, followed.stderr).toMatchObject({ exitCode: 0 });
  expect(followed.stderr).toMatch(new RegExp(`^following ${id}\n`));
  expect(followed.stdout).toContain("complete and proven");
  expect(followed.stdout).toContain("report.json: pass");
  expect(fingerprint(target)).toEqual(fingerprint(source));
  expectRefusal(await there("resume", id), "job_state", 2);
  expectRefusal(await there("pause", id), "job_state", 2);

  const key = path("key.pem");
  const exported = await answerOf(shape.keysShape, there("keys", "export", "--output", key, "--json"));
  const shown = await answerOf(shape.keysShape, there("keys", "show", "--json"));
  expect(shown.keys).toEqual(exported.keys);
  const file = path("again.json");
  const written = await answerOf(shape.writtenShape, there("report", id, "--output", file, "--json"));
  expect(written).toEqual({ file, job_id: id, format: "json", overall_status: "pass", without_digest: 0 });
  expect(readFileSync(file)).toEqual(readFileSync(path("report.json")));
  expect((await there("report", id)).stdout).toBe(readFileSync(file, "utf8"));
  const verified = here("report", "verify", file, "--key", key, "--json");
  expect(await answerOf(shape.verifiedReportShape, verified)).toMatchObject({ signer: "known", job_id: id });

  const sums = await there("report", id, "--format", "sha256sum", "--output", path("SUMS"), "--json");
  expect(await answerOf(shape.writtenShape, Promise.resolve(sums))).toMatchObject({ without_digest: 2 });
  // A large file without a digest of its own whole content, and one of the two names of a hard link.
  expect(sums.stderr.trim().split("\n").toSorted()).toEqual([
    "large-0.bin",
    expect.stringMatching(/^many\/deep\/(?:er\/hard|small 0\.dat)$/),
  ]);
  execFileSync("sha256sum", ["--check", "--strict", "--quiet", join(dir, "SUMS")], { cwd: target });
  expect((await there("report", id, "--format", "html")).stdout).toContain("<html");
});

test("Ctrl-C leaves the job to the server and says how to go on; one that is cancelled meanwhile ends with 4", async () => {
  const { there, path, named } = await bench();
  const command = ["copy", source, path("copy"), "--limit", "1MB/s", "--json", ...named];
  const state = path("local");
  const first = startGodwit(command, { state });
  const isThere = async (): Promise<boolean> => (await there("jobs")).stdout.includes("running");
  await until(isThere, () => "the job does not begin");
  first.child.kill("SIGINT");
  const detached = await first.end;
  expect(detached.exitCode, detached.stderr).toBe(3);
  const { job_id: id, exit_code: code } = shape.jobShape.parse(JSON.parse(detached.stdout));
  expect(code).toBe(3);
  for (const words of [`detached: job ${id}`, `godwit status ${id} --server`, `godwit pause ${id} --server`])
    expect(detached.stderr).toContain(words);
  const second = startGodwit(
    command.filter((word) => word !== "--json"),
    { state },
  );
  let said = "";
  second.child.stderr?.on("data", (words: string) => (said += words));
  await until(
    () => said.includes(`following ${id}`),
    () => "the job is not found again",
  );
  await answerOf(shape.jobShape, there("cancel", id, "--json"));
  const ended = await second.end;
  expect([ended.exitCode, ended.signal], ended.stderr).toEqual([4, null]);
});

test("a job that somebody pauses ends the command that follows it with 3, and its last words are the server's", async () => {
  const { there, path, named } = await bench();
  const running = startGodwit(["copy", source, path("copy"), "--limit", "1MB/s", ...named], { state: path("local") });
  const isThere = async (): Promise<boolean> => (await there("jobs")).stdout.includes("running");
  await until(isThere, () => "the job does not begin");
  const { jobs } = await answerOf(shape.jobsShape, there("jobs", "--json"));
  await there("pause", jobs[0]?.job_id ?? "");
  const end = await running.end;
  expect(end.exitCode, end.stderr).toBe(3);
  expect(end.stdout).toContain("the same command resumes it");
});

describe("what a server cannot do is refused, and nothing is started", () => {
  const cases: readonly [string, readonly string[], string, string][] = [
    ["a state directory", ["jobs", "--state", "x"], "usage", "--state"],
    ["pruning", ["jobs", "--prune"], "usage", "--prune"],
    ["a list of files", ["copy", "/a", "/b", "--files-from", "/x"], "usage", "--files-from"],
    ["a dry run", ["copy", "/a", "/b", "--dry-run"], "usage", "--dry-run"],
    ["a list of checksums", ["copy", "/a", "/b", "--source-evidence", "/x"], "usage", "--source-evidence"],
    ["a relative path", ["copy", "a", "/b"], "usage", "a is no place"],
    ["a place in itself", ["copy", "/a", "/a/b"], "request_invalid", "target_path"],
    [
      "evidence of a directory",
      ["copy", "/a", "/b", "--source-evidence", "store"],
      "request_invalid",
      "source_evidence",
    ],
    ["a check that reads again", ["check", "/a", "/b", "--limit", "1B/s"], "request_invalid", "throughput_limit"],
    ["a job that is not there", ["status", "none"], "job_unknown", "none"],
    ["a name that no job has", ["status", "a/b"], "job_unknown", "a/b"],
  ];
  let served: Bench | null = null;
  test("all of them", async () => {
    served = await bench();
    for (const [what, args, code, words] of cases) {
      const end = await served.there(...args);
      expect([end.exitCode, end.stdout], `${what}: ${end.stderr}`).toEqual([2, ""]);
      expect(end.stderr, what).toMatch(new RegExp(`^godwit: ${code}: .*${words}`));
    }
    expect((await answerOf(shape.jobsShape, served.there("jobs", "--json"))).jobs).toEqual([]);
    for (const args of [
      ["copy", "/a", "/b", "--detach"],
      ["copy", "/a", "/b", "--priority", "low"],
      ["jobs", "--ca", "/x"],
      ["resume", "x", "--token-file", "/x"],
    ])
      expectRefusal(await served.here(...args), "usage", 2, "no");
  });
});

test("an unfinished job is not doubled: other options and --new are refused by name", async () => {
  const { there, path } = await bench();
  const slow = ["copy", source, path("copy"), "--limit", "1MB/s"];
  await there(...slow, "--detach");
  expectRefusal(await there(...slow, "--chunk-size", "8MiB", "--detach"), "job_options_differ", 2, "chunk_bytes");
  expectRefusal(await there(...slow, "--no-reconcile", "--detach"), "job_options_differ", 2, "reconcile");
  expectRefusal(await there(...slow, "--new"), "job_exists", 2);
  const { jobs } = await answerOf(shape.jobsShape, there("jobs", "--json"));
  expect(jobs).toHaveLength(1);
});

test("the environment names the server and the token; tokens are held to their roles", async () => {
  const { served, path } = await bench();
  const state = path("local");
  mkdirSync(state);
  const tokenOf = async (role: string): Promise<string> => {
    const answer = await fetch(`${served.address}/tokens`, {
      method: "POST",
      headers: { authorization: `Bearer ${served.token()}`, "content-type": "application/json" },
      body: JSON.stringify({ name: role, role }),
    });
    return ((await answer.json()) as { token: string }).token;
  };
  const env = (token: string): Readonly<Record<string, string>> => ({
    GODWIT_SERVER: served.address,
    GODWIT_TOKEN: token,
  });
  const viewer = { state, env: env(await tokenOf("viewer")) };
  const operator = { state, env: env(await tokenOf("operator")) };
  expectRefusal(await godwit(["copy", source, path("a"), "--detach"], viewer), "role_insufficient", 2, "operator");
  expect((await godwit(["copy", source, path("a"), "--detach"], operator)).exitCode).toBe(0);
  expect((await godwit(["jobs"], viewer)).stdout).toContain(path("a"));
  const { jobs } = await answerOf(shape.jobsShape, godwit(["jobs", "--json"], viewer));
  const id = jobs[0]?.job_id ?? "";
  expectRefusal(await godwit(["pause", id], viewer), "role_insufficient", 2);
  expect((await godwit(["report", id], viewer)).exitCode).toBe(0);
  expectRefusal(await godwit(["jobs"], { state, env: env("godwit_0_x") }), "token_invalid", 2);
  expectRefusal(await godwit(["jobs"], { state, env: { GODWIT_SERVER: served.address } }), "token_invalid", 2);
  expectRefusal(await godwit(["jobs"], { state, env: env("two words") }), "usage", 2, "GODWIT_TOKEN");
  // An empty name is none: the command runs here.
  expect((await godwit(["jobs"], { state, env: { ...env("x"), GODWIT_SERVER: "" } })).stdout).toBe("no jobs yet\n");
});
