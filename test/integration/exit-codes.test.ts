/** The exit code of a job that ran is what `--json` and the documents say, whatever the error that stopped it is called. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { type ErrorCode, GodwitError, type Disposition } from "../../src/base/errors.ts";
import { jobShape, jobsShape } from "../../src/cli/json-shapes.ts";
import { main } from "../../src/cli/main.ts";
import type { Store } from "../../src/ports/store.ts";
import { godwit } from "../testbed/program.ts";
import type { Place } from "../testbed/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";

function bench(): Place {
  const root = tempDir("exit");
  const source = join(root, "source");
  mkdirSync(source);
  writeFileSync(join(source, "a"), "a");
  return { source, target: join(root, "target"), state: join(root, "state") };
}

/** A Store that refuses to take a page of the plan. */
function refusing(store: Store, code: ErrorCode, disposition: Disposition): Store {
  return new Proxy(store, {
    get(target, property): unknown {
      if (property === "addPlan")
        return () => Promise.reject(new GodwitError(code, { disposition, what: "refused", hint: "None." }));
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

test.for([
  ["store_busy", "retry", "paused", 3],
  ["config_invalid", "fatal", "failed", 4],
  ["job_state", "rejected", "failed", 4],
  ["report_altered", "fatal", "failed", 4],
] as const)("%s (%s) leaves a job %s, and its exit code is %i", async ([code, disposition, status, exitCode]) => {
  const { source, target, state } = bench();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const end = await main(["copy", source, target, "--state", state, "--json"], {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    wrapStore: (store) => refusing(store, code, disposition),
  });
  stdout.end();
  stderr.end();
  const job = jobShape.parse(JSON.parse(await text(stdout)));
  expect(job).toMatchObject({ status, exit_code: exitCode, last_failure_reason: { code } });
  expect(end).toBe(exitCode);
  expect(await text(stderr)).toBe(`godwit: ${code}: refused\n  None.\n`);
});

test.for([
  [["cpy", "a", "b"], "unknown command 'cpy' (Did you mean copy?)", "godwit"],
  [["copy"], "missing required argument 'source'", "godwit copy"],
  [["report", "verify"], "missing required argument 'file'", "godwit report verify"],
  [["keys"], "no command was given", "godwit keys"],
  [["keys", "shw"], "unknown command 'shw' (Did you mean show?)", "godwit keys"],
] as const)("%j is refused with the help that explains it", async ([args, what, command]) => {
  const stderr = new PassThrough();
  expect(await main(args, { stderr: stderr as unknown as NodeJS.WriteStream })).toBe(2);
  stderr.end();
  expect(await text(stderr)).toBe(
    `godwit: usage: ${what}\n  \`${command} --help\` shows what there is, with examples.\n`,
  );
});

/** The name is one that a file can have; that of the file which is written first is not. */
const unwritable = `${"r".repeat(240)}.json`;

test("a report that cannot be written after its job decides the exit code of both, where the job was fine", async () => {
  const { source, target, state } = bench();
  const report = join(source, "..", unwritable);
  const end = await godwit(["copy", source, target, "--report", report, "--json"], { state });
  const job = jobShape.parse(JSON.parse(end.stdout));
  expect(job).toMatchObject({ status: "complete", exit_code: 4, report_failure: { code: "target_unwritable" } });
  expect(end.exitCode).toBe(4);
  expect(end.stderr).toMatch(/^godwit: target_unwritable: .*\n {2}\S.*\n$/);
  const [listed] = jobsShape.parse(JSON.parse((await godwit(["jobs", "--json"], { state })).stdout)).jobs;
  expect(listed).toMatchObject({ job_id: job.job_id, exit_code: 0 });
  expect(listed).not.toHaveProperty("report_failure");
  const told = await godwit(["check", source, target, "--report", report], { state });
  expect(told.exitCode).toBe(4);
  expect(told.stdout).toMatch(/equal, in .*\n {2}report: godwit report \S+/);
});

test("a job that ended badly keeps its own exit code when its report cannot be written either", async () => {
  const { source, target, state } = bench();
  mkdirSync(target);
  writeFileSync(join(target, "a"), "b");
  const report = join(source, "..", unwritable);
  const end = await godwit(["check", source, target, "--report", report, "--json"], { state });
  expect(jobShape.parse(JSON.parse(end.stdout))).toMatchObject({
    exit_code: 1,
    report_failure: { code: "target_unwritable" },
  });
  expect(end.exitCode).toBe(1);
  expect(end.stderr).toContain("godwit: target_unwritable: ");
});

test("a list that leads outside of the source is refused before there is a job", async () => {
  const { source, target, state } = bench();
  const list = join(source, "..", "list");
  writeFileSync(list, "a\n../b\n");
  const end = await godwit(["copy", source, target, "--files-from", list], { state });
  expect(end).toMatchObject({ exitCode: 2, stdout: "" });
  expect(end.stderr).toMatch(/^godwit: config_invalid: \.\.\/b in .*list does not stay inside the source\n {2}\S.*\n$/);
  expect(existsSync(target)).toBe(false);
  expect(jobsShape.parse(JSON.parse((await godwit(["jobs", "--json"], { state })).stdout)).jobs).toEqual([]);
});
