/** `--links follow`: links of the source are followed, those of the target never are. */
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jobShape } from "../../src/cli/json-shapes.ts";
import { godwit, type ProgramEnd } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";

interface Bench {
  readonly source: string;
  readonly target: string;
  readonly run: (kind: string, ...args: readonly string[]) => Promise<ProgramEnd>;
}

/** A source with links that lead out of it, to a file and to a directory. */
function bench(): Bench {
  const root = tempDir("follow");
  const [source, target, other] = [join(root, "source"), join(root, "target"), join(root, "other")];
  mkdirSync(source);
  mkdirSync(other);
  writeFileSync(join(other, "file"), "elsewhere");
  symlinkSync(join(other, "file"), join(source, "link"));
  symlinkSync(other, join(source, "tree"));
  const run: Bench["run"] = (kind, ...args) => godwit([kind, source, target, ...args], { state: join(root, "state") });
  return { source, target, run };
}

test("a link that an earlier copy left on the target is replaced by what it led to", async () => {
  const { source, target, run } = bench();
  mkdirSync(target);
  symlinkSync(join(source, "link"), join(target, "link"));
  const end = await run("copy", "--links", "follow", "--json");
  expect(end, end.stderr).toMatchObject({ exitCode: 0 });
  expect(jobShape.parse(JSON.parse(end.stdout)).outcomes).toMatchObject({ identical: { entries: 0 } });
  for (const name of ["link", "tree/file"]) {
    expect(lstatSync(join(target, name)).isFile()).toBe(true);
    expect(readFileSync(join(target, name), "utf8")).toBe("elsewhere");
  }
});

test("the dry run plans to move it", async () => {
  const { source, target, run } = bench();
  mkdirSync(join(target, "tree"), { recursive: true });
  symlinkSync(join(source, "link"), join(target, "link"));
  symlinkSync(join(source, "link"), join(target, "tree", "file"));
  const end = await run("copy", "--links", "follow", "--dry-run", "--json");
  expect(JSON.parse(end.stdout)).toMatchObject({ plan: { compare: { entries: 0 } } });
});

test("a link that stands where a directory belongs is named, and nothing is written through it", async () => {
  const { target, run } = bench();
  expect(await run("copy")).toMatchObject({ exitCode: 0 });
  const end = await run("copy", "--links", "follow", "--new");
  expect(end).toMatchObject({ exitCode: 1 });
  expect(end.stderr).toMatch(/^godwit: target_escape: .*tree/m);
  expect(lstatSync(join(target, "tree")).isSymbolicLink()).toBe(true);
  expect(lstatSync(join(target, "link")).isFile()).toBe(true);
});

test("check does not take a link on the second side for the content of the first", async () => {
  const { source, target, run } = bench();
  mkdirSync(target);
  symlinkSync(join(source, "link"), join(target, "link"));
  symlinkSync(join(source, "tree"), join(target, "tree"));
  const end = await run("check", "--links", "follow", "--json");
  expect(end).toMatchObject({ exitCode: 1 });
  expect(jobShape.parse(JSON.parse(end.stdout)).outcomes).toMatchObject({ different: { entries: 1 } });
});
