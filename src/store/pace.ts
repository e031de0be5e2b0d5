import type { Instant } from "../model/chunk.ts";
import type { Counters, JobSpec, PaceSample } from "../model/job.ts";
import { paceAfter } from "../model/pace.ts";
import type { JobRow } from "./schema.ts";

/** What was measured before says nothing of what comes. */
export const measuredAnew: Pick<JobRow, "pace"> = { pace: "[]" };

/** Only of a job that runs and is listed: what was copied beside a listing says little about what is left. */
export function paceOf(row: JobRow, counters: Counters, now: Instant): string {
  if (row.status !== "running" || row.plan_done === 0) return row.pace;
  const pace = JSON.parse(row.pace) as PaceSample[];
  return JSON.stringify(paceAfter({ spec: JSON.parse(row.spec) as JobSpec, counters, pace }, now));
}
