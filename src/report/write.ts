import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { GodwitError } from "../base/errors.ts";
import { buildBody, jobOf, type ReportStore } from "./build.ts";
import { writeHtml } from "./html.ts";
import { layoutSink, writeLayoutEnd } from "./json-layout.ts";
import { LineWriter } from "./line-writer.ts";
import type { ReportBody, ReportSignature } from "./schema.ts";
import { sha256sumSink } from "./sha256sum.ts";
import { signBody, type SigningKey } from "./signature.ts";

export const reportFormats = ["json", "html", "sha256sum"] as const;
export type ReportFileFormat = (typeof reportFormats)[number];

export interface ReportRequest {
  readonly store: ReportStore;
  readonly jobId: string;
  readonly format: ReportFileFormat;
  readonly key: SigningKey;
  /** `sha256sum` alone: where entries without a digest of the whole file are named; else comments in the output. */
  readonly without?: Writable | undefined;
}

export interface ReportSummary {
  readonly body: ReportBody;
  readonly signature: ReportSignature;
  /** Files that a list for `sha256sum -c` cannot hold. 0 for other formats. */
  readonly withoutDigest: number;
}

/**
 * Streams the report of a job; the same job gives the same bytes once it has ended. Does not end `out`.
 * @throws job_unknown; what the stream rejects with (EPIPE when its reader went away)
 */
export async function writeReport(request: ReportRequest & { readonly out: Writable }): Promise<ReportSummary> {
  // The writer asks the stream for its error; without a listener the event would end the process first.
  const streams = [request.out, ...(request.without === undefined ? [] : [request.without])];
  for (const stream of streams) stream.on("error", heard);
  try {
    return await writeStreams(request);
  } finally {
    for (const stream of streams) stream.off("error", heard);
  }
}

function heard(): void {
  // LineWriter throws it.
}

async function writeStreams(request: ReportRequest & { readonly out: Writable }): Promise<ReportSummary> {
  const { store, format, key } = request;
  const job = await jobOf(store, request.jobId);
  const build = { store, job };
  switch (format) {
    case "json": {
      const out = new LineWriter(request.out);
      const body = await buildBody(build, layoutSink(out));
      const signature = signBody(body, key);
      await writeLayoutEnd(out, body, signature);
      return { body, signature, withoutDigest: 0 };
    }
    case "html": {
      // The verdict stands first on the page, so everything is summed up before the first line is written.
      const body = await buildBody(build, {});
      const signature = signBody(body, key);
      await writeHtml(new LineWriter(request.out), { store, body, signature });
      return { body, signature, withoutDigest: 0 };
    }
    case "sha256sum": {
      const sums = sha256sumSink(request.out, request.without ?? null);
      const body = await buildBody(build, sums.sink);
      await sums.flush();
      return { body, signature: signBody(body, key), withoutDigest: sums.withoutDigest() };
    }
  }
}

/** The same to a file, which comes into being whole and durable, or not at all. */
export async function writeReportFile(path: string, request: ReportRequest): Promise<ReportSummary> {
  const fill = (out: Writable): Promise<ReportSummary> => writeReport({ ...request, out });
  return (await writeWholeFile(path, request.jobId, { fill, check: () => Promise.resolve() })).filled;
}

export interface WholeFile<F, C> {
  readonly fill: (out: Writable) => Promise<F>;
  /** What is found wrong here leaves no file. @param partial where it stands until it has its name */
  readonly check: (partial: string) => Promise<C>;
}

/** @throws disk_full, target_unwritable; what `fill` and `check` throw */
export async function writeWholeFile<F, C>(
  path: string,
  jobId: string,
  { fill, check }: WholeFile<F, C>,
): Promise<{ readonly filled: F; readonly checked: C }> {
  // Named after the job: two reports of one job are the same bytes, so they may meet here.
  const partial = join(dirname(path), `.${basename(path)}.${jobId}.partial`);
  const out = createWriteStream(partial, { flush: true });
  try {
    await once(out, "open");
    out.on("error", heard);
    const filled = await fill(out);
    const closed = once(out, "close");
    out.end();
    await closed;
    const checked = await check(partial);
    await rename(partial, path);
    await syncDirectory(dirname(path));
    return { filled, checked };
  } catch (error) {
    out.destroy();
    await unlink(partial).catch(() => undefined);
    throw fileError(path, error);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** What an operator can do something about; anything else stays what it is. */
const operatorCodes = new Set([
  "ENOSPC",
  "EDQUOT",
  "EACCES",
  "EPERM",
  "ENOENT",
  "ENOTDIR",
  "EISDIR",
  "EROFS",
  "ENAMETOOLONG",
]);

function fileError(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (cause instanceof GodwitError || !operatorCodes.has(code)) return cause;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new GodwitError(isFull ? "disk_full" : "target_unwritable", {
    disposition: "rejected",
    what: `the report cannot be written to ${path} (${code})`,
    hint: "Give another place for it; the job is not touched, and its report can be written again at any time.",
    cause,
  });
}
