/** Copies by the real program that compare the source with evidence, and what the signed report then says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ReportAttempt, ReportEntry, ReportException } from "../../src/report/schema.ts";
import { godwit, type ProgramEnd } from "../testbed/program.ts";
import type { S3Proxy } from "../testbed/s3-proxy.ts";
import { awsEnv } from "../testbed/servers.ts";
import { type S3Access, type S3Answer, type S3Call, s3Request } from "../testbed/signed-request.ts";
import type { S3Suite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

export const MiB = 2 ** 20;

export interface Finding {
  readonly end: ProgramEnd;
  readonly passed: boolean;
  readonly entries: ReadonlyMap<string, ReportEntry>;
  readonly exceptions: readonly ReportException[];
  readonly attempts: readonly ReportAttempt[];
}

interface ReportDocument {
  readonly entries: readonly ReportEntry[];
  readonly exceptions: readonly ReportException[];
  readonly attempts: readonly ReportAttempt[];
  readonly body: { readonly overall_status: string };
}

/** Copies, and reads the report that was left. */
export async function copyWithReport(
  args: readonly string[],
  place: { readonly state: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Finding> {
  const report = join(tempDir("report"), "report.json");
  const end = await godwit(["copy", ...args, "--plain", "--report", report], place);
  const { entries, exceptions, attempts, body } = JSON.parse(readFileSync(report, "utf8")) as ReportDocument;
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  expect(byPath.size, "each entry stands in the report once").toBe(entries.length);
  return { end, passed: body.overall_status === "pass", entries: byPath, exceptions, attempts };
}

/** A bucket as a source behind a proxy that can lie, and a directory as the target. */
export interface StorePlace {
  readonly s3: S3Suite;
  readonly proxy: S3Proxy;
  readonly bucket: string;
  readonly target: string;
  readonly state: string;
}

export async function newStorePlace(s3: S3Suite): Promise<StorePlace> {
  const [bucket, proxy] = [await s3.bucket(), await s3.proxy()];
  return { s3, proxy, bucket, target: join(tempDir("target"), "copy"), state: tempDir("state") };
}

export function copyFromStore(place: StorePlace, more: readonly string[] = []): Promise<Finding> {
  const { proxy, bucket, target, state } = place;
  const args = [`s3://${bucket}/from`, target, "--source-evidence", "store", ...more];
  return copyWithReport(args, { state, env: awsEnv(proxy) });
}

/** How often bytes of this object were read, by the first byte of each request. */
export function readsOf({ proxy }: StorePlace, name: string): readonly number[] {
  return proxy.find({ operation: "GetObject", key: `from/${name}` }).map(({ range }) => range?.[0] ?? 0);
}

export async function put(
  place: StorePlace,
  name: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  await ask(place.s3.server(), { method: "PUT", bucket: place.bucket, key: `from/${name}`, body, headers });
}

/** An object that is sent in parts, as any other client does it. */
export async function putParts(
  place: StorePlace,
  name: string,
  parts: readonly Uint8Array[],
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const server = place.s3.server();
  const address = { bucket: place.bucket, key: `from/${name}` };
  const begun = await ask(server, { ...address, method: "POST", query: { uploads: "" }, headers });
  const uploadId = /<UploadId>([^<]+)/.exec(begun.body.toString())?.[1] ?? "";
  const told: string[] = [];
  for (const [index, body] of parts.entries()) {
    const number = String(index + 1);
    const query = { partNumber: number, uploadId };
    const sent = await ask(server, { ...address, method: "PUT", query, body });
    told.push(`<Part><PartNumber>${number}</PartNumber><ETag>${sent.headers.etag ?? ""}</ETag></Part>`);
  }
  const body = `<CompleteMultipartUpload>${told.join("")}</CompleteMultipartUpload>`;
  await ask(server, { ...address, method: "POST", query: { uploadId }, body });
}

async function ask(server: S3Access, call: S3Call): Promise<S3Answer> {
  const answer = await s3Request(server, call);
  if (answer.status >= 300)
    throw new Error(`${call.method} ${call.key ?? ""}: ${answer.status} ${answer.body.toString()}`);
  return answer;
}
