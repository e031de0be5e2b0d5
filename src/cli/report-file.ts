/** Reports as files: which format a name asks for, and writing one after a run. */
import { extname, resolve } from "node:path";
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
