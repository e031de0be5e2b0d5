import { evidences, type Evidence } from "../model/entry.ts";
import { entryLeaves } from "./leaf.ts";
import { MerkleTree } from "./merkle.ts";
import {
  type ByOutcome,
  type EntrySum,
  type ReportBody,
  type ReportEntry,
  type ReportOutcome,
  reportOutcomes,
} from "./schema.ts";

/** All that follows from the entries of a report alone: made when it is written, and made again when it is checked. */
export class EntryTally {
  readonly outcomes: ByOutcome = emptyByOutcome();
  readonly evidence: Record<Evidence, EntrySum> = emptySums(evidences);
  readonly merkle = new MerkleTree();
  undigestedEntries = 0;

  add(entry: ReportEntry): void {
    grow(this.outcomes[entry.outcome], entry.size_bytes);
    grow(this.evidence[entry.evidence], entry.size_bytes);
    if (claimsContent(entry) && !isDigested(entry)) this.undigestedEntries += 1;
    for (const leaf of entryLeaves(entry)) this.merkle.add(leaf);
  }
}

/** What a checker makes again from the entries. */
export function tallied(tally: EntryTally): Pick<ReportBody["totals"], "outcomes" | "evidence" | "undigested_entries"> {
  return { outcomes: tally.outcomes, evidence: tally.evidence, undigested_entries: tally.undigestedEntries };
}

export function emptyByOutcome(): Record<ReportOutcome, EntrySum> {
  return emptySums(reportOutcomes);
}

function emptySums<Name extends string>(names: readonly Name[]): Record<Name, EntrySum> {
  return Object.fromEntries(names.map((name) => [name, { entries: 0, bytes: 0 }])) as Record<Name, EntrySum>;
}

function grow(sum: EntrySum, bytes: number): void {
  sum.entries += 1;
  sum.bytes += bytes;
}

function claimsContent(entry: ReportEntry): boolean {
  return entry.kind === "file" && (entry.outcome === "verified" || entry.outcome === "identical");
}

/** Digests stand for every byte of the entry: of the whole, or of ranges without gap or overlap. */
function isDigested(entry: ReportEntry): boolean {
  let end = 0;
  for (const range of entry.ranges ?? []) {
    if (range.offset_bytes !== end) return false;
    end += range.length_bytes;
  }
  return entry.ranges === undefined ? entry.sha256 !== null : end === entry.size_bytes;
}
