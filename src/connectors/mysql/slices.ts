/** Ranges of a table's rows: how they are cut, told, and asked for. */
import { GodwitError } from "../../base/errors.ts";
import type { RowRange } from "../../model/chunk.ts";
import { displayPath } from "../../model/path.ts";
import type { SizedRows } from "../../model/task.ts";
import type { Column, Index, Table } from "./catalog.ts";
import { selected } from "./column-kinds.ts";
import type { MappedColumn } from "./mapping.ts";
import { formatFor } from "../../pgwire/copy-encode.ts";
import { literal, qualified, quoted, tablePath } from "./names.ts";
import type { Session } from "./session.ts";

/** A column of a key, as PostgreSQL has it. */
export interface SliceKey {
  readonly name: string;
  /** Of the target: borders are texts that it can cast. */
  readonly type: string;
  /** A text: in order of its bytes in UTF-8 on both sides, whatever the collation. */
  readonly isCollated: boolean;
}

/**
 * What both sides must know to find the same rows in the same order; of the same shape as a slice of PostgreSQL, so that
 * the target reads it. Stored in the queue as JSON.
 */
export interface Slice {
  readonly format: "binary" | "text";
  /** Those that are sent, in the order of the source. */
  readonly columns: readonly string[];
  /** Null: the rows have no order, and are all of the table. */
  readonly key: readonly SliceKey[] | null;
  /** The first key of the range, and the first one after it; null: no bound. */
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
}

export function sliceOf({ slice }: RowRange): Slice {
  return JSON.parse(slice) as Slice;
}

/**
 * How a column of a key is put in order and told as text. `bytes` also where MySQL has an order of its own: by its place
 * in the list of an enum, by the parts of a uuid.
 */
type Order = "plain" | "bytes" | "hex";

const orders: Readonly<Record<string, Order>> = {
  ...Object.fromEntries(
    ["tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "date", "datetime", "timestamp"].map(
      (type) => [type, "plain"],
    ),
  ),
  ...Object.fromEntries(
    ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid"].map((type) => [
      type,
      "bytes",
    ]),
  ),
  ...Object.fromEntries(
    ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"].map((type) => [type, "hex"]),
  ),
};

/** Kinds of the target that have the same order: a number that becomes a text does not. */
const kindsInOrder: Readonly<Record<Order, ReadonlySet<string>>> = {
  plain: new Set(["integer", "decimal", "boolean", "date", "timestamp", "timestamptz"]),
  bytes: new Set(["text", "uuid"]),
  hex: new Set(["bytes"]),
};

/**
 * The key by which rows are in order: the primary one, unless only another one needs no sorting. Of a key no column may be
 * NULL, cut off at a prefix, or of types whose order differs between the two engines.
 */
function keyOf(table: Table, mapped: readonly MappedColumn[]): readonly MappedColumn[] | null {
  const candidates = table.indexes.flatMap((index): readonly (readonly MappedColumn[])[] => {
    const columns = columnsOf(index, mapped);
    return columns === null ? [] : [columns];
  });
  const plain = candidates.find((columns) => columns.every(({ source }) => orders[source.type] === "plain"));
  return plain ?? candidates[0] ?? null;
}

function columnsOf({ isUnique, parts }: Index, mapped: readonly MappedColumn[]): readonly MappedColumn[] | null {
  if (!isUnique) return null;
  const found: MappedColumn[] = [];
  for (const { column, prefix } of parts) {
    const one = mapped.find(({ source }) => source.name === column);
    if (one === undefined || one.source.isNullable || prefix !== null) return null;
    const order = orders[one.source.type];
    if (order === undefined || !kindsInOrder[order].has(one.target.column.kind)) return null;
    found.push(one);
  }
  return found;
}

/**
 * Cuts by keys of rows that are really there, so that a skewed key gives ranges of equal size: the index is walked once,
 * range by range, by the server.
 * @param columns all of the table
 */
