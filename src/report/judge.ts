import { isProven } from "../model/entry.ts";
import { isFinal } from "../model/job.ts";
import { type ReportBody, reportOutcomes, type ReportProblem } from "./schema.ts";

export interface Judgement {
  readonly overall_status: ReportBody["overall_status"];
  readonly problems: ReportProblem[];
}

/**
 * Whether the numbers of a report prove the job: a pure function of the signed body, so that a checker judges again.
 * A job that has not ended is not judged.
 */
export function judge(body: Pick<ReportBody, "job" | "totals" | "verdict_counts">): Judgement {
  if (!isFinal(body.job.status)) return { overall_status: "in_progress", problems: [] };
  const problems = [...statusProblems(body.job), ...sumProblems(body.totals), ...proofProblems(body)];
  return { overall_status: problems.length === 0 ? "pass" : "fail", problems };
}

function statusProblems(job: ReportBody["job"]): ReportProblem[] {
  if (job.status === "complete") return [];
  const why = job.failure === null ? "" : `: ${job.failure.what}`;
  return [problem("job_status", "complete", job.status, `The job ended ${job.status}${why}.`)];
}

/** Three counts of the same thing must agree: the source's listing, the job's counters, and the entries reported. */
function sumProblems(totals: ReportBody["totals"]): ReportProblem[] {
  const problems: ReportProblem[] = [];
  const found = { entries: 0, bytes: 0 };
  for (const outcome of reportOutcomes) {
    const reported = totals.outcomes[outcome];
    const counted = totals.counted[outcome];
    found.entries += reported.entries;
    found.bytes += reported.bytes;
    for (const unit of ["entries", "bytes"] as const) {
      // Nothing is counted while it is pending.
      if (outcome === "pending" || reported[unit] === counted[unit]) continue;
      const text = `The job counted ${counted[unit]} ${unit} as ${outcome}, the report holds ${reported[unit]}.`;
      problems.push(problem(`counted_${unit}`, counted[unit], reported[unit], text));
    }
    if (reported.entries === 0 || (outcome !== "pending" && isProven(outcome))) continue;
    problems.push(problem("outcome", 0, reported.entries, `Entries that ended ${outcome}: ${reported.entries}.`));
  }
  for (const unit of ["entries", "bytes"] as const) {
    const listed = totals.listed[unit];
    if (listed === found[unit]) continue;
    const text = `The source listed ${listed} ${unit}, the report accounts for ${found[unit]}.`;
    problems.push(problem(`listed_${unit}`, listed, found[unit], text));
  }
  return problems;
}

function proofProblems({ totals, verdict_counts }: Pick<ReportBody, "totals" | "verdict_counts">): ReportProblem[] {
  const problems: ReportProblem[] = [];
  const none = (code: string, found: number, text: string): void => {
    if (found > 0) problems.push(problem(code, 0, found, `${text}: ${found}.`));
  };
  none("undigested_entries", totals.undigested_entries, "Proven entries without a digest over all of their bytes");
  none("unproven_chunks", totals.unproven_chunks, "Verified chunks without a verdict that says so");
  none("deletions", totals.deletions.failed + totals.deletions.pending, "Deletions on the target that were not done");
  // What `check` compares differs by its nature, and is no mismatch of ours.
  const mismatches = verdict_counts.reduce(
    (sum, { stage, result, count }) => sum + (result === "mismatch" && stage !== "compare" ? count : 0),
    0,
  );
  if (mismatches !== totals.mismatches) {
    const text = `The job counted ${totals.mismatches} mismatches, its verdicts hold ${mismatches}.`;
    problems.push(problem("mismatches", totals.mismatches, mismatches, text));
  }
  return problems;
}

function problem(code: string, expected: number | string, found: number | string, text: string): ReportProblem {
  return { code, expected: String(expected), found: String(found), text };
}
