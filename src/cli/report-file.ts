/** Reports as files: which format a name asks for, whether one can be written there, and writing it after a run. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import type { GodwitError } from "../base/errors.ts";
import type { Job } from "../model/job.ts";
import type { Store } from "../ports/store.ts";
import { openSigningKey } from "../report/keys.ts";
import { jobOptions, refusedOption } from "./job-options.ts";
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

/** What was typed. */
export interface WantedReport {
  readonly report: string | null;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
}

/** Called before a job begins: a report that cannot be written must not come to light days later. @throws usage */
export function refuseReport({ report, dryRun = false, detach = false }: WantedReport): void {
  if (report === null) return;
  if (dryRun) throw refused("a dry run makes no report", "Leave it out; the real run writes one.");
  if (detach)
    throw refused("with --detach nobody waits for the report", "`godwit report JOB` writes it when the job has ended.");
  const folder = dirname(resolve(report));
  if (!isDirectory(folder)) throw refused(`there is no directory ${folder}`, "Make it, or name another place.");
  if (isDirectory(report)) throw refused(`${report} is a directory`, "Name a file in it.");
  if (!isWritable(folder))
    throw refused(`${folder} cannot be written to`, "Correct its rights, or name another place.");
}

/** False too where it cannot be looked at: a report cannot be written there either. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function refused(why: string, hint: string): GodwitError {
  return refusedOption(jobOptions.report.flags, why, hint);
}
