/** What `sync --delete` removes, and what it leaves: on the real program and real directories. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { dryRunShape, jobShape, jobsShape } from "../../src/cli/json-shapes.ts";
import { godwit, type ProgramEnd } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";

class Bench {
  readonly #root = tempDir("delete");
  readonly source = join(this.#root, "source");
  readonly target = join(this.#root, "target");
  readonly state = join(this.#root, "state");
  readonly list = join(this.#root, "list");

  constructor(source: readonly string[], target: readonly string[]) {
    this.put(this.source, source);
    this.put(this.target, target);
  }

  /** A name that ends in a slash is a directory; a file holds its own name. */
  put(root: string, names: readonly string[]): void {
    mkdirSync(root, { recursive: true });
    for (const name of names) {
      const path = join(root, name);
      mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
      if (!name.endsWith("/")) writeFileSync(path, name);
    }
  }

  wants(...paths: readonly string[]): void {
    writeFileSync(this.list, `${paths.join("\n")}\n`);
  }

  run(kind: "sync" | "check", ...args: readonly string[]): Promise<ProgramEnd> {
    return godwit([kind, this.source, this.target, ...args], { state: this.state });
  }

  /** Files and directories of the target, in byte order. */
  get left(): readonly string[] {
    return readdirSync(this.target, { recursive: true, encoding: "utf8" }).toSorted();
  }
}

/** Root reads every file, unless it gives up the right to. */
const asPlainUser = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];

describe("while entries of the source did not arrive", () => {
  test("nothing is deleted: a file that was renamed and cannot be read keeps its old name on the target", async () => {
    const bench = new Bench(["a", "new"], ["a", "old", "olddir/x"]);
    chmodSync(join(bench.source, "new"), 0);
    const report = join(bench.state, "report.json");
    const args = ["sync", bench.source, bench.target, "--delete", "--json", "--report", report];
    const end = await godwit(args, { state: bench.state, through: asPlainUser });
    expect(end, end.stderr).toMatchObject({ exitCode: 1 });
    expect(bench.left).toEqual(["a", "old", "olddir", "olddir/x"]);
    const job = jobShape.parse(JSON.parse(end.stdout));
    expect(job).toMatchObject({ status: "complete", deleted: 0, deletions_failed: 3 });
    expect(job.outcomes["failed"]?.entries).toBe(1);
    expect(end.stderr).toMatch(
      /^godwit: deletion_withheld: .*old was not deleted: 1 entry of the source did not arrive/m,
    );
    const { body } = JSON.parse(readFileSync(report, "utf8")) as { body: Record<string, unknown> };
    expect(body).toMatchObject({ overall_status: "fail", totals: { deletions: { deleted: 0, failed: 3 } } });
    chmodSync(join(bench.source, "new"), 0o644);
    expect(await bench.run("sync", "--delete")).toMatchObject({ exitCode: 0 });
    expect(bench.left).toEqual(["a", "new"]);
  });

  test("what the target cannot hold counts as well, until it is excluded", async () => {
    const bench = new Bench(["a"], ["a", "old"]);
    execFileSync("mkfifo", [join(bench.source, "pipe")]);
    expect(await bench.run("sync", "--delete")).toMatchObject({ exitCode: 1 });
    expect(bench.left).toEqual(["a", "old"]);
    expect(await bench.run("sync", "--delete", "--exclude", "pipe")).toMatchObject({ exitCode: 0 });
    expect(bench.left).toEqual(["a"]);
  });
});

test("--max-delete holds for the whole job, however often it is resumed", async () => {
  const names = Array.from({ length: 9_000 }, (_, index) => `x${index}`);
  const bench = new Bench(["a"], names);
  for (let run = 1; run <= 2; run += 1) {
    const end = await bench.run("sync", "--delete", "--max-delete", "5000");
    expect(end, end.stderr).toMatchObject({ exitCode: 4 });
    expect(end.stderr).toMatch(/^godwit: too_many_deletes: more than 5000 entries/m);
  }
  // Whether `a` has arrived by the time that the plan is refused is a matter of speed.
  expect(bench.left.filter((name) => name.startsWith("x"))).toEqual(names.toSorted());
});

