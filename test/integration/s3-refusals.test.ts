/** What real servers answer early to a client that has not sent its body yet. */
import { hash, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { createS3Client } from "../../src/connectors/s3/client.ts";
import { namesVanishedUploads } from "../../src/connectors/s3/vanished-upload.ts";
import { godwit } from "../testbed/program.ts";
import { awsEnv } from "../testbed/servers.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const signal = new AbortController().signal;

describeOnServers("a refusal", (s3) => {
  test("of a part of an upload that is not there arrives, also when the connection is closed behind it", async () => {
    const client = await createS3Client(
      { bucket: await s3.bucket(), maxSockets: 1, connectTimeoutMs: 10_000, idleTimeoutMs: 20_000 },
      { env: awsEnv(s3.server()) },
    );
    await using named = namesVanishedUploads(client);
    const body = Buffer.alloc(16 * 2 ** 20, 1);
    const part = {
      key: "key",
      uploadId: randomUUID(),
      partNumber: 1,
      body,
      holdBodyMs: 2000,
      sha256: hash("sha256", body, "buffer"),
    };
    await expect(named.uploadPart(part, signal)).rejects.toMatchObject({ code: "upload_vanished" });
  });
});

describeOnServers(
  "a sweep",
  (s3) => {
    test("where uploads cannot be listed removes nothing, and names the page that says more", async () => {
      const bucket = await s3.bucket();
      const args = ["sweep", `s3://${bucket}/copy`];
      const { exitCode, stderr } = await godwit(args, { state: tempDir("state"), env: awsEnv(s3.server()) });
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(/^godwit: listing_failed: .*cannot list uploads/m);
      expect(stderr).toContain("docs/operate/limits.md");
    });
  },
  { servers: ["s3s"] },
);

describeOnServers("credentials that may list below one prefix alone", (s3) => {
  test("copy keys of any text, from there and to there", async () => {
    const [bucket, proxy] = [await s3.bucket(), await s3.proxy()];
    const names = ["a b", "a+b", "a%20b", "é"];
    for (const name of names)
      await s3Request(s3.server(), { method: "PUT", bucket, key: `data/${name}`, body: `content of ${name}` });
    // As the condition `StringLike: { "s3:prefix": "data/*" }` of a policy.
    const denied = proxy.fail({
      operation: "ListObjectsV2",
      when: ({ query }) => query.get("prefix")?.startsWith("data/") !== true,
      fault: { kind: "status", status: 403, code: "AccessDenied" },
    });
    const [into, state] = [tempDir("into"), tempDir("state")];
    for (const [from, to] of [
      [`s3://${bucket}/data`, into],
      [into, `s3://${bucket}/data/again`],
    ] as const) {
      const end = await godwit(["copy", from, to, "--plain"], { state, env: awsEnv(proxy) });
      expect(end.exitCode, `${end.stdout}${end.stderr}`).toBe(0);
    }
    for (const name of names) {
      const { body } = await s3Request(s3.server(), { method: "GET", bucket, key: `data/again/${name}` });
      expect(body.toString()).toBe(`content of ${name}`);
    }
    expect(denied.hits).toBe(0);
  });
});
