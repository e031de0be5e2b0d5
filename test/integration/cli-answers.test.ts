/** What the commands answer on real jobs, held to the documented shapes. */
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import * as shape from "../../src/cli/json-shapes.ts";
import { asPlainUser, godwit, type ProgramEnd, startGodwit } from "../testbed/program.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { repositoryRoot } from "../testbed/tools.ts";
import { fingerprint } from "../testbed/trees.ts";

const examples = join(repositoryRoot, "examples", "tree");

async function answerOf<T>(schema: z.ZodType<T>, running: Promise<ProgramEnd>, exitCode = 0): Promise<T> {
  const end = await running;
  expect(end, end.stderr).toMatchObject({ exitCode });
  return schema.parse(JSON.parse(end.stdout));
}

test("a report says the same of the read limit at the end of the run and afterwards", async () => {
  const root = tempDir("limited");
  const [atEnd, later] = [join(root, "end.json"), join(root, "later.json")];
  const run = (...args: readonly string[]): Promise<ProgramEnd> => godwit(args, { state: join(root, "state") });
  const copy = run("copy", examples, join(root, "copy"), "--limit", "50MB/s", "--report", atEnd, "--json");
  const { job_id: id, source_bytes_read: bytes } = await answerOf(shape.jobShape, copy);
  await answerOf(shape.writtenShape, run("report", id, "--output", later, "--json"));
  const { body } = JSON.parse(readFileSync(later, "utf8")) as { body: Record<string, unknown> };
  expect(body["limits"]).toMatchObject({
    state: "capped",
    source_bytes_per_second: 50_000_000,
    runs: [{ source_bytes_per_second: 50_000_000, source_bytes_read: bytes }],
  });
  expect(readFileSync(later, "utf8")).toBe(readFileSync(atEnd, "utf8"));
});

test("with --file-digest sha256sum can check every file, whatever its size", async () => {
  const root = tempDir("sums");
  const [source, target] = [join(root, "source"), join(root, "copy")];
  mkdirSync(source);
  for (const [name, size] of Object.entries({ empty: 0, small: 10, middle: 9_000_000, large: 70_000_000 }))
    writeFileSync(join(source, name), Buffer.alloc(size, name));
  const run = (...args: readonly string[]): Promise<ProgramEnd> => godwit(args, { state: join(root, "state") });
  const { job_id: id } = await answerOf(shape.jobShape, run("copy", source, target, "--file-digest", "--json"));
  const { stdout, stderr } = await run("report", id, "--format", "sha256sum");
  expect(stderr).toBe("");
  writeFileSync(join(root, "SUMS"), stdout);
  const checked = execFileSync("sha256sum", ["-c", "../SUMS"], { cwd: target, encoding: "utf8" });
  expect(checked.trim().split("\n").toSorted()).toEqual(["empty: OK", "large: OK", "middle: OK", "small: OK"]);

  const plain = await answerOf(shape.jobShape, run("copy", source, join(root, "other"), "--json"));
  const some = await run("report", plain.job_id, "--format", "sha256sum");
  expect(some.stdout.trim().split("\n")).toHaveLength(2);
  expect(some.stderr).toBe(
    "large\nmiddle\n2 files have no digest of the whole content: a copy with --file-digest gives one to each\n",
  );
});

