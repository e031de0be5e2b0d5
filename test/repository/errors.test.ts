import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorCodes } from "../../src/base/errors.ts";
import { exitCodeOfError } from "../../src/cli/exit-code.ts";
import { repositoryRoot } from "../testbed/tools.ts";

const page = readFileSync(join(repositoryRoot, "docs", "reference", "errors.md"), "utf8");
const sections = page.split(/^## /m).slice(1);
const headings = sections.map((section) => /^`([a-z0-9_]+)`/.exec(section)?.[1] ?? section.split("\n")[0]);

test("every error code is explained once, in the order of the code", () => {
  expect(headings).toEqual([...errorCodes]);
});

test("every explanation says what it means and what to do", () => {
  const short = sections.filter((section) => !/\*\*Meaning:\*\* \S/.test(section) || !/\*\*Do:\*\* \S/.test(section));
  expect(short.map((section) => section.split("\n")[0])).toEqual([]);
});

test("every explanation ends with the exit code that the program has for it", () => {
  const told = sections.map((section) =>
    /\*\*Exit code:\*\* (\d)(?:; 1 where only single entries met it)?\.\n*$/.exec(section),
  );
  expect(Object.fromEntries(errorCodes.map((code, at) => [code, Number(told[at]?.[1])]))).toEqual(
    Object.fromEntries(errorCodes.map((code) => [code, exitCodeOfError(code)])),
  );
});

test("every error code is used", () => {
  const files = globSync("{src,bin}/**/*.{ts,mjs}", { cwd: repositoryRoot })
    .filter((file) => file !== "src/base/errors.ts" && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(repositoryRoot, file), "utf8"));
  const isUsed = (code: string): boolean =>
    files.some((text) => text.includes(`"${code}"`) || text.includes(`${code}:`));
  expect(errorCodes.filter((code) => !isUsed(code))).toEqual([]);
});
