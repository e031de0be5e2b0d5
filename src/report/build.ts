/**
 * The integrity report of a job, made from the Store in one pass over each of its streams and never held in memory.
 * This file owns what a report says; where it goes is the business of its sink. The body comes last, because it binds
 * every section by its hash, and the signature is over the body alone: no digit of a report stands outside of it.
 */
import { GodwitError } from "../base/errors.ts";
import { everyCounter, type Job, listedSum, outcomeSum } from "../model/job.ts";
import type { ChunkRecord, Store } from "../ports/store.ts";
import { canonicalJson } from "./canonical.ts";
import { reportDeletions, reportEntries, type RowFindings } from "./entries.ts";
import { emptyByOutcome, EntryTally, tallied } from "./entry-tally.ts";
import { attemptLine, exceptionLine, jobLine, limitsLine, optionsLine, verdictLine } from "./history-lines.ts";
import { judge } from "./judge.ts";
import {
  type ByOutcome,
  type ReportBody,
  type ReportEntry,
  reportFormat,
  reportOutcomes,
  type SectionName,
  sectionNames,
} from "./schema.ts";
import { SectionHash } from "./section-hash.ts";
import { VerdictTally } from "./verdict-tally.ts";

/** The part of the Store that a report is made from. */
export type ReportStore = Pick<Store, "job" | "chunks" | "exceptions" | "verdicts" | "attempts">;

/** Where the lines go, in the order of the file. A promise is waited for before the next line comes. */
export interface ReportSink {
  /** Before the first line of a section. */
  readonly open?: (section: SectionName) => Promise<void> | null;
  readonly line?: (section: SectionName, canonical: string) => Promise<void> | null;
  readonly entry?: (entry: ReportEntry) => Promise<void> | null;
}

export interface BuildRequest {
  readonly store: ReportStore;
  readonly job: Job;
}

export async function jobOf(store: ReportStore, jobId: string): Promise<Job> {
  const job = await store.job(jobId);
  if (job !== null) return job;
  throw new GodwitError("job_unknown", {
    disposition: "rejected",
    what: `there is no job ${jobId} here`,
    hint: "`godwit jobs` lists the jobs of this state directory; --state names another.",
  });
}

export async function buildBody({ store, job }: BuildRequest, sink: ReportSink): Promise<ReportBody> {
  const hashes = Object.fromEntries(sectionNames.map((name) => [name, new SectionHash()]));
  const put = (section: SectionName, value: unknown): Promise<void> | null => {
    const canonical = canonicalJson(value);
    (hashes[section] as SectionHash).add(canonical);
    return sink.line?.(section, canonical) ?? null;
  };
  const verdicts = new VerdictTally();
  await writeHistory(store, job.id, { verdicts, put, sink });

  const tally = new EntryTally();
  const findings: RowFindings = { unprovenChunks: 0, deletionRows: 0 };
  await sink.open?.("entries");
  for await (const entries of reportEntries(store.chunks(job.id), job.spec, verdicts, findings)) {
    for (const entry of entries) {
      tally.add(entry);
      const waits = [put("entries", entry), sink.entry?.(entry) ?? null];
      for (const wait of waits) if (wait !== null) await wait;
    }
  }
  await sink.open?.("deletions");
  const deletions = { deleted: 0, vanished: 0, failed: 0, pending: 0 };
  const deletionRows = findings.deletionRows > 0 ? store.chunks(job.id) : nothing();
  for await (const line of reportDeletions(deletionRows)) {
    deletions[line.outcome] += 1;
    const wait = put("deletions", line);
    if (wait !== null) await wait;
  }

  const totals: ReportBody["totals"] = {
    ...countersOf(job),
    ...tallied(tally),
    deletions,
    unproven_chunks: findings.unprovenChunks,
  };
  const facts = { job: jobLine(job), totals, verdict_counts: verdicts.counts() };
  const sections = Object.fromEntries(sectionNames.map((name) => [name, (hashes[name] as SectionHash).finish()]));
  return {
    godwit_report: reportFormat,
    ...facts,
    options: optionsLine(job.spec),
    limits: limitsLine(job),
    ...judge(facts),
    sections: sections as ReportBody["sections"],
    merkle: { leaves: tally.merkle.leaves, root: tally.merkle.root().toString("hex") },
  };
}

interface History {
  readonly verdicts: VerdictTally;
  readonly put: (section: SectionName, value: unknown) => Promise<void> | null;
  readonly sink: ReportSink;
}

/** The sections before the entries. Verdicts come first of all streams that matter to them: they prove the rows. */
async function writeHistory(store: ReportStore, jobId: string, { verdicts, put, sink }: History): Promise<void> {
  await sink.open?.("exceptions");
  for await (const record of store.exceptions(jobId)) await put("exceptions", exceptionLine(record));
  await sink.open?.("verdicts");
  for await (const record of store.verdicts(jobId)) {
    verdicts.add(record);
    const line = verdictLine(record);
    if (line !== null) await put("verdicts", line);
  }
  await sink.open?.("attempts");
  for await (const record of store.attempts(jobId)) {
    const line = attemptLine(record);
    if (line !== null) await put("attempts", line);
  }
}

type FromCounters = Omit<
  ReportBody["totals"],
  "outcomes" | "evidence" | "undigested_entries" | "unproven_chunks" | "deletions"
>;

function countersOf(job: Job): FromCounters {
  const counters = everyCounter(job.counters);
  const counted: ByOutcome = emptyByOutcome();
  for (const outcome of reportOutcomes) {
    if (outcome === "pending") continue;
    counted[outcome] = outcomeSum(counters, outcome);
  }
  return {
    listed: listedSum(counters),
    counted,
    source_bytes_read: counters.sourceBytesRead,
    target_bytes_written: counters.targetBytesWritten,
    target_bytes_read_back: counters.targetBytesRead,
    retries: counters.retries,
    mismatches: counters.mismatches,
    losses: counters.losses,
  };
}

async function* nothing(): AsyncGenerator<ChunkRecord> {
  // No row of this job is a deletion.
}
