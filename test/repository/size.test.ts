import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../testbed/tools.ts";

const linesMax = 500;
const vagueNames = /(^|[/.-])(utils?|helpers?|common|managers?)([/.-]|$)/i;
const roots = ["src", "test", "bench", "bin"];

/** Also what is new and not yet committed, without what git ignores. */
const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...roots], {
  cwd: repositoryRoot,
  encoding: "utf8",
});
const files = listed.split("\n").filter((file) => /\.(ts|mjs)$/.test(file) && existsSync(join(repositoryRoot, file)));
const read = (file: string): string => readFileSync(join(repositoryRoot, file), "utf8");

test("no file has more than 500 lines", () => {
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => read(file).split("\n").length - 1 > linesMax)).toEqual([]);
});

test("no file or folder is named after nothing in particular", () => {
  expect(files.filter((file) => vagueNames.test(file))).toEqual([]);
});

test("no file is a barrel", () => {
  expect(files.filter((file) => /^index\.(ts|mjs)$/.test(basename(file)))).toEqual([]);
});

test("names are kebab-case", () => {
  expect(files.filter((file) => !/^[a-z0-9./-]+$/.test(file))).toEqual([]);
});

test("no work is left as a note in the code", () => {
  // Put together here, so that this file does not name itself.
  const note = new RegExp(["\\bTO", "DO\\b|\\bFIX", "ME\\b"].join(""));
  expect(files.filter((file) => note.test(read(file)))).toEqual([]);
});