describe("one job from its plan to its report", () => {
  const root = tempDir("answers");
  const state = join(root, "state");
  const target = join(root, "copy");
  const run = (...args: readonly string[]): Promise<ProgramEnd> => godwit(args, { state });
  let id = "";

  test("its dry run makes nothing, and then it is done as planned", async () => {
    const planned = await answerOf(shape.dryRunShape, run("copy", examples, target, "--dry-run", "--json"));
    expect(planned.plan.move).toEqual(planned.plan.listed);
    expect(planned.not_carried).toEqual([]);
    expect(existsSync(target)).toBe(false);
    expect(existsSync(state)).toBe(false);
    const report = join(root, "first.html");
    const job = await answerOf(shape.jobShape, run("copy", examples, target, "--json", "--report", report));
    expect(job).toMatchObject({ status: "complete", interrupted: false, led_by: null, listed: planned.plan.listed });
    expect(readFileSync(report, "utf8")).toContain("<html");
    expect(fingerprint(target)).toEqual(fingerprint(examples));
    id = job.job_id;
  });

  test("jobs and status show it", async () => {
    const { jobs } = await answerOf(shape.jobsShape, run("jobs", "--json"));
    const mine = jobs.find((job) => job.job_id === id);
    expect(await answerOf(shape.jobShape, run("status", id, "--json"))).toEqual(mine);
    expect((await run("status", id)).stdout).toContain("complete");
    expect((await run("jobs")).stdout).toContain(`${examples} → ${target}`);
  });

  test("its report is intact; one edited digit is found, and so is another signer", async () => {
    const file = join(root, "report.json");
    const written = await answerOf(shape.writtenShape, run("report", id, "--output", file, "--json"));
    expect(written).toMatchObject({ file, overall_status: "pass" });
    const verified = await answerOf(shape.verifiedReportShape, run("report", "verify", file, "--json"));
    expect(verified).toMatchObject({ signer: "unknown", job_id: id, overall_status: "pass" });
    const key = join(root, "key.pem");
    const exported = await answerOf(shape.keysShape, run("keys", "export", "--output", key, "--json"));
    expect(exported.keys).toMatchObject([{ key_id: verified.key_id, is_current: true }]);
    const known = await answerOf(shape.verifiedReportShape, run("report", "verify", file, "--key", key, "--json"));
    expect(known.signer).toBe("known");
    expect((await run("report", "verify", file)).stdout).toContain("intact, signer unknown");

    const altered = join(root, "altered.json");
    writeFileSync(altered, readFileSync(file, "utf8").replace('"size_bytes":20000', '"size_bytes":20001'));
    const found = await run("report", "verify", altered);
    expect(found).toMatchObject({ exitCode: 1, stdout: "" });
    expect(found.stderr).toMatch(/^godwit: report_altered: /);

    const rotated = await answerOf(shape.rotatedShape, run("keys", "rotate", "--json"));
    expect(rotated.before).toBe(verified.key_id);
    const keys = await answerOf(shape.keysShape, run("keys", "show", "--json"));
    expect(keys.keys.map((one) => one.key_id)).toEqual([rotated.key_id, verified.key_id]);
    const again = join(root, "again.json");
    await run("report", id, "--output", again);
    const other = await run("report", "verify", again, "--key", key);
    expect(other).toMatchObject({ exitCode: 1, stdout: "" });
    expect(other.stderr).toMatch(/^godwit: report_signer: /);
  });

  test("its sums are what sha256sum takes", async () => {
    const sums = await run("report", id, "--format", "sha256sum");
    expect(sums.exitCode).toBe(0);
    writeFileSync(join(root, "SUMS"), sums.stdout);
    execFileSync("sha256sum", ["--check", "--strict", "--quiet", join(root, "SUMS")], { cwd: target });
  });

  test("a second copy finds everything there; check agrees until a byte differs", async () => {
    const again = await answerOf(shape.jobShape, run("copy", examples, target, "--json"));
    expect(again).toMatchObject({ status: "complete", bytes_transferred: 0 });
    await answerOf(shape.jobShape, run("check", examples, target, "--json"));
    writeFileSync(join(target, "documents", "count.csv"), "name,birds\nGodwit,1\nKnot,13\nDunlin,30\n");
    const differing = await answerOf(shape.jobShape, run("check", examples, target, "--json"), 1);
    expect(differing.outcomes.different).toEqual({ entries: 1, bytes: 38 });
    expect((await run("check", examples, target)).stderr).toContain("documents/count.csv");
  });

  test("sync --delete is planned before it is done, and guarded", async () => {
    writeFileSync(join(target, "extra.txt"), "only here");
    const planned = await answerOf(shape.dryRunShape, run("sync", examples, target, "--delete", "--dry-run", "--json"));
    expect(planned.plan.delete).toEqual({ entries: 1, bytes: 9 });
    expect(existsSync(join(target, "extra.txt"))).toBe(true);
    const over = await run("sync", examples, target, "--delete", "--max-delete", "0", "--dry-run");
    expect(over.exitCode).toBe(0);
    expect(over.stdout).toContain("more than --max-delete 0 allows");
    const guarded = await run("sync", examples, target, "--delete", "--max-delete", "0");
    expect(guarded.exitCode).toBe(4);
    expect(guarded.stderr).toMatch(/^godwit: too_many_deletes: /m);
    expect(existsSync(join(target, "extra.txt"))).toBe(true);
    const done = await answerOf(shape.jobShape, run("sync", examples, target, "--delete", "--new", "--json"));
    expect(done.deleted).toBe(1);
    expect(existsSync(join(target, "extra.txt"))).toBe(false);
  });

  test("doctor and sweep answer", async () => {
    const found = await answerOf(shape.doctorShape, run("doctor", examples, join(root, "new"), "--json"));
    expect(found.problems).toBe(0);
    expect(existsSync(join(root, "new"))).toBe(false);
    const missing = await answerOf(shape.doctorShape, run("doctor", join(root, "gone"), target, "--json"), 1);
    expect(missing.findings.some(({ place, level }) => place === "source" && level === "problem")).toBe(true);
    expect(missing.findings.map(({ error }) => error?.code)).toContain("source_missing");
    const orphan = join(target, `.godwit.${"0".repeat(32)}.part`);
    writeFileSync(orphan, "half a file");
    const named = await answerOf(shape.sweptShape, run("sweep", target, "--older-than", "0s", "--dry-run", "--json"));
    expect(named.orphans).toMatchObject([{ removed: false, size_bytes: 11 }]);
    const young = await answerOf(shape.sweptShape, run("sweep", target, "--json", "--state", join(root, "other")));
    expect(young.orphans).toEqual([]);
    const swept = await answerOf(
      shape.sweptShape,
      run("sweep", target, "--older-than", "0s", "--json", "--state", join(root, "other")),
    );
    expect(swept.orphans).toMatchObject([{ removed: true }]);
    expect(existsSync(orphan)).toBe(false);
  });

  test("--version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
    expect(await run("--version")).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  });

  test("every command explains itself with an example", async () => {
    for (const name of [
      "copy",
      "sync",
      "check",
      "jobs",
      "status",
      "pause",
      "resume",
      "cancel",
      "report",
      "sweep",
      "doctor",
    ]) {
      const help = await run(name, "--help");
      expect(help.exitCode).toBe(0);
      expect(help.stdout).toContain(`Examples:\n  godwit ${name}`);
    }
  });
});

