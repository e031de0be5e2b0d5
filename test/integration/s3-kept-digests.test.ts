/** `--verify checksum` on a store that keeps the SHA-256 of each part: the servers keep none, so the proxy answers for them. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { godwit } from "../testbed/program.ts";
import type { S3RequestLine } from "../testbed/s3-exchange.ts";
import type { S3Proxy } from "../testbed/s3-proxy.ts";
import { awsEnv } from "../testbed/servers.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { seededBytes } from "../testbed/trees.ts";

const MiB = 2 ** 20;
const partBytes = 8 * MiB;
const sizeBytes = 20 * MiB;

/** What Amazon S3 says of an object that was uploaded in these parts. */
function keepDigests(proxy: S3Proxy, key: string): void {
  const xml = (request: S3RequestLine): string => {
    const after = Number(request.headers["x-amz-part-number-marker"] ?? 0);
    const parts = proxy
      .find({ operation: "UploadPart", key, where: ({ partNumber }) => (partNumber ?? 0) > after })
      .map(({ partNumber, headers }) => ({ number: partNumber ?? 0, sha256: headers["x-amz-checksum-sha256"] }))
      .toSorted((a, b) => a.number - b.number)
      .map(({ number, sha256 }) => {
        const bytes = Math.min(partBytes, sizeBytes - (number - 1) * partBytes);
        return `<Part><PartNumber>${number}</PartNumber><Size>${bytes}</Size><ChecksumSHA256>${String(sha256)}</ChecksumSHA256></Part>`;
      });
    const list = `<ObjectParts><IsTruncated>false</IsTruncated><PartsCount>${parts.length}</PartsCount>${parts.join("")}</ObjectParts>`;
    return `<GetObjectAttributesResponse><ObjectSize>${sizeBytes}</ObjectSize>${list}</GetObjectAttributesResponse>`;
  };
  proxy.fail({ operation: "GetObjectAttributes", key, fault: { kind: "answer", xml } });
}

describeOnServers("a store that keeps the SHA-256 of each part", (s3) => {
  test("verifies without a read; the digest of a whole file reads its bytes, once", async () => {
    const [source, state, bucket] = [tempDir("source"), tempDir("state"), await s3.bucket()];
    const [proxy, bytes] = [await s3.proxy(), seededBytes("kept", sizeBytes)];
    writeFileSync(join(source, "large"), bytes);
    const run = async (...args: readonly string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await godwit(args, { state, env: awsEnv(proxy) });
      expect(exitCode, `${stdout}${stderr}`).toBe(0);
      return stdout;
    };
    const copy = async (name: string, ...args: readonly string[]): Promise<string> => {
      keepDigests(proxy, `${name}/large`);
      const how = ["--chunk-size", "16MiB", "--verify", "checksum", ...args];
      return run("copy", source, `s3://${bucket}/${name}`, ...how, "--json");
    };
    const readOf = (key: string): number => proxy.total({ operation: "GetObject", key }).responseBytes;
    await copy("one");
    expect(readOf("one/large"), "verified by the digests that the store keeps").toBe(0);
    const { job_id: id } = JSON.parse(await copy("two", "--file-digest")) as { readonly job_id: string };
    expect(readOf("two/large")).toBe(sizeBytes);
    const sum = createHash("sha256").update(bytes).digest("hex");
    expect(await run("report", id, "--format", "sha256sum")).toBe(`${sum}  large\n`);
  });
});