test("a directory is removed after those in it, however many there are", async () => {
  const names = Array.from({ length: 4_200 }, (_, index) => `d/${index}/`);
  const bench = new Bench(["a"], names);
  for (const workers of ["1", "3"]) {
    bench.put(bench.target, names);
    const end = await bench.run("sync", "--delete", "--max-delete", "9000", "--workers", workers);
    expect(end, end.stderr).toMatchObject({ exitCode: 0 });
    expect(bench.left).toEqual(["a"]);
  }
});

describe("with --files-from", () => {
  const files = ["a", "b", "d/x", "d/y"];
  const listed = ["--delete", "--files-from"] as const;

  test("what is not in the list stays, on either side", async () => {
    const bench = new Bench(files, [...files, "only/target"]);
    bench.wants("a", "d/x");
    const dry = await bench.run("sync", ...listed, bench.list, "--dry-run", "--json");
    expect(dryRunShape.parse(JSON.parse(dry.stdout)).plan.delete.entries).toBe(0);
    const end = await bench.run("sync", ...listed, bench.list, "--json");
    expect(end, end.stderr).toMatchObject({ exitCode: 0 });
    expect(jobShape.parse(JSON.parse(end.stdout)).deleted).toBe(0);
    expect(bench.left).toEqual(["a", "b", "d", "d/x", "d/y", "only", "only/target"]);
  });

  test("a listed path that the source no longer has is removed; that is no exception, nor is it the second time", async () => {
    const bench = new Bench(files, [...files, "gone", "d/gone", "e/gone", "e/kept", "f/x"]);
    bench.wants("a", "gone", "d/gone", "e/gone", "f", "f/x", "never");
    const dry = await bench.run("sync", ...listed, bench.list, "--dry-run", "--json");
    expect(dryRunShape.parse(JSON.parse(dry.stdout)).plan.delete.entries).toBe(5);
    const end = await bench.run("sync", ...listed, bench.list, "--json");
    expect(end, end.stderr).toMatchObject({ exitCode: 0 });
    const job = jobShape.parse(JSON.parse(end.stdout));
    expect(job.deleted).toBe(5);
    // `e` only leads to what was listed; `never` is on neither side.
    expect(job.outcomes["filtered"]?.entries).toBe(2);
    expect(bench.left).toEqual(["a", "b", "d", "d/x", "d/y", "e", "e/kept"]);
    const again = await bench.run("sync", ...listed, bench.list);
    expect(again, again.stderr).toMatchObject({ exitCode: 0 });
  });

  test("without --delete a listed path that is missing is an exception", async () => {
    const bench = new Bench(files, files);
    bench.wants("a", "gone");
    expect(await bench.run("sync", "--files-from", bench.list)).toMatchObject({ exitCode: 1 });
  });

  test("a directory whose other entries were not listed is not removed, and is named", async () => {
    const bench = new Bench(files, [...files, "e/kept"]);
    bench.wants("a", "e");
    const end = await bench.run("sync", ...listed, bench.list);
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(/^godwit: target_conflict: .*directory e is not empty/m);
    expect(end.stdout).toContain("finished, with exceptions");
    expect(end.stdout).toContain("1 not deleted");
    expect(existsSync(join(bench.target, "e", "kept"))).toBe(true);
    const [job] = jobsShape.parse(JSON.parse((await godwit(["jobs", "--json"], bench)).stdout)).jobs;
    expect(job).toMatchObject({ status: "complete", exit_code: 1, deleted: 0, deletions_failed: 1 });
  });

  test("check calls only listed paths extra", async () => {
    const bench = new Bench(files, files);
    bench.wants("a", "d/x");
    expect(await bench.run("check", "--files-from", bench.list)).toMatchObject({ exitCode: 0 });
    rmSync(join(bench.source, "a"));
    const end = await bench.run("check", "--files-from", bench.list, "--json");
    expect(end.exitCode).toBe(1);
    expect(jobShape.parse(JSON.parse(end.stdout)).outcomes).toMatchObject({
      extra: { entries: 1 },
      vanished: { entries: 0 },
    });
  });
});
