/**
 * The columns of a table on the target, held against those of its source. What the source has got since is added; for
 * any other change somebody has to decide what becomes of the values, so the table ends with an error.
 */
import type pg from "pg";
import { GodwitError } from "../../base/errors.ts";
import { type BytePath, displayPath } from "../../model/path.ts";
import type { TableColumn } from "../../ports/source.ts";
import { qualified, tableOf } from "./names.ts";

/**
 * @param client in a transaction, with the table empty: what is added is filled with the rows
 * @throws schema_changed
 */
export async function followShape(
  client: pg.Client,
  path: BytePath,
  { there, wanted }: { readonly there: readonly TableColumn[]; readonly wanted: readonly TableColumn[] },
): Promise<void> {
  const differences = differencesOf(there, wanted);
  if (differences.length > 0) throw schemaChanged(path, differences.join("; "));
  const known = new Set(there.map(({ name }) => name));
  const added = wanted.filter(({ name }) => !known.has(name));
  if (added.length === 0) return;
  const clauses = added.map(({ clause }) => `add column ${clause}`).join(", ");
  await client.query(`alter table only ${qualified(tableOf(path))} ${clauses}`).catch((error: unknown) => {
    const names = added.map(({ name }) => `"${name}"`).join(", ");
    const why = error instanceof Error ? error.message : String(error);
    throw schemaChanged(path, `the new column ${names} cannot be made on the target (${why})`, error);
  });
}

function differencesOf(there: readonly TableColumn[], wanted: readonly TableColumn[]): readonly string[] {
  const now = new Map(wanted.map((column) => [column.name, column]));
  return there.flatMap(({ name, type, isGenerated }): readonly string[] => {
    const column = now.get(name);
    if (column === undefined) return [`the source has no column "${name}" any more`];
    if (column.type !== type)
      return [`column "${name}" is ${column.type} on the source now, and ${type} on the target`];
    return column.isGenerated === isGenerated ? [] : [`column "${name}" is computed on one side alone`];
  });
}

function schemaChanged(path: BytePath, what: string, cause?: unknown): GodwitError {
  return new GodwitError("schema_changed", {
    disposition: "rejected",
    what: `table ${displayPath(path)} was changed while the job ran: ${what}`,
    hint: "Use nothing of this table on the target; the others are not affected. Copy into an empty database once its shape is settled.",
    cause,
  });
}
