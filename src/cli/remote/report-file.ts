/** A server's signed report, to a stream or to a file that comes into being whole or not at all. */
import { resolve } from "node:path";
import type { Writable } from "node:stream";
import { report } from "../../api/shapes.ts";
import { z } from "zod";
import { LineWriter } from "../../report/line-writer.ts";
import { withoutDigestPrefix } from "../../report/sha256sum.ts";
import { verifyReport } from "../../report/verify.ts";
import { type ReportFileFormat, writeWholeFile } from "../../report/write.ts";
import { jobPath } from "./migration.ts";
import type { RemoteServer } from "./server.ts";

/** A large report is summed up before its first line is written. */
const silentMs = 30 * 60_000;

export interface WantedReport {
  readonly jobId: string;
  readonly format: ReportFileFormat;
  /** Where entries are named that a list of sums cannot hold. */
  readonly without: Writable;
}

export interface FetchedReport {
  /** Absolute. */
  readonly file: string;
  readonly overallStatus: "pass" | "fail" | "in_progress";
  readonly withoutDigest: number;
}

/** @returns how many files a list of sums cannot hold; 0 for other formats. @throws what the server or the stream does */
export async function fetchReport(
  server: RemoteServer,
  { jobId, format, without }: WantedReport,
  out: Writable,
): Promise<number> {
  const path = jobPath(jobId, "/signed-report");
  const { body } = await server.open({ method: "GET", path, query: { format } }, silentMs);
  // Bytes as they are: names of files need not be UTF-8.
  const lines = { out: new LineWriter(out, "latin1"), without: new LineWriter(without, "latin1") };
  let missing = 0;
  for await (const line of format === "sha256sum" ? linesOf(body) : textOf(body)) {
    const isMissing = format === "sha256sum" && line.startsWith(withoutDigestPrefix);
    if (isMissing) missing += 1;
    const wait = isMissing ? lines.without.write(line.slice(withoutDigestPrefix.length)) : lines.out.write(line);
    if (wait !== null) await wait;
  }
  await lines.out.flush();
  await lines.without.flush();
  return missing;
}

/**
 * A report in JSON is checked before it gets its name: what came is what the server signed.
 * @throws report_altered, report_invalid, disk_full, target_unwritable
 */
export async function fetchReportFile(
  server: RemoteServer,
  wanted: WantedReport & { readonly file: string },
): Promise<FetchedReport> {
  const { jobId, format } = wanted;
  const file = resolve(wanted.file);
  const { filled: withoutDigest, checked: overallStatus } = await writeWholeFile(file, jobId, {
    fill: (out) => fetchReport(server, wanted, out),
    check: async (partial) =>
      format === "json" ? (await verifyReport(partial)).body.overall_status : statusOf(server, jobId),
  });
  return { file, overallStatus, withoutDigest };
}

/** By the counters of the job: the forms that are not signed do not say it where a program could read it. */
async function statusOf(server: RemoteServer, jobId: string): Promise<FetchedReport["overallStatus"]> {
  const shape = z.object({ overall_status: report.shape.overall_status });
  const asked = { method: "GET", path: jobPath(jobId, "/report"), query: { limit: "1" } } as const;
  return (await server.ask(asked, shape)).body.overall_status;
}

async function* textOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const bytes of body) yield bytes.toString("latin1");
}

/** With their ends. A name has at most a few thousand bytes, so a line is small. */
async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of textOf(body)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield `${line}\n`;
  }
  if (rest !== "") yield rest;
}
