import type { SelectQueryBuilder } from "kysely";
import type { Database } from "./schema.ts";

/** Without the rows whose entries were begun anew in others, and without ranges, whose end is told of their head. */
export function endedForGood<O>(
  rows: SelectQueryBuilder<Database, "chunks", O>,
): SelectQueryBuilder<Database, "chunks", O> {
  return rows.where((row) =>
    row.exists(
      row
        .selectFrom("exceptions")
        .select("exceptions.id")
        .whereRef("exceptions.chunk_id", "=", "chunks.id")
        .where("exceptions.outcome", "not in", ["retried", "lost"]),
    ),
  );
}
