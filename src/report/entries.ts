/** Rows of the Store as entries of a report: streamed row by row, each entry once, whatever way it took. */
import { must } from "../base/assert.ts";
import type { ErrorRecord } from "../base/errors.ts";
import { blockStarts, type Item } from "../model/chunk.ts";
import { versionText } from "../model/entry.ts";
import { decodeItems } from "../model/item-codec.ts";
import { rowsOfTags } from "../model/row-count.ts";
import type { JobSpec } from "../model/job.ts";
import type { ItemEnding } from "../model/task.ts";
import type { ChunkRecord } from "../ports/store.ts";
import { contentDigests, digestBytes } from "./block-digests.ts";
import { evidenceOf, evidenceOfLarge, LargeEntries, type LargeEntry } from "./large-entries.ts";
import { namePath } from "./leaf.ts";
import type { ReportDeletion, ReportEntry, ReportOutcome } from "./schema.ts";
import type { VerdictTally } from "./verdict-tally.ts";

/** What the rows show besides their entries. */
export interface RowFindings {
  unprovenChunks: number;
  /** Rows of deletions, whose items are no entries of the listing. */
  deletionRows: number;
}

/**
 * The entries in order of rows, one iterable a row, made as it is walked. A large entry stands where its last range stands. An item that was tried
 * again stands in the row of its last try alone.
 */
export async function* reportEntries(
  rows: AsyncIterable<ChunkRecord>,
  spec: JobSpec,
  verdicts: VerdictTally,
  findings: RowFindings,
): AsyncGenerator<Iterable<ReportEntry>> {
  const open = new LargeEntries(verdicts);
  for await (const row of rows) {
    if (isDeletion(row)) {
      findings.deletionRows += 1;
      continue;
    }
    if (row.kind !== "range" && row.kind !== "head") {
      yield rowEntries(row, spec, verdicts, findings);
      continue;
    }
    const large = row.kind === "range" ? open.addRange(row) : open.addHead(row, headItem(row));
    if (large !== null) yield largeEntry(large, spec, findings);
  }
  for (const large of open.rest()) yield largeEntry(large, spec, findings);
}

/** What `sync --delete` did to entries that only the target had. */
export async function* reportDeletions(rows: AsyncIterable<ChunkRecord>): AsyncGenerator<ReportDeletion> {
  for await (const row of rows) {
    if (!isDeletion(row)) continue;
    const endings = finalEndings(row);
    for (const [index, { entry }] of decodeItems(row.items).entries()) {
      const ending = endings.get(index);
      if (ending === "again") continue;
      yield {
        chunk: row.chunkId,
        ...namePath(entry.path),
        kind: entry.kind,
        outcome: deletionOutcome(row, ending),
        ...errorField(ending?.error),
      };
    }
  }
}

function* rowEntries(
  row: ChunkRecord,
  spec: JobSpec,
  verdicts: VerdictTally,
  findings: RowFindings,
): Generator<ReportEntry> {
  const items = decodeItems(row.items);
  const endings = finalEndings(row);
  const starts = blockStarts(items);
  let claims = false;
  for (const [index, item] of items.entries()) {
    const ending = endings.get(index);
    if (ending === "again") continue;
    const entry = plainEntry({ row, item, index }, ending, spec);
    if (item.entry.kind === "file" && hasContent(entry.outcome)) {
      claims ||= ending === undefined;
      addDigests(entry, item, blocksOf(row, starts, index), spec);
    }
    yield entry;
  }
  if (claims && !verdicts.isJudged(row.chunkId)) findings.unprovenChunks += 1;
}

function largeEntry(large: LargeEntry, spec: JobSpec, findings: RowFindings): readonly ReportEntry[] {
  const { row, item } = large;
  const ending = finalEndings(row).get(0);
  if (ending === "again") return [];
  const entry = plainEntry({ row, item, index: 0 }, ending, spec);
  if (!hasContent(entry.outcome)) return [entry];
  if (ending === undefined) {
    findings.unprovenChunks += large.unprovenChunks;
    const rows = large.rows === null ? {} : { rows: large.rows };
    return [{ ...entry, evidence: evidenceOfLarge(large), sha256: large.sha256, ...rows, ranges: large.ranges }];
  }
  addDigests(entry, item, row.receipts.digests, spec);
  const rows = rowsOfTags(row.receipts.tags);
  return [rows === null ? entry : { ...entry, rows }];
}

interface Told {
  readonly row: ChunkRecord;
  readonly item: Item;
  readonly index: number;
}

function plainEntry({ row, item, index }: Told, ending: ItemEnding | undefined, spec: JobSpec): ReportEntry {
  const { entry } = item;
  const line: ReportEntry = {
    chunk: row.chunkId,
    ...namePath(entry.path),
    kind: entry.kind,
    size_bytes: entry.sizeBytes,
    outcome: outcomeOf(row, ending, spec),
    evidence: ending?.evidence ?? evidenceOf(row.evidence, index),
    version: versionText(entry.version),
    sha256: null,
    ...errorField(ending?.error),
  };
  if (entry.link !== null) {
    const { path, path_bytes_base64 } = namePath(entry.link);
    line.link = path;
    if (path_bytes_base64 !== undefined) line.link_bytes_base64 = path_bytes_base64;
  }
  return line;
}

function outcomeOf(row: ChunkRecord, ending: ItemEnding | undefined, spec: JobSpec): ReportOutcome {
  if (ending !== undefined) return ending.outcome;
  if (row.stage !== "done") return "pending";
  return spec.kind === "check" ? "identical" : "verified";
}

function deletionOutcome(row: ChunkRecord, ending: ItemEnding | undefined): ReportDeletion["outcome"] {
  if (ending !== undefined) return ending.outcome === "vanished" ? "vanished" : "failed";
  return row.stage === "done" ? "deleted" : "pending";
}

/** The last word on each item of the row; `again` where it was spoken in a later row. */
function finalEndings(row: ChunkRecord): ReadonlyMap<number, ItemEnding | "again"> {
  return new Map(row.endings.map((ending) => [ending.item, ending.again ? "again" : ending]));
}

function addDigests(entry: ReportEntry, item: Item, digests: Uint8Array, spec: JobSpec): void {
  const { blockBytes } = item;
  const content = contentDigests({ digests, sizeBytes: item.entry.sizeBytes, blockBytes, chunkBytes: spec.chunkBytes });
  if (content === null) return;
  entry.sha256 = content.sha256;
  if (content.ranges !== null) entry.ranges = content.ranges;
}

function blocksOf(row: ChunkRecord, starts: readonly number[], index: number): Uint8Array {
  const from = starts[index] as number;
  const to = Math.min(starts[index + 1] as number, row.receipts.count);
  return row.receipts.digests.subarray(from * digestBytes, to * digestBytes);
}

function hasContent(outcome: ReportOutcome): boolean {
  return outcome === "verified" || outcome === "identical";
}

function isDeletion(row: ChunkRecord): boolean {
  return row.kind === "extras" || row.kind === "extra_directories";
}

function headItem(row: ChunkRecord): Item {
  return must(decodeItems(row.items)[0], "a head holds its entry");
}

/** The stable part of an error; how it was retried is no business of an auditor. */
function errorField(error: ErrorRecord | null | undefined): { readonly error?: ReportEntry["error"] } {
  return error === null || error === undefined ? {} : { error: errorLine(error) };
}

export function errorLine(error: ErrorRecord): NonNullable<ReportEntry["error"]> {
  return { code: error.code, what: error.what.toWellFormed(), hint: error.hint.toWellFormed() };
}
