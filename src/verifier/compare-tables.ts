/**
 * Comparison of one table of two databases, range by range: how many rows there are, and the digest of their bytes. Where
 * that differs, the rows themselves are looked at. Each side is read as of one moment of its own.
 */
import { createHash } from "node:crypto";
import { must } from "../base/assert.ts";
import type { ErrorRecord } from "../base/errors.ts";
import { visible } from "../base/visible.ts";
import type { RowRange } from "../model/chunk.ts";
import { type BytePath, displayPath } from "../model/path.ts";
import { RowDigest } from "../model/row-digest.ts";
import type { ItemEnding, TaskResult } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { OpenTable, ComparedColumn } from "../ports/source.ts";
import { vanished } from "../ports/source-errors.ts";
import type { VerifierRole } from "./role.ts";
import { RowDifferences } from "./row-differences.ts";
import { lookAtRows } from "./row-search.ts";

/** Rows of a range are held as their hashes, where they differ. */
const rangeBytes = 16 * 2 ** 20;

export async function compareTable(role: VerifierRole, { items, signal }: Assignment): Promise<TaskResult> {
  const { entry } = must(items[0], "a head has one item");
  await using ours = await open(role.source, entry, signal);
  if (ours === null) return ended("vanished", vanished(entry.path).toJSON());
  await using theirs = await open(role.existing, entry, signal);
  if (theirs === null) return ended("missing", null);
  const columns = differentColumns(ours.columns, theirs.columns);
  if (columns !== null) return { type: "different", error: told(entry.path, columns) };
  const found = new RowDifferences();
  const digests: Uint8Array[] = [];
  for (const range of await ours.cut(rangeBytes)) {
    const [one, other] = await both(
      digestOf(ours, range, (bytes) => role.meter.add("sourceBytesRead", bytes)),
      digestOf(theirs, range, (bytes) => role.meter.add("targetBytesRead", bytes)),
    );
    found.rowsOurs += one.rows;
    found.rowsTheirs += other.rows;
    digests.push(one.digest);
    // What differs in another form alone, and not as text, is the same.
    if (one.rows !== other.rows || Buffer.compare(one.digest, other.digest) !== 0)
      await lookAtRows({ ours, theirs, range, found });
  }
  if (digests.length > 1 && !sameNames(ours.key, theirs.key)) found.countOutside(await theirs.count());
  if (found.isEmpty) return same(role, digests, found.rowsOurs);
  return { type: "different", error: told(entry.path, found.text()) };
}

function open(
  side: VerifierRole["source"],
  entry: Assignment["items"][number]["entry"],
  signal: AbortSignal,
): Promise<OpenTable | null> {
  return must(side.openTable?.(entry, signal), "a source of tables opens them");
}

interface RangeDigest {
  readonly rows: number;
  readonly digest: Uint8Array;
}

async function digestOf(side: OpenTable, range: RowRange, onBytes: (bytes: number) => void): Promise<RangeDigest> {
  const ordered = createHash("sha256");
  const unordered = new RowDigest();
  const chunks = side.read(range);
  for (;;) {
    const next = await chunks.next();
    if (next.done === true)
      return { rows: next.value, digest: range.isOrdered ? ordered.digest() : unordered.digest() };
    onBytes(next.value.length);
    if (range.isOrdered) ordered.update(next.value);
    else unordered.add(next.value);
  }
}

/** Both have ended when it ends: a side whose read is under way cannot be closed. */
async function both<T>(one: Promise<T>, other: Promise<T>): Promise<readonly [T, T]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

/** A table of one range has its digest; one of several has the digest of theirs. */
function same({ existingReadFrom }: VerifierRole, digests: readonly Uint8Array[], rows: number): TaskResult {
  const [only] = digests;
  const whole = digests.length === 1 ? only : createHash("sha256").update(Buffer.concat(digests)).digest();
  return {
    type: "same",
    digests: must(whole, "a table has a range"),
    rows,
    evidence: "second_read",
    readFrom: existingReadFrom,
    lost: [],
  };
}

function ended(outcome: ItemEnding["outcome"], error: ErrorRecord | null): TaskResult {
  return { type: "entry_ended", ending: { item: 0, outcome, evidence: "none", error, now: null, again: false } };
}

function sameNames(one: readonly string[] | null, other: readonly string[] | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

interface DifferenceText {
  readonly summary: string;
  readonly lines: readonly string[];
}

/** By name: in which order they stand changes nothing of what the rows say. */
function differentColumns(ours: readonly ComparedColumn[], theirs: readonly ComparedColumn[]): DifferenceText | null {
  const [here, there] = [typesOf(ours), typesOf(theirs)];
  const missing = ours.filter(({ name }) => !there.has(name));
  const extra = theirs.filter(({ name }) => !here.has(name));
  const retyped = ours.filter(({ name, type }) => there.has(name) && there.get(name) !== type);
  const counts = [
    [missing.length, "missing"],
    [extra.length, "extra"],
    [retyped.length, "of another type"],
  ] as const;
  if (counts.every(([count]) => count === 0)) return null;
  const lines = [
    ...missing.map((column) => columnLine("-", column)),
    ...retyped.flatMap((column) => [
      columnLine("-", column),
      columnLine("+", { ...column, type: there.get(column.name) ?? "" }),
    ]),
    ...extra.map((column) => columnLine("+", column)),
  ];
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return { summary: `other columns: ${parts.join(", ")}`, lines };
}

function typesOf(columns: readonly ComparedColumn[]): ReadonlyMap<string, string> {
  return new Map(columns.map(({ name, type }) => [name, type]));
}

function columnLine(sign: "-" | "+", { name, type }: ComparedColumn): string {
  return visible(`${sign} column ${name} ${type}`);
}

/** Lines after the first are a diff. Nothing in them can look like another line. */
function told(path: BytePath, { summary, lines }: DifferenceText): ErrorRecord {
  return {
    code: "table_differs",
    disposition: "rejected",
    what: [visible(`${displayPath(path)} has ${summary}`), ...lines].join("\n"),
    hint: "Lines with - stand in the first database, lines with + in the second one.",
  };
}
