/** What looks first and then writes by what it has seen holds a row of `gates` until its transaction ends. */
import type { Gate, Tx } from "./schema.ts";

/** Nobody else is between this and the end of the transaction. Whoever needs several takes them in the order of `Gate`. */
export async function pass(tx: Tx, gate: Gate): Promise<void> {
  await tx.selectFrom("gates").select("name").where("name", "=", gate).forUpdate().execute();
}