describeOnServers("a dry run to a bucket", (s3) => {
  test("names every entry and feature that the bucket cannot hold, and writes nothing", async () => {
    const source = tempDir("odd");
    mkdirSync(join(source, "inner"));
    writeFileSync(join(source, "plain.txt"), "plain");
    linkSync(join(source, "plain.txt"), join(source, "twin.txt"));
    symlinkSync("plain.txt", join(source, "inner", "link"));
    writeFileSync(Buffer.concat([Buffer.from(`${source}/odd-`), Buffer.from([0xff])]), "odd");
    const bucket = await s3.bucket();
    const state = join(tempDir("state"), "unused");
    const env = s3.server().env();
    const planned = await answerOf(
      shape.dryRunShape,
      godwit(["copy", source, `s3://${bucket}/x`, "--dry-run", "--json"], { state, env }),
    );
    const named = planned.not_carried.map(({ type, path }) => `${type} ${path}`).toSorted();
    expect(named).toEqual(
      ["becomes twin.txt", "loses twin.txt", "unsupported inner/link", "unsupported odd-\\xff"].toSorted(),
    );
    expect(planned.plan.unsupported).toEqual({ entries: 2, bytes: 3 });
    const text = await godwit(["copy", source, `s3://${bucket}/x`, "--dry-run"], { state, env });
    expect(text.stdout).toContain("unsupported: inner/link: kind_unsupported");
    const empty = await answerOf(
      shape.dryRunShape,
      godwit(["copy", `s3://${bucket}/`, join(source, "back"), "--dry-run", "--json"], { state, env }),
    );
    expect(empty.plan.listed).toEqual({ entries: 0, bytes: 0 });
    expect(existsSync(state)).toBe(false);
  });
});

test("a reader that is gone before the last word was written is no error", async () => {
  for (const args of [
    ["serve", "--help"],
    ["copy", "--help"],
  ]) {
    const { child, end } = startGodwit(args, { state: tempDir("state") });
    child.stdout?.destroy();
    expect(await end, args.join(" ")).toMatchObject({ exitCode: 0, stderr: "" });
  }
});

test("a report that could not be written is refused before the job, with exit code 2", async () => {
  const [state, source, readOnly] = [tempDir("state"), tempDir("source"), tempDir("read-only")];
  const target = join(tempDir("target"), "new");
  chmodSync(readOnly, 0o555);
  for (const [options, words] of [
    [["--report", join(source, "none", "r.json")], "there is no directory"],
    [["--report", source], "is a directory"],
    [["--report", join(readOnly, "r.json")], "cannot be written to"],
    [["--report", join(state, "r.json"), "--dry-run"], "a dry run makes no report"],
  ] as const) {
    const end = await godwit(["copy", source, target, ...options], { state, through: asPlainUser });
    expect(end, end.stderr).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(words) as unknown });
  }
  expect(existsSync(target)).toBe(false);
});
