/** Records of the Store as lines of the report: what happened on the way, and what the job was asked to do. */
import type { Instant } from "../model/chunk.ts";
import type { Job, JobSpec } from "../model/job.ts";
import type { AttemptRecord, ExceptionRecord, VerdictRecord } from "../ports/store.ts";
import { errorLine } from "./entries.ts";
import { namePath } from "./leaf.ts";
import type { ReportAttempt, ReportBody, ReportException, ReportVerdict } from "./schema.ts";

export function exceptionLine(record: ExceptionRecord): ReportException {
  return {
    chunk: record.chunkId,
    ...namePath(record.path),
    outcome: record.outcome,
    lost: [...record.lost],
    error: record.error === null ? null : errorLine(record.error),
    at: instantText(record.at),
  };
}

/** Null for a match: those are counted, not listed. */
export function verdictLine(record: VerdictRecord): ReportVerdict | null {
  if (record.result === "match") return null;
  return {
    chunk: record.chunkId,
    ...(record.path === null ? { path: null } : namePath(record.path)),
    stage: record.stage,
    result: record.result,
    source_digest: record.sourceDigest,
    target_digest: record.targetDigest,
    bad_blocks: record.bad.map(({ item, block, source, target }) => ({ item, block, source, target })),
    writer: record.writer,
    reader: record.reader,
    read_from: record.readFrom,
    at: instantText(record.at),
  };
}

/** Null for an attempt that did what it was to do, or was put back untouched for a pause. */
export function attemptLine(record: AttemptRecord): ReportAttempt | null {
  if (record.why === "done" || record.why === "released") return null;
  return {
    chunk: record.chunkId,
    stage: record.stage,
    worker: record.worker,
    epoch: record.epoch,
    started_at: instantText(record.startedAt),
    ended_at: record.endedAt === null ? null : instantText(record.endedAt),
    why: record.why === null ? null : record.why.toWellFormed(),
  };
}

export function jobLine(job: Job): ReportBody["job"] {
  return {
    id: job.id,
    kind: job.spec.kind,
    source: job.spec.source.toWellFormed(),
    target: job.spec.target.toWellFormed(),
    status: job.status,
    created_at: instantText(job.createdAt),
    started_at: job.startedAt === null ? null : instantText(job.startedAt),
    ended_at: job.endedAt === null ? null : instantText(job.endedAt),
    runs: job.runs,
    failure: job.failure === null ? null : errorLine(job.failure),
  };
}

export function optionsLine(spec: JobSpec): ReportBody["options"] {
  return {
    compare: spec.compare,
    links: spec.links,
    durability: spec.durability,
    verify: spec.verify,
    source_evidence: spec.sourceEvidence.type,
    source_evidence_sha256: spec.sourceEvidence.type === "manifest" ? spec.sourceEvidence.sha256 : null,
    file_digest: spec.fileDigest,
    reconcile: spec.reconcile,
    delete: spec.delete,
    max_delete: spec.maxDelete,
    chunk_bytes: spec.chunkBytes,
    include: spec.include.map((pattern) => pattern.toWellFormed()),
    exclude: spec.exclude.map((pattern) => pattern.toWellFormed()),
    files_from_sha256: spec.filesFrom?.sha256 ?? null,
  };
}

/** Of the job as a whole: the highest limit of its runs, and none where one run had none. */
export function limitsLine({ runs, limits, counters }: Job): ReportBody["limits"] {
  const perSecond = limits.map((run) => run.bytesPerSecond);
  const known = perSecond.filter((limit) => limit !== null);
  const isUncapped = known.length < perSecond.length;
  const isCapped = !isUncapped && runs > 0 && perSecond.length === runs;
  return {
    state: isUncapped ? "uncapped" : isCapped ? "capped" : "not_recorded",
    source_bytes_per_second: isCapped ? Math.max(...known) : null,
    runs: limits.map((run, index) => ({
      started_at: instantText(run.startedAt),
      source_bytes_per_second: run.bytesPerSecond,
      source_bytes_read: (limits[index + 1]?.bytesReadBefore ?? counters.sourceBytesRead ?? 0) - run.bytesReadBefore,
    })),
  };
}

function instantText(at: Instant): string {
  return new Date(at).toISOString();
}
