/**
 * The stable shape of a report, format 1. docs/reference/report.md explains it; `reportJsonSchema` gives it to machines.
 * Objects are strict: a checker refuses what it does not know, so a new field comes with a new format number.
 */
import { z } from "zod";
import { stages } from "../model/chunk.ts";
import { entryKinds, evidences, outcomes } from "../model/entry.ts";
import { jobStatuses } from "../model/job.ts";

export const reportFormat = 1;

const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const base64 = z.base64();
const instant = z.iso.datetime({ precision: 3 });
const keyId = z.string().regex(/^[0-9a-f]{16}$/);
const stage = z.enum(stages);
const entryKind = z.enum(entryKinds);
/** `pending` stands only in reports of jobs that have not reached the entry (yet, or ever). */
export const reportOutcomes = [...outcomes, "pending"] as const;
const outcome = z.enum(reportOutcomes);
const readFrom = z.enum(["medium", "cache", "store"]);
const error = z.strictObject({ code: z.string(), what: z.string(), hint: z.string() });
const sum = z.strictObject({ entries: count, bytes: count });

/** A name: UTF-8 text, or, where the bytes are none, a readable form and the bytes themselves. */
const named = { path: z.string(), path_bytes_base64: base64.optional() };

const range = z.strictObject({ offset_bytes: count, length_bytes: count, digest: sha256 });

export const entrySchema = z.strictObject({
  chunk: count,
  ...named,
  kind: entryKind,
  size_bytes: count,
  outcome,
  evidence: z.enum(evidences),
  version: z.string(),
  sha256: sha256.nullable(),
  /** Of a table: as many were read as were loaded. */
  rows: count.optional(),
  ranges: z.array(range).optional(),
  link: z.string().optional(),
  link_bytes_base64: base64.optional(),
  error: error.optional(),
});

export const deletionSchema = z.strictObject({
  chunk: count,
  ...named,
  kind: entryKind,
  outcome: z.enum(["deleted", "vanished", "failed", "pending"]),
  error: error.optional(),
});

export const exceptionSchema = z.strictObject({
  chunk: count,
  ...named,
  outcome: z.string(),
  lost: z.array(z.string()),
  error: error.nullable(),
  at: instant,
});

const badBlock = z.strictObject({ item: count, block: count, source: z.string(), target: z.string().nullable() });

export const verdictSchema = z.strictObject({
  chunk: count,
  path: z.string().nullable(),
  path_bytes_base64: base64.optional(),
  stage,
  result: z.enum(["mismatch", "inconclusive"]),
  source_digest: z.string(),
  target_digest: z.string(),
  bad_blocks: z.array(badBlock),
  writer: z.string().nullable(),
  reader: z.string(),
  read_from: readFrom,
  at: instant,
});

export const attemptSchema = z.strictObject({
  chunk: count,
  stage,
  worker: z.string(),
  epoch: count,
  started_at: instant,
  ended_at: instant.nullable(),
  why: z.string().nullable(),
});

/** In the order in which they stand in the file. */
export const sectionSchemas = {
  exceptions: exceptionSchema,
  verdicts: verdictSchema,
  attempts: attemptSchema,
  entries: entrySchema,
  deletions: deletionSchema,
} as const;
export type SectionName = keyof typeof sectionSchemas;
export const sectionNames = Object.keys(sectionSchemas) as readonly SectionName[];

const byOutcome = z.strictObject(
  Object.fromEntries(reportOutcomes.map((name) => [name, sum])) as Record<ReportOutcome, typeof sum>,
);
const byEvidence = z.strictObject(
  Object.fromEntries(evidences.map((name) => [name, sum])) as Record<(typeof evidences)[number], typeof sum>,
);

const job = z.strictObject({
  id: z.string(),
  kind: z.enum(["copy", "sync", "check"]),
  source: z.string(),
  target: z.string(),
  status: z.enum(jobStatuses),
  created_at: instant,
  started_at: instant.nullable(),
  ended_at: instant.nullable(),
  runs: count,
  failure: error.nullable(),
});

