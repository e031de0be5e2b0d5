/** Reports as files: which format a name asks for, and writing one after a run. */
import { statSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { GodwitError } from "../base/errors.ts";
import type { Job } from "../model/job.ts";
import type { Store } from "../ports/store.ts";
import { openSigningKey } from "../report/keys.ts";
import { type ReportFileFormat, type ReportSummary, writeReportFile } from "../report/write.ts";

export interface ReportFile {
  readonly store: Store;
  readonly job: Job;
  readonly file: string;
  readonly stateDirectory: string;
}

/** @throws disk_full, target_unwritable, key_invalid; the job itself is not touched */
export async function writeJobReport(request: ReportFile): Promise<ReportSummary> {
  const { store, job, file, stateDirectory } = request;
  return writeReportFile(resolve(file), {
    store,
    jobId: job.id,
    format: formatOf(file),
    key: await openSigningKey(stateDirectory),
  });
}

/** By the name's end. */
export function formatOf(file: string): ReportFileFormat {
  const extension = extname(file).toLowerCase();
  return extension === ".html" || extension === ".htm" ? "html" : "json";
}

export interface WantedReport {
  readonly report: string | null;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
}

/** A report that could not be written is refused before a job of days, not after it. @throws usage */
export function refuseReport({ report, dryRun = false, detach = false }: WantedReport): void {
  if (report === null) return;
  if (dryRun) throw refused("a dry run makes no report", "Leave it out; the real run writes one.");
  if (detach)
    throw refused("with --detach nobody waits for the report", "`godwit report JOB` writes it when the job has ended.");
  const folder = dirname(resolve(report));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw refused(`there is no directory ${folder}`, "Make it, or name another place.");
  if (statSync(report, { throwIfNoEntry: false })?.isDirectory() === true)
    throw refused(`${report} is a directory`, "Name a file in it.");
}

function refused(why: string, hint: string): GodwitError {
  return new GodwitError("usage", { disposition: "fatal", what: `--report <file>: ${why}`, hint });
}
