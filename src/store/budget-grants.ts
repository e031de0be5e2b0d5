/** Grants as rows. Whoever asks locks the source and then its job, so that two who ask at once are one after the other. */
import { capDuring } from "../model/budget.ts";
import type { Instant } from "../model/chunk.ts";
import { countedBytes, type Holding, renewHolding } from "../model/holding.ts";
import type { JobSpec, JobTerms } from "../model/job.ts";
import { type Claimant, grantFor, type Granted, grantMs, grantMsOfWorker, renewalMs } from "../model/shares.ts";
import type { Grant, GrantRecord, GrantRequest } from "../ports/budget.ts";
import { noteGrant } from "./budget-history.ts";
import { lockedCovering, sourceOf, throttleOf } from "./budget-sources.ts";
import { unknownJob } from "./counters.ts";
import { lockedJob } from "./lead.ts";
import type { GrantRow, SourceRow, Tx } from "./schema.ts";

export async function grantShare(tx: Tx, request: GrantRequest, now: Instant): Promise<Grant> {
  const { worker, jobId } = request;
  const job = await tx.selectFrom("jobs").select("spec").where("id", "=", jobId).executeTakeFirst();
  if (job === undefined) throw unknownJob(jobId);
  const source = await lockedCovering(tx, (JSON.parse(job.spec) as JobSpec).source);
  const terms = JSON.parse((await lockedJob(tx, jobId)).terms) as JobTerms;
  const rows = await livingGrants(tx, { sourceId: source?.id ?? null, jobId }, now);
  const isOwn = (row: GrantRow): boolean => row.worker === worker && row.job_id === jobId;
  const own = rows.find(isOwn) ?? null;
  const others = rows.filter((row) => !isOwn(row));
  const here = new Set<Claimant>();
  const claimants = others.map((row) => {
    const claimant = claimantOf(row, now);
    if (row.source_id === (source?.id ?? null)) here.add(claimant);
    return claimant;
  });
  const caps = {
    bytesPerSecond: source === null ? null : capDuring(sourceOf(source), now, grantMs),
    lanes: source === null ? null : throttleOf(source).lanesAllowed,
    now,
  };
  const granted = grantFor(askerOf(request, terms), claimants, caps, (other) => here.has(other));
  const row = grantRow(request, { terms, granted, own, sourceId: source?.id ?? null, now });
  await tx
    .insertInto("grants")
    .values(row)
    .onConflict((conflict) => conflict.columns(["job_id", "worker"]).doUpdateSet(row))
    .execute();
  if (source !== null) await noteAsker(tx, source, { request, rows: [...others, row], now });
  return {
    ...granted,
    sourceId: source?.id ?? null,
    lifeMs: grantMsOfWorker,
    renewMs: renewalMs(granted, claimants.length + 1),
  };
}

/** Of a source, or of a job whatever its source was; what is not used any more is left out. */
async function livingGrants(
  tx: Tx,
  { sourceId, jobId }: { readonly sourceId: string | null; readonly jobId: string },
  now: Instant,
): Promise<readonly GrantRow[]> {
  return tx
    .selectFrom("grants")
    .selectAll()
    .where((row) =>
      row.or([row("job_id", "=", jobId), ...(sourceId === null ? [] : [row("source_id", "=", sourceId)])]),
    )
    .where((row) => row.or([row("expires_at", ">", now), row("held_until", ">", now)]))
    .execute();
}

function askerOf(request: GrantRequest, terms: JobTerms): Claimant {
  return {
    worker: request.worker,
    jobId: request.jobId,
    priority: terms.priority,
    jobLimitBytesPerSecond: terms.limitBytesPerSecond,
    wantsBytesPerSecond: request.wantsBytesPerSecond,
    lanesWanted: request.lanesWanted,
    counted: { bytesPerSecond: 0, lanes: 0 },
  };
}

function claimantOf(row: GrantRow, now: Instant): Claimant {
  return {
    worker: row.worker,
    jobId: row.job_id,
    priority: row.priority,
    jobLimitBytesPerSecond: row.job_limit,
    wantsBytesPerSecond: row.wants,
    lanesWanted: row.lanes_wanted,
    counted: {
      bytesPerSecond: countedBytes(holdingOf(row), now),
      lanes: Math.max(row.lanes ?? row.lanes_wanted, row.lanes_held),
    },
  };
}

function holdingOf(row: GrantRow): Holding {
  return { given: row.bytes_per_second, givenUntil: row.expires_at, held: row.held, heldUntil: row.held_until };
}

interface Decided {
  readonly terms: JobTerms;
  readonly granted: Granted;
  readonly own: GrantRow | null;
  readonly sourceId: string | null;
  readonly now: Instant;
}

function grantRow(request: GrantRequest, { terms, granted, own, sourceId, now }: Decided): GrantRow {
  const { holds } = request;
  const before = own === null ? null : holdingOf(own);
  const holding = renewHolding(before, { given: granted.bytesPerSecond, holds: holds.bytesPerSecond, now });
  return {
    job_id: request.jobId,
    worker: request.worker,
    source_id: sourceId,
    priority: terms.priority,
    job_limit: terms.limitBytesPerSecond,
    wants: request.wantsBytesPerSecond,
    lanes_wanted: request.lanesWanted,
    bytes_per_second: holding.given,
    lanes: granted.lanes,
    expires_at: holding.givenUntil,
    held: holding.held,
    held_until: holding.heldUntil,
    lanes_held: holds.lanes,
    latency_us: request.readLatencyP95Ms === null ? null : Math.round(request.readLatencyP95Ms * 1_000),
  };
}

interface Asked {
  readonly request: GrantRequest;
  /** All that count on the source or the job now. */
  readonly rows: readonly GrantRow[];
  readonly now: Instant;
}

async function noteAsker(tx: Tx, source: SourceRow, { request, rows, now }: Asked): Promise<void> {
  if (request.slowDowns > 0)
    await tx
      .updateTable("sources")
      .set((row) => ({ slow_downs: row("slow_downs", "+", request.slowDowns) }))
      .where("id", "=", source.id)
      .execute();
  await noteGrant(tx, source, useOf(rows, source.id, now), now);
}

export function useOf(
  rows: readonly GrantRow[],
  sourceId: string,
  now: Instant,
): { readonly grantedBytesPerSecond: number | null; readonly workers: number } {
  const here = rows.filter((row) => row.source_id === sourceId && row.expires_at > now);
  const isLimited = here.every((row) => row.bytes_per_second !== null);
  return {
    grantedBytesPerSecond: isLimited ? here.reduce((sum, row) => sum + (row.bytes_per_second ?? 0), 0) : null,
    workers: here.length,
  };
}

/** Of one source, those that have not expired. */
export async function grantRows(tx: Tx, sourceId: string, now: Instant): Promise<readonly GrantRow[]> {
  return tx
    .selectFrom("grants")
    .selectAll()
    .where("source_id", "=", sourceId)
    .where("expires_at", ">", now)
    .orderBy("job_id")
    .orderBy("worker")
    .execute();
}

export function grantRecord(row: GrantRow): GrantRecord {
  return {
    worker: row.worker,
    jobId: row.job_id,
    priority: row.priority,
    bytesPerSecond: row.bytes_per_second,
    lanes: row.lanes,
    lanesWanted: row.lanes_wanted,
    readLatencyP95Ms: row.latency_us === null ? null : row.latency_us / 1_000,
    expiresAt: row.expires_at,
  };
}
