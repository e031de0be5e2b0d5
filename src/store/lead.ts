/** Leadership of a job: a lease by the Store's clock, with an epoch that every write of a leader asserts. */
import { GodwitError } from "../base/errors.ts";
import type { Instant, JobId } from "../model/chunk.ts";
import { isFinal } from "../model/job.ts";
import type { Lead } from "../ports/store.ts";
import { leasedRows } from "./claim.ts";
import { noLease } from "./add-chunks.ts";
import { unknownJob } from "./counters.ts";
import { leaseLost } from "./load.ts";
import { measuredAnew } from "./pace.ts";
import { recordAttempt } from "./proof.ts";
import type { JobRow, Tx } from "./schema.ts";
import type { Unit } from "./unit.ts";

const leadMs = 3_000;

export interface TakeLead {
  readonly owner: string;
  /** Whether the leases of its lanes end with a predecessor. */
  readonly endsLeases: boolean;
  readonly isAlive: (owner: string) => boolean;
}

/** @throws job_locked while another owner's lead has not expired and its process is alive */
export async function takeLead(unit: Unit, { owner, endsLeases, isAlive }: TakeLead): Promise<Lead> {
  const { tx, jobId, now } = unit;
  const job = await lockedJob(tx, jobId);
  const other = livingLeader(job, now, isAlive);
  if (other !== null && other !== owner) throw locked(jobId, other);
  const epoch = job.lead_epoch + 1;
  await tx
    .updateTable("jobs")
    .set({
      lead_owner: owner,
      lead_epoch: epoch,
      lead_expires_at: now + leadMs,
      runs: job.runs + 1,
      started_at: job.started_at ?? now,
      ...(endsLeases && measuredAnew),
    })
    .where("id", "=", jobId)
    .execute();
  if (endsLeases) await endLeases(unit);
  return { jobId, owner, epoch, expiresAt: now + leadMs };
}

/** Null when nobody leads, or the process of whoever did is gone. */
export function livingLeader(job: JobRow, now: Instant, isAlive: (owner: string) => boolean): string | null {
  const { lead_owner: owner, lead_expires_at: expiresAt } = job;
  return owner !== null && expiresAt > now && isAlive(owner) ? owner : null;
}

/** @returns false, with nothing changed, while somebody leads the job */
export async function stopIdle(
  unit: Unit,
  status: "paused" | "cancelled",
  isAlive: (owner: string) => boolean,
): Promise<boolean> {
  const { tx, jobId, now } = unit;
  const job = await lockedJob(tx, jobId);
  if (livingLeader(job, now, isAlive) !== null) return false;
  await tx
    .updateTable("jobs")
    .set({
      status,
      wish: null,
      ended_at: isFinal(status) ? now : null,
      lead_owner: null,
      lead_epoch: job.lead_epoch + 1,
      lead_expires_at: 0,
      ...measuredAnew,
    })
    .where("id", "=", jobId)
    .execute();
  await endLeases(unit);
  return true;
}

/** The lanes of the one before are gone with it: what they held is free at once, and their late answers are refused. */
async function endLeases(unit: Unit): Promise<void> {
  const { rows, now } = unit;
  const leased = await leasedRows(unit.tx, unit.jobId).orderBy("id").forUpdate().execute();
  await rows.keep(leased);
  for (const row of leased) {
    recordAttempt(unit, row, "leader replaced");
    rows.set(row.id, { ...noLease, state: "pending", epoch: row.epoch + 1, queued_at: now });
  }
}

/** @throws lease_lost when another leads */
export async function assertLead(tx: Tx, lead: Lead): Promise<JobRow> {
  const job = await lockedJob(tx, lead.jobId);
  if (job.lead_owner !== lead.owner || job.lead_epoch !== lead.epoch)
    throw leaseLost(`the lead of ${lead.owner} on job ${lead.jobId}`);
  return job;
}

export async function renewLead(tx: Tx, lead: Lead, now: Instant): Promise<Lead> {
  await assertLead(tx, lead);
  const expiresAt = now + leadMs;
  await tx.updateTable("jobs").set({ lead_expires_at: expiresAt }).where("id", "=", lead.jobId).execute();
  return { ...lead, expiresAt };
}

/** Nothing to do where another leads already. The epoch stays: it only grows. */
export async function resign(tx: Tx, lead: Lead): Promise<void> {
  await tx
    .updateTable("jobs")
    .set({ lead_owner: null, lead_expires_at: 0 })
    .where("id", "=", lead.jobId)
    .where("lead_owner", "=", lead.owner)
    .where("lead_epoch", "=", lead.epoch)
    .execute();
}

/** Locked, for what is changed by what it says. */
export async function lockedJob(tx: Tx, jobId: JobId): Promise<JobRow> {
  const row = await tx.selectFrom("jobs").selectAll().where("id", "=", jobId).forUpdate().executeTakeFirst();
  if (row === undefined) throw unknownJob(jobId);
  return row;
}

export async function jobRow(tx: Tx, jobId: JobId): Promise<JobRow> {
  const row = await tx.selectFrom("jobs").selectAll().where("id", "=", jobId).executeTakeFirst();
  if (row === undefined) throw unknownJob(jobId);
  return row;
}

function locked(jobId: JobId, owner: string): GodwitError {
  return new GodwitError("job_locked", {
    disposition: "rejected",
    what: `job ${jobId} is being run by another process (${owner})`,
    hint: "Wait for it, or stop it; `godwit status` shows how far it is.",
  });
}
