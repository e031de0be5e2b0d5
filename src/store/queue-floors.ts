/**
 * Where a job's queue begins, kept beside it. An engine that keeps old versions of rows for as long as anybody may look
 * at them keeps their index entries, too: to a process that joins after ten million tasks, the way from the start of the
 * queue to its first open row may be longer than a statement may take. Any process that claims moves the beginning on,
 * one at a time, now and then; nothing is kept that a transaction still under way could undo.
 */
import { sql } from "kysely";
import type { Instant, JobId } from "../model/chunk.ts";
import { type Floor, type Floors, noFloors, start } from "./queue-memory.ts";
import type { QueueFloorsTable, Tx } from "./schema.ts";
import { ranksUsed } from "./unit.ts";

const moveIntervalMs = 30_000;
/** Longer than a transaction of ours may be under way, whose rows are queued at the time at which it began. */
const settleMs = 60_000;

interface Rank {
  readonly phase: number;
  readonly rank: number;
}

/** Leases have an order of their own, by their end; and there is one row that says when the beginning was moved. */
const leases = { phase: -1, rank: -1 } as const;
const stamp = { phase: -1, rank: -2 } as const;

/** What is kept; moved on before, when that is due and nobody else does it. */
export async function knowFloors(tx: Tx, jobId: JobId, now: Instant): Promise<Floors> {
  const rows = await tx.selectFrom("queue_floors").selectAll().where("job_id", "=", jobId).execute();
  // A clock that was set back: what is queued from now on would come before the beginning.
  if (rows.some((row) => row.queued_at > now && !isAt(stamp)(row))) {
    await dropFloors(tx, jobId);
    return noFloors;
  }
  const movedAt = rows.find(isAt(stamp))?.queued_at ?? 0;
  const isDue = now >= movedAt + moveIntervalMs || movedAt > now;
  if (!isDue || !(await isMover(tx, jobId, movedAt, now))) return floorsOf(rows);
  return floorsOf(await moveOn(tx, { jobId, now, rows }));
}

/** What is kept. */
export async function readFloors(tx: Tx, jobId: JobId): Promise<Floors> {
  return floorsOf(await tx.selectFrom("queue_floors").selectAll().where("job_id", "=", jobId).execute());
}

/** Something lies before the beginning: it is looked for from the start. */
export async function dropFloors(tx: Tx, jobId: JobId): Promise<void> {
  await tx.deleteFrom("queue_floors").where("job_id", "=", jobId).execute();
}

/** One of several that see at once that it is due; the others do not wait. */
async function isMover(tx: Tx, jobId: JobId, movedAt: Instant, now: Instant): Promise<boolean> {
  if (movedAt === 0) {
    const made = await tx
      .insertInto("queue_floors")
      .values({ job_id: jobId, ...stamp, queued_at: now, id: 0 })
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .execute();
    return made.length > 0;
  }
  const free = tx
    .selectFrom("queue_floors")
    .select("job_id")
    .where("job_id", "=", jobId)
    .where("rank", "=", stamp.rank)
    .where("queued_at", "=", movedAt);
  const [held] = await free.forUpdate().skipLocked().execute();
  return held !== undefined;
}

interface Moving {
  readonly jobId: JobId;
  readonly now: Instant;
  readonly rows: readonly QueueFloorsTable[];
}

/** Without locks: a row that a claim holds at this moment is still there when that claim is undone. */
async function moveOn(tx: Tx, { jobId, now, rows }: Moving): Promise<readonly QueueFloorsTable[]> {
  const { phase } = await tx.selectFrom("jobs").select("phase").where("id", "=", jobId).executeTakeFirstOrThrow();
  const settled = Math.max(0, now - settleMs);
  const from = (at: Rank): Floor => floorOf(rows.find(isAt(at)));
  const [lease, ...firsts] = await Promise.all([
    firstLease(tx, jobId, from(leases).queuedAt),
    ...ranksUsed.map((rank) => firstPending(tx, { jobId, phase, rank, from: from({ phase, rank }) })),
  ]);
  const at = (place: Rank, queued_at: Instant, id = 0): QueueFloorsTable => ({
    job_id: jobId,
    ...place,
    queued_at,
    id,
  });
  const moved = [
    at(stamp, now),
    at(leases, Math.min(lease ?? settled, settled)),
    ...ranksUsed.map((rank, index) => {
      const first = firsts[index];
      const isSettled = first !== undefined && first.queued_at <= settled;
      return isSettled ? at({ phase, rank }, first.queued_at, first.id) : at({ phase, rank }, settled);
    }),
  ];
  await tx
    .insertInto("queue_floors")
    .values(moved)
    .onConflict((conflict) =>
      conflict.columns(["job_id", "phase", "rank"]).doUpdateSet((row) => ({
        queued_at: row.ref("excluded.queued_at"),
        id: row.ref("excluded.id"),
      })),
    )
    .execute();
  return [...rows.filter((kept) => !moved.some(isAt(kept))), ...moved];
}

async function firstLease(tx: Tx, jobId: JobId, from: Instant): Promise<Instant | undefined> {
  const row = await tx
    .selectFrom("chunks")
    .select("expires_at")
    .where("job_id", "=", jobId)
    .where(sql<boolean>`state = 'in_progress'`)
    .where("expires_at", ">=", from)
    .orderBy("expires_at")
    .limit(1)
    .executeTakeFirst();
  return row?.expires_at ?? undefined;
}

interface Place {
  readonly jobId: JobId;
  readonly phase: number;
  readonly rank: number;
  readonly from: Floor;
}

function firstPending(tx: Tx, { jobId, phase, rank, from }: Place) {
  return tx
    .selectFrom("chunks")
    .select(["queued_at", "id"])
    .where("job_id", "=", jobId)
    .where("phase", "=", phase)
    .where("rank", "=", rank)
    .where(sql<boolean>`state = 'pending'`)
    .where((row) => row(row.refTuple("queued_at", "id"), ">=", row.tuple(from.queuedAt, from.id)))
    .orderBy("queued_at")
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
}

function isAt(at: {
  readonly phase: number;
  readonly rank: number;
}): (row: Pick<QueueFloorsTable, "phase" | "rank">) => boolean {
  return ({ phase, rank }) => phase === at.phase && rank === at.rank;
}

function floorOf(row: QueueFloorsTable | undefined): Floor {
  return row === undefined ? start : { queuedAt: row.queued_at, id: row.id };
}

function floorsOf(rows: readonly QueueFloorsTable[]): Floors {
  const ofRanks = rows.filter(({ phase }) => phase !== leases.phase);
  return {
    expiredFrom: floorOf(rows.find(isAt(leases))).queuedAt,
    pending: ofRanks.map((row) => ({ phase: row.phase, rank: row.rank, floor: floorOf(row) })),
  };
}
