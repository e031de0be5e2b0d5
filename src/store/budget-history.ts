/** What became of a source's budget, bounded: every change, up to a number; a sample of each minute, for a week. */
import { capOf, type SourceId } from "../model/budget.ts";
import type { Instant } from "../model/chunk.ts";
import type { BudgetRecord } from "../ports/budget.ts";
import { sourceOf, throttleOf } from "./budget-sources.ts";
import type { SourceRow, Tx } from "./schema.ts";

const minuteMs = 60_000;
const samplesKeptMs = 7 * 24 * 60 * minuteMs;
const changesKept = 10_000;
/** Rows of workers that are gone. */
const grantsKeptMs = 60 * minuteMs;

export interface BudgetUse {
  readonly grantedBytesPerSecond: number | null;
  readonly workers: number;
}

/** A row where the cap has changed since the last one, or a minute has begun. */
export async function noteGrant(tx: Tx, row: SourceRow, use: BudgetUse, now: Instant): Promise<void> {
  const cap = capOf(sourceOf(row), now);
  const hasChanged = row.noted_at === 0 || cap !== row.noted_cap;
  if (!hasChanged && !isNewMinute(row, now)) return;
  const why = row.noted_at === 0 ? "first grant" : hasChanged ? "the cap has changed" : "minute";
  await noteBudget(tx, row, { ...use, isSample: !hasChanged, why, now });
}

export interface BudgetNote extends BudgetUse {
  readonly isSample: boolean;
  readonly why: string;
  readonly now: Instant;
}

export async function noteBudget(tx: Tx, row: SourceRow, note: BudgetNote): Promise<void> {
  const { grantedBytesPerSecond: granted, workers, isSample, why, now } = note;
  const cap = capOf(sourceOf(row), now);
  const lanes = throttleOf(row).lanesAllowed;
  await tx
    .insertInto("budget_history")
    .values({
      source_id: row.id,
      at: now,
      cap,
      granted,
      lanes_allowed: lanes,
      workers,
      is_sample: Number(isSample),
      why,
    })
    .execute();
  await tx.updateTable("sources").set({ noted_cap: cap, noted_at: now }).where("id", "=", row.id).execute();
  if (isNewMinute(row, now)) await forget(tx, row.id, now);
}

function isNewMinute({ noted_at: last }: SourceRow, now: Instant): boolean {
  return Math.floor(now / minuteMs) !== Math.floor(last / minuteMs);
}

async function forget(tx: Tx, id: SourceId, now: Instant): Promise<void> {
  const old = tx.deleteFrom("budget_history").where("source_id", "=", id);
  await old
    .where("is_sample", "=", 1)
    .where("at", "<", now - samplesKeptMs)
    .execute();
  const changes = tx.selectFrom("budget_history").select("id").where("source_id", "=", id).where("is_sample", "=", 0);
  const last = await changes.orderBy("id", "desc").offset(changesKept).limit(1).executeTakeFirst();
  if (last !== undefined) await old.where("is_sample", "=", 0).where("id", "<=", last.id).execute();
  await tx
    .deleteFrom("grants")
    .where("source_id", "=", id)
    .where("expires_at", "<", now - grantsKeptMs)
    .where("held_until", "<", now - grantsKeptMs)
    .execute();
}

export async function listHistory(tx: Tx, id: SourceId, limit: number): Promise<readonly BudgetRecord[]> {
  const rows = await tx
    .selectFrom("budget_history")
    .selectAll()
    .where("source_id", "=", id)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    sourceId: row.source_id,
    at: row.at,
    capBytesPerSecond: row.cap,
    grantedBytesPerSecond: row.granted,
    lanesAllowed: row.lanes_allowed,
    workers: row.workers,
    why: row.why,
  }));
}