export async function cut(
  session: Session,
  table: Table,
  { chunkBytes, columns }: { readonly chunkBytes: number; readonly columns: readonly MappedColumn[] },
  signal: AbortSignal,
): Promise<readonly SizedRows[]> {
  const key = keyOf(table, columns);
  const format = formatFor(columns.map(({ target }) => target));
  const wanted = key === null ? 1 : Math.round(table.bytes / chunkBytes);
  const borders =
    wanted <= 1 || key === null
      ? []
      : await bordersOf(session, table, { key: key.map(({ source }) => source), wanted }, signal);
  const all: readonly (readonly string[] | null)[] = [null, ...borders, null];
  const nominal = Math.max(1, table.bytes);
  const upTo = (range: number): number => Math.floor((nominal * range) / (all.length - 1));
  const keys =
    key?.map(({ source: { name }, target: { type, column } }): SliceKey => {
      return { name, type, isCollated: column.kind === "text" };
    }) ?? null;
  const names = columns.map(({ source }) => source.name);
  return all.slice(1).map((to, at): SizedRows => {
    const slice: Slice = { format, columns: names, key: keys, from: all[at] ?? null, to };
    return { slice: JSON.stringify(slice), isOrdered: key !== null, bytes: upTo(at + 1) - upTo(at) };
  });
}

async function bordersOf(
  session: Session,
  table: Table,
  { key, wanted }: { readonly key: readonly Column[]; readonly wanted: number },
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const step = Math.max(1, Math.round(table.rows / wanted));
  const texts = key.map((column, at) => `${toldAs(column)} as k${at}`).join(", ");
  const order = key.map(termOf).join(", ");
  const borders: string[][] = [];
  for (let last: readonly string[] | null = null; ; last = borders.at(-1) ?? null) {
    signal.throwIfAborted();
    const after: string = last === null ? "" : ` where ${boundOf(key, ">=", last)}`;
    const [row]: readonly Record<string, string>[] = await session.rows<Record<string, string>>(
      `select ${texts} from ${qualified(table)}${after} order by ${order} limit 1 offset ${step}`,
      [],
      signal,
    );
    if (row === undefined) return borders;
    borders.push(key.map((_, at) => String(row[`k${at}`])));
  }
}

/** In the order of both sides. */
function termOf(column: Column): string {
  return orders[column.type] === "bytes" ? bytesOf(quoted(column.name)) : quoted(column.name);
}

function bytesOf(text: string): string {
  return `cast(convert(${text} using utf8mb4) as binary)`;
}

/** A value as text that PostgreSQL can cast to the target's type. */
function toldAs({ name, type }: Column): string {
  if (orders[type] === "hex") return `concat('\\\\x', lower(hex(${quoted(name)})))`;
  // A moment needs its zone, which is that of the session.
  if (type === "timestamp") return `concat(cast(${quoted(name)} as char), '+00')`;
  return `cast(${quoted(name)} as char charset utf8mb4)`;
}

function valueOf({ type }: Column, text: string): string {
  if (type === "timestamp") return literal(text.replace(/\+00$/, ""));
  if (orders[type] === "hex") return `x'${text.slice(2)}'`;
  return orders[type] === "bytes" ? bytesOf(literal(text)) : literal(text);
}

/**
 * A comparison of rows, which neither engine looks up in an index: so column by column, the first one on its own besides.
 */
function boundOf(key: readonly Column[], operator: ">=" | "<", values: readonly string[]): string {
  const strict = operator === ">=" ? ">" : "<";
  const parts = key.map((column, at) => {
    const same = key.slice(0, at).map((before, index) => `${termOf(before)} = ${valueOf(before, values[index] ?? "")}`);
    const isLast = at === key.length - 1;
    const compared = `${termOf(column)} ${isLast ? operator : strict} ${valueOf(column, values[at] ?? "")}`;
    return `(${[...same, compared].join(" and ")})`;
  });
  const [first] = key;
  if (first === undefined || parts.length === 1) return parts.join("");
  return `(${termOf(first)} ${strict}= ${valueOf(first, values[0] ?? "")} and (${parts.join(" or ")}))`;
}

/**
 * The rows of a range, in their order: every column, those that the server computes as well.
 * @throws source_changed when the key is another one now
 */
export function readStatement(table: Table, { key, from, to }: Slice): string {
  const columns = key?.map(({ name }) => keyColumn(table, name)) ?? null;
  const bounds =
    columns === null
      ? []
      : [...(from === null ? [] : [boundOf(columns, ">=", from)]), ...(to === null ? [] : [boundOf(columns, "<", to)])];
  const where = bounds.length === 0 ? "" : ` where ${bounds.join(" and ")}`;
  const order = columns === null ? "" : ` order by ${columns.map(termOf).join(", ")}`;
  return `select ${table.columns.map(selected).join(", ")} from ${qualified(table)}${where}${order}`;
}

function keyColumn(table: Table, name: string): Column {
  const found = table.columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  throw new GodwitError("source_changed", {
    disposition: "retry",
    what: `${displayPath(tablePath(table))} has no column ${name} any more`,
    hint: "The table was changed meanwhile: it is read anew.",
  });
}
