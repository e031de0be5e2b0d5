/**
 * What a monitoring system asks every few seconds. Nothing here grows with a job: sums are those of the last checkpoint,
 * and rows are counted by partial indexes, up to a bound.
 */
import { type SelectQueryBuilder, sql } from "kysely";
import type { Instant, JobId } from "../model/chunk.ts";
import type { Counters, JobStatus, JobTerms } from "../model/job.ts";
import type { FleetGlance, FleetJob } from "../ports/overview.ts";
import { endedForGood } from "./failed-rows.ts";
import type { Database, JobRow, Tx } from "./schema.ts";

const failedMax = 1_000;
const inboxMax = 10_000;
/** A lease that ran out longer ago does not count: others have claimed its chunk, or nobody is at work. */
const expiredForMsMax = 60_000;

export interface FleetQuery {
  readonly jobsMax: number;
  readonly now: Instant;
  readonly isLed: (row: JobRow, now: Instant) => boolean;
  readonly size: (tx: Tx) => Promise<number>;
}

export async function fleetGlance(tx: Tx, { jobsMax, now, isLed, size }: FleetQuery): Promise<FleetGlance> {
  const counted = await tx
    .selectFrom("jobs")
    .select((row) => ["status", row.fn.countAll<number>().as("jobs")])
    .groupBy("status")
    .execute();
  const open = await tx
    .selectFrom("jobs")
    .selectAll()
    .where("status", "in", ["pending", "planning", "running", "reconciling", "paused"])
    .orderBy("priority", "desc")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  const wantLeader = open.filter(({ status, wish }) => status !== "paused" && wish === null);
  const jobs: FleetJob[] = [];
  for (const row of open.slice(0, jobsMax)) jobs.push(await fleetJob(tx, row, { isLed: isLed(row, now), now }));
  return {
    now,
    statuses: Object.fromEntries(counted.map(({ status, jobs: count }) => [status, count])) as Partial<
      Record<JobStatus, number>
    >,
    jobs,
    jobsWithoutLeader: wantLeader.filter((row) => !isLed(row, now)).length,
    storeBytes: await size(tx),
  };
}

async function fleetJob(
  tx: Tx,
  row: JobRow,
  { isLed, now }: { readonly isLed: boolean; readonly now: Instant },
): Promise<FleetJob> {
  const rows = await countRows(tx, row.id, now);
  return {
    id: row.id,
    status: row.status,
    priority: (JSON.parse(row.terms) as JobTerms).priority,
    isLed,
    leadEpoch: row.lead_epoch,
    counters: JSON.parse(row.counters) as Counters,
    ...rows,
  };
}

type Counted = Pick<FleetJob, "leasedChunks" | "failedChunks" | "inboxRows">;

/** The conditions on states are those of the partial indexes, word by word. */
async function countRows(tx: Tx, jobId: JobId, now: Instant): Promise<Counted> {
  const rows = tx.selectFrom("chunks").where("job_id", "=", jobId);
  const failed = endedForGood(rows.where(sql<boolean>`state = 'failed'`));
  // While somebody holds an old snapshot open, PostgreSQL cannot remove an index entry, and every lease leaves one. Those
  // of the past lie before this bound, so that the count does not walk over them.
  const leased = rows.where(sql<boolean>`state = 'in_progress'`).where("expires_at", ">", now - expiredForMsMax);
  const inbox = tx.selectFrom("inbox").select("id").where("job_id", "=", jobId);
  return {
    leasedChunks: await countOf(tx, leased.select("id")),
    failedChunks: await countOf(tx, failed.select("id").limit(failedMax)),
    inboxRows: await countOf(tx, inbox.limit(inboxMax)),
  };
}

async function countOf(
  tx: Tx,
  rows: SelectQueryBuilder<Database, "chunks" | "inbox", { id: number }>,
): Promise<number> {
  const all = tx.selectFrom(rows.as("counted")).select((row) => row.fn.countAll<number>().as("n"));
  return (await all.executeTakeFirstOrThrow()).n;
}
