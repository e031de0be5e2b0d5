import { sql } from "kysely";
import type { Instant } from "../model/chunk.ts";
import { leasedRows } from "./claim.ts";
import { sumJob } from "./counters.ts";
import { readFloors } from "./queue-floors.ts";
import { start } from "./queue-memory.ts";
import type { JobRow, Tx } from "./schema.ts";
import { ranksUsed } from "./unit.ts";

/** Who asks for more only wants to know that there is plenty; counting them all would grow with the job. */
const claimableCountMax = 1_000;

export interface QueueSize {
  /** Counted up to 1,000. */
  readonly claimable: number;
  readonly leased: number;
  /** Rows that are not done. */
  readonly all: number;
}

export async function queueSize(tx: Tx, { id, phase }: Pick<JobRow, "id" | "phase">, now: Instant): Promise<QueueSize> {
  const floors = await readFloors(tx, id);
  const pending = ranksUsed.map((rank) => {
    const floor = floors.pending.find((one) => one.phase === phase && one.rank === rank)?.floor;
    const { queuedAt, id: from } = floor ?? start;
    return tx
      .selectFrom("chunks")
      .select(sql<number>`1`.as("one"))
      .where("job_id", "=", id)
      .where("phase", "=", phase)
      .where("rank", "=", rank)
      .where(sql<boolean>`state = 'pending'`)
      .where((row) => row(row.refTuple("queued_at", "id"), ">=", row.tuple(queuedAt, from)))
      .limit(claimableCountMax)
      .execute();
  });
  const leases = leasedRows(tx, id)
    .clearSelect()
    .select(sql<number>`count(*)`.as("rows"));
  const expired = leases
    .where("expires_at", "<=", now)
    .where("expires_at", ">=", floors.expiredFrom)
    .where("phase", "<=", phase)
    .executeTakeFirstOrThrow();
  const leased = leases.where("expires_at", ">", now).executeTakeFirstOrThrow();
  const found = (await Promise.all(pending)).reduce((sum, rows) => sum + rows.length, 0);
  const { chunksTotal = 0, chunksDone = 0 } = (await sumJob(tx, id)).counters;
  return {
    claimable: Math.min(found, claimableCountMax) + (await expired).rows,
    leased: (await leased).rows,
    all: chunksTotal - chunksDone,
  };
}