const options = z.strictObject({
  compare: z.enum(["content", "mtime"]),
  links: z.enum(["preserve", "follow", "skip"]),
  durability: z.enum(["fsync", "none"]),
  verify: z.enum(["readback", "checksum"]),
  source_evidence: z.enum(["none", "store", "prehash", "manifest"]),
  source_evidence_sha256: sha256.nullable(),
  file_digest: z.boolean(),
  reconcile: z.boolean(),
  delete: z.boolean(),
  max_delete: count.nullable(),
  chunk_bytes: count,
  include: z.array(z.string()),
  exclude: z.array(z.string()),
  files_from_sha256: sha256.nullable(),
});

const limits = z.strictObject({
  state: z.enum(["uncapped", "capped", "not_recorded"]),
  source_bytes_per_second: count.nullable(),
  /** Each process that led the job, the oldest first. */
  runs: z.array(
    z.strictObject({ started_at: instant, source_bytes_per_second: count.nullable(), source_bytes_read: count }),
  ),
});

const totals = z.strictObject({
  /** What the source listed. */
  listed: sum,
  /** What the job counted while it ran. */
  counted: byOutcome,
  /** What the entries of this report add up to. The three must agree. */
  outcomes: byOutcome,
  evidence: byEvidence,
  source_bytes_read: count,
  target_bytes_written: count,
  target_bytes_read_back: count,
  retries: count,
  mismatches: count,
  /** Entries whose bytes arrived and whose attributes did not, all of them. */
  losses: count,
  deletions: z.strictObject({ deleted: count, vanished: count, failed: count, pending: count }),
  /** Entries said to be proven for which this report holds no digest over all of their bytes. */
  undigested_entries: count,
  /** Chunks said to be verified without a verdict that says so. */
  unproven_chunks: count,
});

const verdictCount = z.strictObject({
  stage,
  result: z.enum(["match", "mismatch", "inconclusive"]),
  read_from: readFrom,
  count,
});

const problem = z.strictObject({ code: z.string(), expected: z.string(), found: z.string(), text: z.string() });

const section = z.strictObject({ lines: count, sha256 });

export const bodySchema = z.strictObject({
  godwit_report: z.literal(reportFormat),
  job,
  options,
  limits,
  overall_status: z.enum(["pass", "fail", "in_progress"]),
  problems: z.array(problem),
  totals,
  verdict_counts: z.array(verdictCount),
  sections: z.strictObject(
    Object.fromEntries(sectionNames.map((name) => [name, section])) as Record<SectionName, typeof section>,
  ),
  merkle: z.strictObject({ leaves: count, root: sha256 }),
});

export const signatureSchema = z.strictObject({
  algorithm: z.literal("ed25519"),
  key_id: keyId,
  /** SPKI, DER. */
  public_key: base64,
  value: base64,
});

export const reportSchema = z.strictObject({
  godwit_report: z.literal(reportFormat),
  exceptions: z.array(exceptionSchema),
  verdicts: z.array(verdictSchema),
  attempts: z.array(attemptSchema),
  entries: z.array(entrySchema),
  deletions: z.array(deletionSchema),
  body: bodySchema,
  signature: signatureSchema,
});

export type ReportOutcome = (typeof reportOutcomes)[number];
export type ReportEntry = z.infer<typeof entrySchema>;
export type ReportRange = z.infer<typeof range>;
export type ReportDeletion = z.infer<typeof deletionSchema>;
export type ReportException = z.infer<typeof exceptionSchema>;
export type ReportVerdict = z.infer<typeof verdictSchema>;
export type ReportAttempt = z.infer<typeof attemptSchema>;
export type ReportBody = z.infer<typeof bodySchema>;
export type ReportProblem = z.infer<typeof problem>;
export type ReportSignature = z.infer<typeof signatureSchema>;
export type VerdictCount = z.infer<typeof verdictCount>;
export type EntrySum = z.infer<typeof sum>;
export type ByOutcome = z.infer<typeof byOutcome>;

/** JSON Schema (draft 2020-12) of the whole document. */
export function reportJsonSchema(): object {
  return z.toJSONSchema(reportSchema, { target: "draft-2020-12" });
}
