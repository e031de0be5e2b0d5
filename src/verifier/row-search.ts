/**
 * Finds the rows in which one range differs. Rows are sorted into buckets by the hash of what identifies them; of buckets
 * that differ, the rows of one side are held as hashes. So memory does not grow with the rows, and an order is not needed.
 */
import { hash } from "node:crypto";
import type { RowRange } from "../model/chunk.ts";
import { RowDigest } from "../model/row-digest.ts";
import type { OpenTable, TableRow } from "../ports/source.ts";
import type { RowDifferences, Values } from "./row-differences.ts";

const bucketCount = 4_096;
/** So many rows are held; some 100 MB. What differs beyond them is not counted. */
const heldRowsMax = 2 ** 19;
/** Of a SHA-256 as text, a character a byte: enough that no two rows of a table share it. */
const identityBytes = 16;

export interface RowSearch {
  readonly ours: OpenTable;
  readonly theirs: OpenTable;
  readonly range: RowRange;
  readonly found: RowDifferences;
}

/** Rows of one identity. */
interface Held {
  readonly digest: string;
  ours: number;
  theirs: number;
}

export async function lookAtRows(search: RowSearch): Promise<void> {
  const buckets = await bucketsThatDiffer(search);
  if (buckets.size === 0) return;
  const held = await hold(search, buckets);
  const { changed, extra } = await meet(search, buckets, held);
  const told = new Map<string, Held>();
  for (const [identity, row] of held) {
    const isChanged = row.theirs === changedRow;
    if (!isChanged && row.ours === row.theirs) continue;
    if (isChanged) search.found.different += 1;
    else search.found.countRows(row.ours, row.theirs);
    const isKnown = !isChanged || changed.has(identity);
    if (isKnown && told.size < search.found.room - extra.size) told.set(identity, row);
  }
  await tell(search, buckets, { told, changed, extra });
}

/** In place of a number: the row stands there too, with other values. */
const changedRow = -1;

async function bucketsThatDiffer({ ours, theirs, range, found }: RowSearch): Promise<ReadonlySet<number>> {
  const [one, other] = [await bucketsOf(ours, range), await bucketsOf(theirs, range)];
  const chosen = new Set<number>();
  let rows = 0;
  for (let at = 0; at < bucketCount; at += 1) {
    const [here, there] = [one[at], other[at]];
    if (Buffer.compare(here?.digest() ?? noRows, there?.digest() ?? noRows) === 0) continue;
    rows += Number(here?.rows ?? 0n);
    // One bucket is held in any case.
    if (rows > heldRowsMax && chosen.size > 0) found.isAtLeast = true;
    else chosen.add(at);
  }
  return chosen;
}

const noRows = new RowDigest().digest();

async function bucketsOf(side: OpenTable, range: RowRange): Promise<readonly (RowDigest | undefined)[]> {
  const buckets: (RowDigest | undefined)[] = Array.from({ length: bucketCount }, () => undefined);
  for await (const row of side.rows(range)) {
    const bucket = bucketOf(hash("sha256", row.identity, "binary"));
    (buckets[bucket] ??= new RowDigest()).add(row.bytes);
  }
  return buckets;
}

/** The rows of these buckets alone, with their identity. */
async function* rowsIn(
  side: OpenTable,
  range: RowRange,
  buckets: ReadonlySet<number>,
): AsyncGenerator<readonly [identity: string, row: TableRow]> {
  for await (const row of side.rows(range)) {
    const sum = hash("sha256", row.identity, "binary");
    if (buckets.has(bucketOf(sum))) yield [sum.slice(0, identityBytes), row];
  }
}

function bucketOf(sum: string): number {
  return ((sum.charCodeAt(30) << 8) | sum.charCodeAt(31)) % bucketCount;
}

function digestOf({ bytes }: TableRow): string {
  return hash("sha256", bytes, "binary").slice(0, identityBytes);
}

async function hold({ ours, range }: RowSearch, buckets: ReadonlySet<number>): Promise<ReadonlyMap<string, Held>> {
  const held = new Map<string, Held>();
  for await (const [identity, row] of rowsIn(ours, range, buckets)) {
    const before = held.get(identity);
    if (before === undefined) held.set(identity, { digest: digestOf(row), ours: 1, theirs: 0 });
    else before.ours += 1;
  }
  return held;
}

interface Extra {
  readonly values: Values;
  rows: number;
}

interface Met {
  /** What stands there in place of a row; of those that may be told. */
  readonly changed: ReadonlyMap<string, Values>;
  /** What stands there alone; of those that may be told. */
  readonly extra: ReadonlyMap<string, Extra>;
}

/** Holds the other side against what is held of ours. */
async function meet(
  { theirs, range, found }: RowSearch,
  buckets: ReadonlySet<number>,
  held: ReadonlyMap<string, Held>,
): Promise<Met> {
  const changed = new Map<string, Values>();
  const extra = new Map<string, Extra>();
  for await (const [identity, row] of rowsIn(theirs, range, buckets)) {
    const ours = held.get(identity);
    if (ours === undefined) {
      found.extra += 1;
      const before = extra.get(identity);
      if (before !== undefined) before.rows += 1;
      else if (changed.size + extra.size < found.room) extra.set(identity, { values: row.values(), rows: 1 });
    } else if (ours.theirs !== 0 || ours.digest === digestOf(row)) {
      // One more of a key that stands there already is too many, whatever it says.
      if (ours.theirs === changedRow) found.extra += 1;
      else ours.theirs += 1;
    } else {
      ours.theirs = changedRow;
      if (changed.size + extra.size < found.room) changed.set(identity, row.values());
    }
  }
  return { changed, extra };
}

interface Told extends Met {
  readonly told: ReadonlyMap<string, Held>;
}

async function tell(
  { ours, range, found }: RowSearch,
  buckets: ReadonlySet<number>,
  { told, changed, extra }: Told,
): Promise<void> {
  const rest = new Map(told);
  if (rest.size > 0)
    for await (const [identity, row] of rowsIn(ours, range, buckets)) {
      const here = rest.get(identity);
      if (here === undefined) continue;
      rest.delete(identity);
      const other = changed.get(identity);
      if (other === undefined) found.tellCounted(row.values(), here.ours, here.theirs);
      else found.tellChanged(ours.key ?? [], row.values(), other);
    }
  for (const { values, rows } of extra.values()) found.tellCounted(values, 0, rows);
}
