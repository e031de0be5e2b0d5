import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { sampleTask } from "../../test/testbed/sample-task.ts";
import { traceOf } from "../model/trace.ts";
import { type Log, openLog, taskFields } from "./log.ts";

function logged(say: (log: Log) => void, secrets: readonly string[] = []): string {
  const output = new PassThrough();
  say(openLog(output, { role: "worker", worker: "host:1:1" }, secrets));
  return String(output.read());
}

test("a line is one JSON object with its time, its level, who wrote it, and what ties it to a chunk", () => {
  const text = logged((log) => log.warn("a task ended badly", taskFields(sampleTask)));
  const { time, ...line } = JSON.parse(text) as Record<string, unknown>;
  expect(text.endsWith("}\n")).toBe(true);
  expect(new Date(String(time)).toISOString()).toBe(time);
  expect(line).toEqual({
    level: "warn",
    role: "worker",
    worker: "host:1:1",
    job_id: "job-1",
    chunk_id: 1,
    trace_id: traceOf("job-1", 1).traceId,
    stage: "transfer",
    attempt: 0,
    lane: "w",
    epoch: 1,
    message: "a task ended badly",
  });
  expect(taskFields(null)).toEqual({});
});

test("tokens of ours, passwords of URLs, and secrets that are known never stand in a line, wherever they come from", () => {
  const token = `godwit_0123456789abcdef_${"Aa-_".repeat(10)}xyz`;
  const password = 'quo"te\\d pass';
  const text = logged(
    (log) =>
      log.error("a request failed", {
        error: {
          code: "internal",
          disposition: "fatal",
          what: `connect postgres://godwit:hunter2@db/x failed: Bearer ${token}, PGPASSWORD=${password}`,
          hint: "http://user:p%40ss@proxy:3128 and https://host:8443/a@b and redis://:only@h",
        },
      }),
    [password],
  );
  for (const secret of [token, "hunter2", "p%40ss", "only", "quo", "te\\\\d"]) expect(text).not.toContain(secret);
  const { error } = JSON.parse(text) as { readonly error: Record<string, string> };
  expect(error["what"]).toBe("connect postgres://godwit:***@db/x failed: Bearer godwit_***, PGPASSWORD=***");
  expect(error["hint"]).toBe("http://user:***@proxy:3128 and https://host:8443/a@b and redis://:***@h");
});
