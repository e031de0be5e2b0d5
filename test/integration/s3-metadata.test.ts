/** What a store keeps beside the bytes of an object, from bucket to bucket and to a directory, by the real program. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { godwit } from "../testbed/program.ts";
import type { S3Proxy } from "../testbed/s3-proxy.ts";
import { awsEnv } from "../testbed/servers.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers, type S3Suite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const MiB = 2 ** 20;

/** One request, parts within a pack, and an upload that a head begins. */
const sizes = { "page.html": 1_000, "middle.bin": 9 * MiB, "large.bin": 20 * MiB } as const;
const chunkSize = ["--chunk-size", "16MiB"];

const rich: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-language": "de",
  "content-disposition": 'attachment; filename="two  spaces.html"',
  "cache-control": "max-age=60",
  "content-encoding": "gzip",
  expires: "Thu, 01 Dec 2044 16:00:00 GMT",
  "x-amz-meta-owner-team": 'billing, "A"',
  "x-amz-meta-mtime": "1500000000.5",
};

async function putAll(s3: S3Suite, bucket: string): Promise<void> {
  const put = async (key: string, body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<void> => {
    const { status } = await s3Request(s3.server(), { method: "PUT", bucket, key: `one/${key}`, body, headers });
    expect(status).toBe(200);
  };
  for (const [key, bytes] of Object.entries(sizes)) await put(key, Buffer.alloc(bytes, key), rich);
  await put("plain", Buffer.from("plain"), { "content-type": "application/octet-stream" });
}

async function expectKept(s3: S3Suite, bucket: string): Promise<void> {
  for (const key of Object.keys(sizes)) {
    const [one, two] = await Promise.all(
      ["one", "two"].map((prefix) => s3Request(s3.server(), { method: "HEAD", bucket, key: `${prefix}/${key}` })),
    );
    const kept = (headers: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> =>
      Object.fromEntries(
        Object.entries(headers).filter(([name]) => name.startsWith("x-amz-meta-") || rich[name] !== undefined),
      );
    expect(kept(one?.headers), `the store itself kept what was put as ${key}`).toEqual(rich);
    expect(kept(two?.headers), key).toEqual(rich);
  }
}

interface Reported {
  readonly exceptions: readonly { readonly path: string; readonly lost: readonly string[] }[];
}

async function copy(
  s3: S3Suite,
  places: readonly [string, string],
  proxy: S3Proxy | null = null,
): Promise<Map<string, readonly string[]>> {
  const report = join(tempDir("report"), "report.json");
  const { exitCode, stdout, stderr } = await godwit(["copy", ...places, ...chunkSize, "--report", report, "--plain"], {
    state: tempDir("state"),
    env: awsEnv(proxy ?? s3.server()),
  });
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
  const { exceptions } = JSON.parse(readFileSync(report, "utf8")) as Reported;
  return new Map(exceptions.map(({ path, lost }) => [path, lost]));
}

describeOnServers("what a store keeps beside the bytes", (s3) => {
  test("goes from bucket to bucket as it is", async () => {
    const bucket = await s3.bucket();
    await putAll(s3, bucket);
    expect(await copy(s3, [`s3://${bucket}/one`, `s3://${bucket}/two`])).toEqual(new Map());
    await expectKept(s3, bucket);
    // An object without any of it gets none.
    const { headers } = await s3Request(s3.server(), { method: "HEAD", bucket, key: "two/plain" });
    expect(Object.keys(headers).filter((name) => name.startsWith("x-amz-meta-"))).toEqual([]);
  });

  test("stays when a damaged object is made anew of its good parts", async () => {
    const bucket = await s3.bucket();
    await putAll(s3, bucket);
    const proxy = await s3.proxy();
    const key = "two/large.bin";
    const fault = { kind: "corrupt", body: "response", offset: 1_234 } as const;
    const rule = proxy.fail({ operation: "GetObject", key, fault, nth: 2 });
    await copy(s3, [`s3://${bucket}/one`, `s3://${bucket}/two`], proxy);
    expect(rule.hits).toBe(1);
    expect(proxy.find({ operation: "UploadPartCopy", key }).length).toBeGreaterThan(0);
    await expectKept(s3, bucket);
  });

  test("is lost where a store keeps more than it tells, by name, and the rest goes", async () => {
    const bucket = await s3.bucket();
    const more = { "x-amz-website-redirect-location": "/elsewhere", "x-amz-tagging": "colour=red" };
    for (const [key, bytes] of Object.entries(sizes)) {
      const headers = { "content-type": "text/css", ...more };
      await s3Request(s3.server(), {
        method: "PUT",
        bucket,
        key: `one/${key}`,
        body: Buffer.alloc(bytes, key),
        headers,
      });
    }
    const lost = await copy(s3, [`s3://${bucket}/one`, `s3://${bucket}/two`]);
    expect(lost).toEqual(new Map(Object.keys(sizes).map((key) => [key, ["metadata"]])));
    for (const key of Object.keys(sizes)) {
      const { headers } = await s3Request(s3.server(), { method: "HEAD", bucket, key: `two/${key}` });
      expect(headers["content-type"], key).toBe("text/css");
    }
  });

  test("is lost in a directory, by name; what says nothing of its own is no loss", async () => {
    const bucket = await s3.bucket();
    await putAll(s3, bucket);
    const lost = await copy(s3, [`s3://${bucket}/one`, tempDir("into")]);
    expect(lost).toEqual(new Map(Object.keys(sizes).map((key) => [key, ["metadata"]])));
  });

  test("is the store's own choice for what comes from a directory", async () => {
    const [source, bucket] = [tempDir("source"), await s3.bucket()];
    writeFileSync(join(source, "file.html"), "from a directory");
    const proxy = await s3.proxy();
    await copy(s3, [source, `s3://${bucket}/two`], proxy);
    const [sent] = proxy.find({ operation: "PutObject", key: "two/file.html" });
    expect(sent?.headers["content-type"]).toBeUndefined();
  });
});
