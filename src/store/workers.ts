/** Workers that say they are there. Nothing is decided by it but to whom a read-back is left. */
import type { Instant } from "../model/chunk.ts";
import type { WorkerBeat, WorkerRecord } from "../ports/store.ts";
import type { Tx } from "./schema.ts";

/** As long as a lease lives. */
const lostAfterMs = 30_000;
const forgottenAfterMs = 24 * 3_600_000;

/** @returns how many others are alive */
export async function beat(tx: Tx, { id, host, version, lanes, failure }: WorkerBeat, now: Instant): Promise<number> {
  const seen = { host, version, lanes, failure, seen_at: now, left_at: null };
  await tx
    .insertInto("workers")
    .values({ id, started_at: now, ...seen })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(seen))
    .execute();
  await tx
    .deleteFrom("workers")
    .where("seen_at", "<", now - forgottenAfterMs)
    .execute();
  const { others } = await tx
    .selectFrom("workers")
    .select((row) => row.fn.countAll<number>().as("others"))
    .where("id", "<>", id)
    .where("left_at", "is", null)
    .where("seen_at", ">", now - lostAfterMs)
    .executeTakeFirstOrThrow();
  return others;
}

export async function leave(tx: Tx, id: string, now: Instant): Promise<void> {
  await tx.updateTable("workers").set({ left_at: now }).where("id", "=", id).execute();
}

export async function listWorkers(tx: Tx, now: Instant): Promise<readonly WorkerRecord[]> {
  const rows = await tx.selectFrom("workers").selectAll().orderBy("started_at", "desc").orderBy("id").execute();
  return rows.map((row) => ({
    id: row.id,
    host: row.host,
    version: row.version,
    lanes: row.lanes,
    failure: row.failure,
    startedAt: row.started_at,
    seenAt: row.seen_at,
    state: row.left_at !== null ? "left" : row.seen_at > now - lostAfterMs ? "alive" : "lost",
  }));
}
