import { addCounters, type Counters } from "../model/job.ts";
import type { JobRow, Tx } from "./schema.ts";

/** What a checkpoint has folded, and what waits in the inbox. */
export async function sumCounters(tx: Tx, row: Pick<JobRow, "id" | "counters">): Promise<Counters> {
  const deltas = await tx.selectFrom("inbox").select("delta").where("job_id", "=", row.id).execute();
  let sum = JSON.parse(row.counters) as Counters;
  for (const { delta } of deltas) sum = addCounters(sum, JSON.parse(delta) as Counters);
  return sum;
}
