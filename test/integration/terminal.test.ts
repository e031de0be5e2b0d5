/** Names come from whoever fills the source: whatever is in them, a terminal shows it and never obeys it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jobsShape } from "../../src/cli/json-shapes.ts";
import { godwit } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";

/** Return and erase, a new line, C1's CSI, a turn of direction, a character without width. */
const nasty = "a\r\u001B[2K\ngodwit: fine\u009B2K\u202Etxt.exe\u200B";
const shown = String.raw`a\u000d\u001b[2K\u000agodwit: fine\u009b2K\u202etxt.exe\u200b`;

// oxlint-disable-next-line no-control-regex
const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/u;

test("no command writes a name so that the terminal obeys it", async () => {
  const root = tempDir("terminal");
  const [source, target, state] = [join(root, nasty), join(root, `to ${nasty}`), join(root, "state")];
  mkdirSync(source);
  writeFileSync(join(source, "fine"), "fine");
  execFileSync("mkfifo", [join(source, nasty)]);
  mkdirSync(target);
  writeFileSync(join(target, `.godwit.partial.${"0".repeat(32)}`), "");
  const run = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await godwit(args, { state });
    for (const text of [stdout, stderr]) expect(text).not.toMatch(obeyed);
    const text = `${stdout}${stderr}`;
    expect(text).not.toMatch(/^godwit: fine/m);
    return text;
  };
  expect(await run("copy", source, target, "--dry-run")).toContain(`unsupported: ${shown}: kind_unsupported`);
  expect(await run("copy", source, target)).toContain(`godwit: kind_unsupported: unsupported: ${shown} is a device`);
  const [job] = jobsShape.parse(JSON.parse((await godwit(["jobs", "--json"], { state })).stdout)).jobs;
  expect(await run("jobs")).toContain(shown);
  expect(await run("status", job?.job_id ?? "")).toContain(shown);
  expect(await run("check", source, target)).toContain(shown);
  expect(await run("copy", source, source)).toContain(`godwit: same_place: ${root}/${shown} is both`);
  expect(await run("copy", join(source, nasty), target)).toContain(shown);
  expect(await run("doctor", source, target)).toContain(shown);
  expect(await run("sweep", target, "--older-than", "0s")).toContain(shown);
  expect(await run("report", "verify", join(source, nasty, "none"))).toContain(shown);
  expect(await run("report", job?.job_id ?? "", "--output", join(root, `${nasty}.json`))).toContain(shown);
  expect(await run("report", "verify", join(root, `${nasty}.json`))).toContain(shown);
});
