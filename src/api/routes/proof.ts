/** What is proven of a job, and what is not. */
import { z } from "zod";
import { isFinal, type Job, listedSum, unexplained, unprovenEntries } from "../../model/job.ts";
import { displayPath } from "../../model/path.ts";
import type { FailedChunk, FailedCounts } from "../../ports/overview.ts";
import { after, numberCursor, numberOf, pageQuery } from "../cursor.ts";
import { errorAnswer } from "../migration-answer.ts";
import { route } from "../route.ts";
import { exceptions, jobParams, report } from "../shapes.ts";
import { instantText } from "../units.ts";

type OverallStatus = z.input<typeof report>["overall_status"];

/** By the counters alone; the signed report also counts every entry and every verdict again. */
export function overallStatus(
  job: Pick<Job, "status" | "counters">,
  { failed }: Pick<FailedCounts, "failed">,
): OverallStatus {
  if (!isFinal(job.status)) return "in_progress";
  const isProven =
    job.status === "complete" &&
    unexplained(job.counters) === null &&
    unprovenEntries(job.counters) === 0 &&
    (job.counters.deletionsFailed ?? 0) === 0 &&
    failed === 0;
  return isProven ? "pass" : "fail";
}

function failedAnswer({
  chunkId,
  path,
  outcome,
  error,
  comparison,
}: FailedChunk): z.input<typeof report>["failed_chunks"][0] {
  return {
    chunk_id: chunkId,
    source_checksum: checksum(comparison?.sourceDigest),
    target_checksum: checksum(comparison?.targetDigest),
    compared_chunk_id: comparison === null || comparison.chunkId === chunkId ? null : comparison.chunkId,
    path: displayPath(path).toWellFormed(),
    outcome,
    error: errorAnswer(error),
  };
}

function checksum(digest: string | undefined): string | null {
  return digest === undefined || digest === "" ? null : digest;
}

export const reportRoute = route({
  id: "getReport",
  method: "GET",
  path: "/migrations/{job_id}/report",
  tag: "Proof",
  summary: "Show what of a migration is proven, with the chunks that failed",
  role: "viewer",
  statuses: { 200: "The report, with a page of failed chunks." },
  params: jobParams,
  query: z.strictObject(pageQuery(100, 1_000)),
  body: null,
  answer: report,
  handle: async ({ api, params: { job_id: id }, query: { limit, cursor } }) => {
    const { job } = await api.overview.glance(id);
    const counts = await api.overview.failedCounts(id);
    const failed = await api.overview.failedChunks(id, { after: numberOf(cursor), limit });
    return {
      body: {
        job_id: id,
        overall_status: overallStatus(job, counts),
        chunks_verified: Math.max(0, (job.counters.chunksDone ?? 0) - counts.notVerified),
        chunks_failed: counts.failed,
        failed_chunks: failed.map(failedAnswer),
        next_cursor: after(failed, limit, (last) => numberCursor(last.chunkId)),
        listed: listedSum(job.counters),
        unproven_entries: unprovenEntries(job.counters),
        mismatches: job.counters.mismatches ?? 0,
      },
    };
  },
});

export const exceptionsRoute = route({
  id: "listExceptions",
  method: "GET",
  path: "/migrations/{job_id}/exceptions",
  tag: "Proof",
  summary: "List the entries that did not simply arrive",
  role: "viewer",
  statuses: { 200: "A page of them, in order of their recording." },
  params: jobParams,
  query: z.strictObject(pageQuery(100, 1_000)),
  body: null,
  answer: exceptions,
  handle: async ({ api, params: { job_id: id }, query: { limit, cursor } }) => {
    const found = await api.overview.exceptions(id, { after: numberOf(cursor), limit });
    return {
      body: {
        job_id: id,
        exceptions: found.map(({ chunkId, path, outcome, error, lost, at }) => ({
          chunk_id: chunkId,
          path: displayPath(path).toWellFormed(),
          outcome,
          error: errorAnswer(error),
          lost: [...lost],
          at: instantText(at),
        })),
        next_cursor: after(found, limit, (last) => numberCursor(last.id)),
      },
    };
  },
});
