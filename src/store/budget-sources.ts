import { GodwitError } from "../base/errors.ts";
import { type ThrottleState, unthrottled } from "../model/aimd.ts";
import { checkSource, coveringSource, type SourceId, type SourceLimits } from "../model/budget.ts";
import type { Instant } from "../model/chunk.ts";
import type { Threshold } from "../model/threshold.ts";
import type { Timetable } from "../model/timetable.ts";
import type { SourceRecord } from "../ports/budget.ts";
import { pass } from "./gates.ts";
import type { SourceRow, Tx } from "./schema.ts";

/** What the throttle knows, and which signals were above their thresholds when it looked last. */
export interface KeptThrottle extends ThrottleState {
  readonly above: readonly string[];
}

export async function listSources(tx: Tx): Promise<readonly SourceRecord[]> {
  return (await tx.selectFrom("sources").selectAll().orderBy("id").execute()).map(sourceOf);
}

/** @throws source_unknown */
export async function findSource(tx: Tx, id: SourceId): Promise<SourceRecord> {
  const row = await tx.selectFrom("sources").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) throw unknownSource(id);
  return sourceOf(row);
}

/** Locked, for what is changed by what it says. @throws source_unknown */
export async function lockedSource(tx: Tx, id: SourceId): Promise<SourceRow> {
  const row = await tx.selectFrom("sources").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
  if (row === undefined) throw unknownSource(id);
  return row;
}

/** Locked; null where none covers the place. Between the look and the lock it may have been moved or removed. */
export async function lockedCovering(tx: Tx, location: string): Promise<SourceRow | null> {
  for (;;) {
    const nearest = coveringSource(await listSources(tx), location);
    if (nearest === null) return null;
    const row = await tx.selectFrom("sources").selectAll().where("id", "=", nearest.id).forUpdate().executeTakeFirst();
    if (row?.location === nearest.location) return row;
  }
}

export async function putSource(tx: Tx, limits: SourceLimits, now: Instant): Promise<SourceRecord> {
  checkSource(limits);
  await pass(tx, "sources");
  const { id, location } = limits;
  const bare = location.replace(/([^/:])\/+$/, "$1");
  const other = (await listSources(tx)).find((source) => source.id !== id && source.location === bare);
  if (other !== undefined)
    throw new GodwitError("config_invalid", {
      disposition: "rejected",
      what: `the location ${bare} is that of the source ${other.id} already`,
      hint: "Change that source, or remove it first.",
    });
  const given = {
    location: bare,
    production: limits.production ? 1 : 0,
    stated_peak: limits.statedPeakBytesPerSecond,
    byte_limit: limits.limitBytesPerSecond,
    timetable: limits.timetable === null ? null : JSON.stringify(limits.timetable),
    thresholds: JSON.stringify(limits.thresholds),
    updated_at: now,
  };
  const throttle: KeptThrottle = { ...unthrottled, above: [] };
  const fresh = { throttle: JSON.stringify(throttle), slow_downs: 0, slow_downs_seen: 0, noted_cap: null, noted_at: 0 };
  await tx
    .insertInto("sources")
    .values({ id, created_at: now, ...given, ...fresh })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(given))
    .execute();
  return findSource(tx, id);
}

/** @throws source_unknown */
export async function removeSource(tx: Tx, id: SourceId): Promise<void> {
  await lockedSource(tx, id);
  await tx.deleteFrom("budget_history").where("source_id", "=", id).execute();
  await tx.deleteFrom("sources").where("id", "=", id).execute();
}

export function sourceOf(row: SourceRow): SourceRecord {
  return {
    id: row.id,
    location: row.location,
    production: row.production === 1,
    statedPeakBytesPerSecond: row.stated_peak,
    limitBytesPerSecond: row.byte_limit,
    timetable: row.timetable === null ? null : (JSON.parse(row.timetable) as Timetable),
    thresholds: JSON.parse(row.thresholds) as Threshold[],
    lanesAllowed: throttleOf(row).lanesAllowed,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function throttleOf({ throttle }: SourceRow): KeptThrottle {
  return JSON.parse(throttle) as KeptThrottle;
}

function unknownSource(id: SourceId): GodwitError {
  return new GodwitError("source_unknown", {
    disposition: "rejected",
    what: `there is no source ${id}`,
    hint: "Look at the list of sources.",
  });
}
