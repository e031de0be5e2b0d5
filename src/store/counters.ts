import { GodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import { addCounters, type Counters } from "../model/job.ts";
import type { Tx } from "./schema.ts";

/** Rows that are not done, by phase. */
export type OpenRows = readonly number[];

export interface Sums {
  readonly counters: Counters;
  readonly open: OpenRows;
}

/**
 * What a checkpoint has folded, and what waits in the inbox: in one question, since another transaction may fold
 * between two.
 */
export async function sumJob(tx: Tx, jobId: JobId): Promise<Sums> {
  const rows = await tx
    .selectFrom("jobs")
    .select(["counters as delta", "open_rows"])
    .where("id", "=", jobId)
    .unionAll(tx.selectFrom("inbox").select(["delta", "open_rows"]).where("job_id", "=", jobId))
    .execute();
  if (rows.length === 0) throw unknownJob(jobId);
  return sumRows(rows);
}

export function sumRows(rows: readonly { readonly delta: string; readonly open_rows: string }[]): Sums {
  let counters: Counters = {};
  let open: OpenRows = [];
  for (const row of rows) {
    counters = addCounters(counters, JSON.parse(row.delta) as Counters);
    open = addOpenRows(open, JSON.parse(row.open_rows) as OpenRows);
  }
  return { counters, open };
}

function addOpenRows(a: OpenRows, b: OpenRows): OpenRows {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, phase) => (a[phase] ?? 0) + (b[phase] ?? 0));
}

export function unknownJob(jobId: JobId): GodwitError {
  return new GodwitError("job_unknown", {
    disposition: "rejected",
    what: `there is no job ${jobId}`,
    hint: "`godwit jobs` lists them.",
  });
}
