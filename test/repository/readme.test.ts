import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../testbed/temp-dir.ts";
import { repositoryRoot } from "../testbed/tools.ts";
import { asScript, runnableLines } from "./runnable-blocks.ts";

const readme = join(repositoryRoot, "README.md");

/** What a reader has after cloning and `npm ci`: the files of git, the packages, and what `prepare` built. */
function cloneTree(): string {
  const clone = join(tempDir("readme"), "godwit");
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repositoryRoot,
    encoding: "utf8",
  });
  for (const file of listed.split("\0")) {
    const from = join(repositoryRoot, file);
    if (file !== "" && existsSync(from)) cpSync(from, join(clone, file), { verbatimSymlinks: true });
  }
  cpSync(join(repositoryRoot, "dist"), join(clone, "dist"), { recursive: true });
  symlinkSync(join(repositoryRoot, "node_modules"), join(clone, "node_modules"));
  return clone;
}

/** Without what npm and vitest put before it: `npx` must find its Node by itself. */
function pathOfReader(): string {
  const folders = (process.env["PATH"] ?? "").split(":");
  return folders.filter((folder) => !folder.includes("node_modules")).join(":");
}

/** Runs the script as a reader with an empty home would; the clone is the working directory. */
function runAsReader(clone: string, script: string): { exitCode: number | null; problem: string } {
  const home = join(clone, "..", "home");
  mkdirSync(home, { recursive: true });
  const result = spawnSync("bash", ["-s"], {
    cwd: clone,
    input: script,
    encoding: "utf8",
    timeout: 100_000,
    env: {
      PATH: pathOfReader(),
      HOME: home,
      GODWIT_STATE: join(home, "state"),
      TMPDIR: process.env["TMPDIR"] ?? "",
      LANG: "C.UTF-8",
      npm_config_update_notifier: "false",
    },
  });
  return { exitCode: result.status, problem: result.status === 0 ? "" : `${result.stdout}${result.stderr}` };
}

test("every runnable command of the README ends as it says", () => {
  const lines = runnableLines(readFileSync(readme, "utf8"));
  expect(lines.length).toBeGreaterThan(0);
  expect(runAsReader(cloneTree(), asScript(lines)).problem).toBe("");
});

test("a command that ends otherwise than the page says is found", () => {
  const page = "```sh run\ntrue\nfalse # exits 1\n(exit 3)\n```\n\n```sh\nexit 7\n```\n";
  const { exitCode, problem } = runAsReader(tempDir("planted"), asScript(runnableLines(page)));
  expect(exitCode).toBe(99);
  expect(problem).toContain("expected exit 0 of: (exit 3), got 3");
});

test("the packages that are linked into the copy are never reinstalled", () => {
  expect(runnableLines("```sh run\nnpm ci && npx godwit --help\nnpm test\n```\n")).toEqual([
    { command: "true && npx godwit --help", exitCode: 0 },
  ]);
  expect(() => runnableLines("```sh run\ncd x && npm ci\n```\n")).toThrow(/npm ci/);
});
