import { react } from "../model/aimd.ts";
import type { SourceId } from "../model/budget.ts";
import type { Instant } from "../model/chunk.ts";
import type { Observation, SourceRecord } from "../ports/budget.ts";
import { grantRows, useOf } from "./budget-grants.ts";
import { noteBudget } from "./budget-history.ts";
import { type KeptThrottle, lockedSource, sourceOf, throttleOf } from "./budget-sources.ts";
import type { GrantRow, SourceRow, Tx } from "./schema.ts";

/** Decided under the source's lock, from what stands there: two coordinators that look at once cut once. */
export async function throttleSource(
  tx: Tx,
  { id, observations }: { readonly id: SourceId; readonly observations: readonly Observation[] },
  now: Instant,
): Promise<SourceRecord> {
  const row = await lockedSource(tx, id);
  const grants = await grantRows(tx, id, now);
  const before = throttleOf(row);
  const above = [...observations, ...latencies(row, grants), ...slowDowns(row)].filter(({ isAbove }) => isAbove);
  const after: KeptThrottle = {
    ...react(before, {
      isAbove: above.length > 0,
      lanesActive: lanesOf(grants, ({ lanes, lanes_wanted: wanted }) => Math.min(lanes ?? Infinity, wanted)),
      lanesWanted: lanesOf(grants, ({ lanes_wanted: wanted }) => wanted),
      now,
    }),
    above: above.map(({ name }) => name),
  };
  const changed: SourceRow = { ...row, throttle: JSON.stringify(after), slow_downs_seen: row.slow_downs };
  await tx
    .updateTable("sources")
    .set({ throttle: changed.throttle, slow_downs_seen: changed.slow_downs_seen })
    .where("id", "=", id)
    .execute();
  const why = whyOf(before, after, above);
  if (why !== null) await noteBudget(tx, changed, { ...useOf(grants, id, now), isSample: false, why, now });
  return sourceOf(changed);
}

/** A process that works on several jobs wants all of its lanes for each of them: they are counted once. */
function lanesOf(grants: readonly GrantRow[], countOf: (grant: GrantRow) => number): number {
  const byWorker = Map.groupBy(grants, ({ worker }) => worker);
  return byWorker.values().reduce((sum, own) => {
    const most = Math.max(...own.map(({ lanes_wanted: wanted }) => wanted));
    return (
      sum +
      Math.min(
        most,
        own.map(countOf).reduce((a, b) => a + b, 0),
      )
    );
  }, 0);
}

function latencies(row: SourceRow, grants: readonly GrantRow[]): readonly Observation[] {
  const worstMs = Math.max(...grants.map(({ latency_us: us }) => us ?? 0), 0) / 1_000;
  return sourceOf(row)
    .thresholds.filter(({ type }) => type === "read_latency")
    .map(({ name, above }) => ({
      name,
      isAbove: worstMs > above,
      text: `reads take ${Math.round(worstMs)} ms at the 95th percentile, above ${above} ms`,
    }));
}

function slowDowns({ slow_downs: all, slow_downs_seen: seen }: SourceRow): readonly Observation[] {
  return [{ name: "slow_down", isAbove: all > seen, text: `${all - seen} answers asked to slow down` }];
}

/** Null: nothing to tell. */
function whyOf(before: KeptThrottle, after: KeptThrottle, above: readonly Observation[]): string | null {
  const reasons = above.map(({ name, text }) => `${name}: ${text}`).join("; ");
  if (after.lanesAllowed !== before.lanesAllowed)
    return reasons === "" ? "one more lane after five quiet minutes" : `lanes halved: ${reasons}`;
  const isNew = after.above.some((name) => !before.above.includes(name));
  if (isNew) return `above the threshold: ${reasons}`;
  return before.above.length > 0 && after.above.length === 0 ? "all below their thresholds again" : null;
}
