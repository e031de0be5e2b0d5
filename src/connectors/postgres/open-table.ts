/** One table in one transaction of a session: what a comparison of two sides reads. */
import type pg from "pg";
import { must } from "../../base/assert.ts";
import type { RowRange } from "../../model/chunk.ts";
import type { BytePath } from "../../model/path.ts";
import type { OpenTable, ReadBudget, ComparedColumn, TableRow } from "../../ports/source.ts";
import { type Column, type Table, table } from "./catalog.ts";
import { sqlStateOf, translate } from "./errors.ts";
import { qualified, tableOf } from "./names.ts";
import { rowsOf } from "./rows.ts";
import type { Session } from "./session.ts";
import { cut, readStatement, type Slice, sliceOf } from "./slices.ts";

export interface Reading {
  readonly signal: AbortSignal;
  readonly budget: ReadBudget | undefined;
}

/** `undefined_table`, `invalid_schema_name` */
const notThere: ReadonlySet<string> = new Set(["42P01", "3F000"]);
/** A message is `d`, its length, the row, and a line feed. */
const headerBytes = 5;
const tab = 0x09;

/**
 * The lock comes before the first look, so that the shape of the table stays what it was then; it waits for whoever
 * changes it now.
 * @returns null when it is not there
 */
export async function openTable(session: Session, path: BytePath, reading: Reading): Promise<OpenTable | null> {
  reading.signal.throwIfAborted();
  const name = tableOf(path);
  const client = await session.client(reading.signal);
  try {
    await client.query("begin isolation level repeatable read read only");
    await client.query(`lock table only ${qualified(name)} in access share mode`);
    const found = await table(session, name);
    if (found !== null) return new PostgresTable({ client, found, where: session.where, ...reading });
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    if (notThere.has(sqlStateOf(error) ?? "")) return null;
    throw translate(error, session.where);
  }
  await client.query("rollback");
  return null;
}

interface Opened extends Reading {
  readonly client: pg.Client;
  readonly found: Table;
  readonly where: string;
}

class PostgresTable implements OpenTable {
  readonly columns: readonly ComparedColumn[];
  readonly key: readonly string[] | null;
  readonly #opened: Opened;

  constructor(opened: Opened) {
    const { columns, key } = opened.found;
    this.#opened = opened;
    this.columns = columns.map(told);
    this.key = key?.map(({ name }) => name) ?? null;
  }

  async cut(rangeBytes: number): Promise<readonly RowRange[]> {
    const { client, found, where } = this.#opened;
    const names = found.columns.map(({ name }) => name);
    try {
      return await cut(client, found, rangeBytes, names);
    } catch (error) {
      throw translate(error, where);
    }
  }

  read(range: RowRange): AsyncGenerator<Uint8Array, number> {
    return this.#copy(sliceOf(range), !range.isOrdered);
  }

  async *rows(range: RowRange): AsyncGenerator<TableRow> {
    const slice = sliceOf(range);
    const key = slice.key?.map(({ name }) => name) ?? [];
    const all = slice.columns;
    // The key comes first: it ends at a tab, since those of values are escaped.
    const columns = [...key, ...all.filter((name) => !key.includes(name))];
    for await (const message of this.#copy({ ...slice, format: "text", columns }, true)) {
      const bytes = message.subarray(headerBytes, -1);
      yield { bytes, identity: firstFields(bytes, key.length), values: () => valuesOf(bytes, columns) };
    }
  }

  async count(): Promise<number> {
    const { client, found, where } = this.#opened;
    try {
      const { rows } = await client.query<{ count: number }>(`select count(*) from only ${qualified(found)}`);
      return must(rows[0], "one row").count;
    } catch (error) {
      throw translate(error, where);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing was written. A session that broke has ended it already.
    await this.#opened.client.query("rollback").catch(() => undefined);
  }

  async *#copy(slice: Slice, eachRow: boolean): AsyncGenerator<Uint8Array, number> {
    const { client, found, where, signal, budget } = this.#opened;
    const statement = readStatement(found, slice);
    try {
      const { rows } = yield* rowsOf({ client, statement, eachRow, budget, signal });
      return rows;
    } catch (error) {
      signal.throwIfAborted();
      throw translate(error, where);
    }
  }
}

function told({ name, type, collation, isGenerated }: Column): ComparedColumn {
  const parts = [type, ...(collation === null ? [] : [`collate ${collation}`]), ...(isGenerated ? ["generated"] : [])];
  return { name, type: parts.join(" ") };
}

/** All of the row, where no fields are asked for. */
function firstFields(row: Uint8Array, fields: number): Uint8Array {
  let end = -1;
  for (let field = 0; field < fields; field += 1) {
    end = row.indexOf(tab, end + 1);
    if (end < 0) return row;
  }
  return end < 0 ? row : row.subarray(0, end);
}

/** https://www.postgresql.org/docs/current/sql-copy.html, "Text Format" */
function valuesOf(row: Uint8Array, columns: readonly string[]): ReadonlyMap<string, string | null> {
  const fields = Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString("utf8").split("\t");
  return new Map(columns.map((name, at) => [name, valueOf(fields[at] ?? "")]));
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function valueOf(field: string): string | null {
  if (field === "\\N") return null;
  if (!field.includes("\\")) return field;
  return field.replaceAll(/\\(.)/gsu, (_, character: string) => escapes[character] ?? character);
}
