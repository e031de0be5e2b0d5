/** The signed report of a job, as its reader gets it. */
import type { ReportBody, ReportEntry, ReportException } from "../../src/report/schema.ts";
import { jobState } from "./job-state.ts";
import { godwit } from "./program.ts";

export interface ReportDocument {
  readonly body: ReportBody;
  readonly entries: readonly ReportEntry[];
  readonly exceptions: readonly ReportException[];
}

/** Of the newest job. */
export async function newestReport(state: string): Promise<ReportDocument> {
  const { job } = await jobState(state);
  const { stdout } = await godwit(["report", job.id], { state });
  return JSON.parse(stdout) as ReportDocument;
}
