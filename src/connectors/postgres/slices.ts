/** Ranges of a table's rows: how they are cut, told, and asked for. */
import type { RowRange } from "../../model/chunk.ts";
import type { SizedRows } from "../../model/task.ts";
import { type KeyColumn, namesOf, type Table } from "./catalog.ts";
import { literal, qualified, quoted } from "./names.ts";
import type pg from "pg";

/** What both sides must know to find the same rows in the same form. Stored in the queue as JSON. */
export interface Slice {
  readonly format: "binary" | "text";
  /** Those that are sent, in the order of the source: a table that inherits may have another one on the target. */
  readonly columns: readonly string[];
  /** Null: the rows have no order, and are all of the table. */
  readonly key: readonly KeyColumn[] | null;
  /** The first key of the range, and the first one after it; null: no bound. */
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
}

export function sliceOf({ slice }: RowRange): Slice {
  return JSON.parse(slice) as Slice;
}

/** Keys are taken from so many rows for each range: enough to place a border within a few per cent. */
const samplesPerRange = 100;
/** Of a smaller table, all of its pages are looked at. */
const sampledBytesMin = 16 * 2 ** 20;

/**
 * Cuts by keys of rows that are really there, so that a skewed key gives ranges of equal size.
 * @param client in a transaction that sees the rows to be read
 * @param named what is read; absent: what can be written
 */
export async function cut(
  client: pg.Client,
  table: Table,
  chunkBytes: number,
  named?: readonly string[],
): Promise<readonly SizedRows[]> {
  const { columns, key, bytes } = table;
  const read = named ?? namesOf(columns);
  const isPortable = columns.every((column) => column.isPortable || !read.includes(column.name));
  // Of text each message is one row; binary rows begin with a header and end with a trailer.
  const format = isPortable && key !== null ? "binary" : "text";
  const wanted = key === null ? 1 : Math.round(bytes / chunkBytes);
  const borders = wanted <= 1 || key === null ? [] : await bordersOf(client, table, key, wanted);
  const all: readonly (readonly string[] | null)[] = [null, ...borders, null];
  const nominal = Math.max(1, bytes);
  const upTo = (range: number): number => Math.floor((nominal * range) / (all.length - 1));
  return all.slice(1).map((to, at): SizedRows => {
    const slice: Slice = { format, key, from: all[at] ?? null, to, columns: read };
    return { slice: JSON.stringify(slice), isOrdered: key !== null, bytes: upTo(at + 1) - upTo(at) };
  });
}

async function bordersOf(
  client: pg.Client,
  table: Table,
  key: readonly KeyColumn[],
  wanted: number,
): Promise<readonly (readonly string[])[]> {
  const rows = await sampleOf(client, table, { key, wanted });
  const borders: (readonly string[])[] = [];
  let before = "";
  for (let at = 1; at < wanted; at += 1) {
    const border = rows[Math.floor((rows.length * at) / wanted)];
    if (border === undefined) break;
    const text = JSON.stringify(border);
    // The first row of all needs no border before it, and one that stands twice is one.
    if (text !== before && border !== rows[0]) borders.push(border);
    before = text;
  }
  return borders;
}

/** Keys as text, in their order. */
async function sampleOf(
  client: pg.Client,
  table: Table,
  { key, wanted }: { readonly key: readonly KeyColumn[]; readonly wanted: number },
): Promise<readonly (readonly string[])[]> {
  const texts = key.map(({ name }) => `${quoted(name)}::text`).join(", ");
  const pages = table.bytes / 8_192;
  const percent =
    table.bytes <= sampledBytesMin ? 100 : Math.min(100, Math.max(0.01, (wanted * samplesPerRange * 100) / pages));
  const text = `select pg_catalog.array_to_json(array[${texts}])::text as key from only ${qualified(table)}
    tablesample system (${percent}) repeatable (1) order by ${orderOf(key)}`;
  const { rows } = await client.query<{ key: string }>(text);
  return rows.map((row) => JSON.parse(row.key) as string[]);
}

function termOf({ name, isCollated }: KeyColumn): string {
  return isCollated ? `${quoted(name)} collate pg_catalog."C"` : quoted(name);
}

function orderOf(key: readonly KeyColumn[]): string {
  return key.map(termOf).join(", ");
}

function boundOf(key: readonly KeyColumn[], operator: ">=" | "<", values: readonly string[]): string {
  const texts = key.map(({ type, isCollated }, at) => {
    const value = `${literal(values[at] ?? "")}::${type}`;
    return isCollated ? `${value} collate pg_catalog."C"` : value;
  });
  return `(${orderOf(key)}) ${operator} (${texts.join(", ")})`;
}

/** Where either side's collation is not that of bytes, both name that: the order is the same on both. */
function keyOf({ columns }: Table, { key }: Slice): readonly KeyColumn[] | null {
  const collated = new Set(columns.filter(({ isCollated }) => isCollated).map(({ name }) => name));
  return key?.map((column) => (collated.has(column.name) ? { ...column, isCollated: true } : column)) ?? null;
}

function conditionOf(table: Table, slice: Slice): string {
  const { from, to } = slice;
  const key = keyOf(table, slice);
  if (key === null) return "";
  const bounds = [
    ...(from === null ? [] : [boundOf(key, ">=", from)]),
    ...(to === null ? [] : [boundOf(key, "<", to)]),
  ];
  return bounds.length === 0 ? "" : ` where ${bounds.join(" and ")}`;
}

/** The rows of a range in their order. */
export function readStatement(table: Table, slice: Slice): string {
  const columns = slice.columns.map(quoted).join(", ");
  const key = keyOf(table, slice);
  const order = key === null ? "" : ` order by ${orderOf(key)}`;
  const rows = `select ${columns} from only ${qualified(table)}${conditionOf(table, slice)}${order}`;
  return `copy (${rows}) to stdout (format ${slice.format})`;
}

export function writeStatement(table: Table, { format, columns: names }: Slice): string {
  const columns = names.map(quoted).join(", ");
  return `copy ${qualified(table)}${columns === "" ? "" : ` (${columns})`} from stdin (format ${format})`;
}

export function deleteStatement(table: Table, slice: Slice): string {
  return `delete from only ${qualified(table)}${conditionOf(table, slice)}`;
}
