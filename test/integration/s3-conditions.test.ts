/** Conditional writes on real servers: what `doctor` says of them, and a store that knows none. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { doctorShape } from "../../src/cli/json-shapes.ts";
import { godwit } from "../testbed/program.ts";
import { awsEnv, type S3ServerName } from "../testbed/servers.ts";
import type { S3Access } from "../testbed/signed-request.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

interface Said {
  readonly level: string;
  readonly text: string;
}

async function doctor(access: S3Access, bucket: string): Promise<Said> {
  const env = awsEnv(access);
  const args = ["doctor", tempDir("source"), `s3://${bucket}/copy`, "--json"];
  const { stdout, stderr } = await godwit(args, { state: tempDir("state"), env });
  const found = doctorShape.parse(JSON.parse(stdout));
  const said = found.findings.find(({ subject }) => subject === "conditional writes");
  if (said === undefined) throw new Error(`nothing was said: ${stdout}${stderr}`);
  return { level: said.level, text: said.text };
}

const measured: Readonly<Record<S3ServerName, Said>> = {
  s3s: { level: "ok", text: expect.stringContaining("enforces") as string },
  moto: { level: "note", text: expect.stringMatching(/^CompleteMultipartUpload ignores If-Match:/) as string },
};

describeOnServers("conditional writes", (s3) => {
  test("doctor says which of them the store enforces, and leaves nothing behind", async () => {
    const bucket = await s3.bucket();
    expect(await doctor(s3.server(), bucket)).toEqual(measured[s3.name]);
    const { body } = await s3Request(s3.server(), { method: "GET", bucket, query: { "list-type": "2" } });
    expect(body.toString()).not.toContain("<Key>");
  });

  test("a store that answers NotImplemented is written to without them, and doctor says so", async () => {
    const bucket = await s3.bucket();
    const proxy = await s3.proxy();
    const rule = proxy.fail({
      operation: ["PutObject", "CompleteMultipartUpload"],
      when: ({ headers }) => headers["if-match"] !== undefined || headers["if-none-match"] !== undefined,
      fault: { kind: "status", status: 501, code: "NotImplemented" },
    });
    const { level, text } = await doctor(proxy, bucket);
    expect([level, text]).toEqual(["note", expect.stringMatching(/^PutObject refuses If-None-Match, /)]);
    const source = tempDir("source");
    writeFileSync(join(source, "small"), "some bytes");
    writeFileSync(join(source, "parts"), Buffer.alloc(9 * 2 ** 20, 1));
    const before = rule.hits;
    const args = ["copy", source, `s3://${bucket}/copy`, "--workers", "1", "--plain"];
    const { exitCode, stderr } = await godwit(args, { state: tempDir("state"), env: awsEnv(proxy) });
    expect(exitCode, stderr).toBe(0);
    expect(rule.hits - before, "the lane asked, and did not ask again").toBeLessThanOrEqual(2);
  });
});
