/** What a head's effect does to its ranges. Rare and proportional to one entry; never to the job. */
import { sql } from "kysely";
import { unreachable } from "../base/assert.ts";
import type { Place } from "../model/chunk.ts";
import type { RangesEffect } from "../model/effects.ts";
import { takenBack } from "../model/settle.ts";
import { addRanges, noLease, placed } from "./add-chunks.ts";
import { clearProgressOfRanges } from "./blobs.ts";
import { type Loaded } from "./load.ts";
import { type LeasedRow, recordAttempt } from "./proof.ts";
import { type ChunkRow, parts } from "./schema.ts";
import type { Unit } from "./unit.ts";

type RangeRow = LeasedRow & Pick<ChunkRow, "state" | "bytes">;

/** @returns for how many ranges the head now waits */
export async function applyRanges(unit: Unit, head: Loaded, effect: RangesEffect): Promise<number> {
  switch (effect.type) {
    case "create":
      return addRanges(unit, head, effect.rows);
    case "repair":
      return repair(unit, head.row, effect.others);
    case "move":
      return move(unit, head.row, effect.place, effect.gate);
    case "drop":
      return drop(unit, head.row);
    default:
      return unreachable(effect);
  }
}

/** Locks and reads them; what this transaction knew of them is void, since all are changed at once. */
async function rangesOf({ tx, rows }: Unit, head: ChunkRow): Promise<readonly RangeRow[]> {
  await rows.release(head.id);
  return tx
    .selectFrom("chunks")
    .select(["id", "stage", "state", "bytes", "worker", "epoch", "leased_at"])
    .where("parent_id", "=", head.id)
    .orderBy("id")
    .forUpdate()
    .execute();
}

/** Ends the leases of those that have one. */
function fence(unit: Unit, ranges: readonly RangeRow[], why: string): void {
  for (const range of ranges) if (range.state === "in_progress") recordAttempt(unit, range, why);
}

async function repair(unit: Unit, head: ChunkRow, others: Place): Promise<number> {
  const ranges = await rangesOf(unit, head);
  fence(unit, ranges, "the entry is repaired");
  let open = 0;
  for (const range of ranges) {
    const isDamaged = range.stage === "transfer" || range.stage === "prehash";
    const place: Place = isDamaged ? { stage: range.stage, state: "pending" } : others;
    if (place.state === "pending") open += 1;
    if (!isDamaged) {
      // Still sent, no longer verified.
      const { bytesVerified = 0 } = takenBack(range.stage, range.bytes);
      unit.count({ bytesVerified });
    }
    unit.moved({ id: range.id, kind: "range" }, range.stage, place);
  }
  const moveSome = async (isDamaged: boolean, place: Partial<ReturnType<typeof placed>>): Promise<void> => {
    await unit.tx
      .updateTable("chunks")
      .set({ ...place, ...noLease, epoch: sql<number>`epoch + 1` })
      .where("parent_id", "=", head.id)
      .where("stage", isDamaged ? "in" : "not in", ["transfer", "prehash"])
      .execute();
  };
  // In this order: others never come to stand at these stages.
  await moveSome(true, { state: "pending", queued_at: unit.now });
  await moveSome(false, placed(unit, "range", others));
  return open;
}

async function move(unit: Unit, head: ChunkRow, place: Place, gate: boolean): Promise<number> {
  const ranges = await rangesOf(unit, head);
  for (const range of ranges) unit.moved({ id: range.id, kind: "range" }, range.stage, place);
  await unit.tx
    .updateTable("chunks")
    .set(placed(unit, "range", place))
    .where("parent_id", "=", head.id)
    .execute();
  return gate ? ranges.length : 0;
}

async function drop(unit: Unit, head: ChunkRow): Promise<number> {
  const ranges = (await rangesOf(unit, head)).filter((range) => range.state !== "failed");
  const place: Place = { stage: "done", state: "failed" };
  fence(unit, ranges, "the entry ended");
  for (const range of ranges) {
    unit.count(takenBack(range.stage, range.bytes));
    unit.moved({ id: range.id, kind: "range" }, range.stage, place);
  }
  await unit.tx
    .updateTable("chunks")
    .set({ ...placed(unit, "range", place), ...noLease, epoch: sql<number>`epoch + 1` })
    .where("parent_id", "=", head.id)
    .where("state", "<>", "failed")
    .execute();
  await clearProgressOfRanges(unit, head.id);
  const all = unit.tx.selectFrom("chunks").select("id").where("parent_id", "=", head.id);
  await unit.tx.deleteFrom("blobs").where("chunk_id", "in", all).where("part", "=", parts.receipts).execute();
  return 0;
}
