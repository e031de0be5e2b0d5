/**
 * What follows from the end of a task: pure, so that every engine of the Store and the simulation agree on it. The
 * Store loads a row, asks here, and writes what it is told in one transaction.
 *
 * A head and its ranges meet at gates. `openRanges` of the head counts the ranges that have not passed the gate for
 * which it waits; the range that brings it to zero lets the head go on.
 */
import { assert, must, unreachable } from "../base/assert.ts";
import type { ErrorRecord } from "../base/errors.ts";
import { afterHeadPublished, ended, type JobTraits, nextPlace, type Place } from "./chunk.ts";
import { noEffects, attemptsMax, type ChunkView, type Effects, type HeadEffect, type RangesEffect } from "./effects.ts";
import type { Evidence } from "./entry.ts";
import { addCounters, type Counters } from "./job.ts";
import { displayPath, rootPath } from "./path.ts";
import { rowsTag } from "./row-count.ts";
import {
  failEntry,
  failItems,
  final,
  liveBytes,
  restartOrEnd,
  settleItems,
  takenBack,
  uncountVerified,
} from "./settle.ts";
import type { BadBlock, ItemEnding, Progress, TaskResult } from "./task.ts";

/** The row of a task that ended with a result. `hasRanges`: the head was prepared before. */
export function afterResult(row: ChunkView, result: TaskResult, traits: JobTraits, hasRanges: boolean): Effects {
  const { kind, stage, attempt } = row;
  const next = nextPlace(kind, stage, traits);
  switch (result.type) {
    case "prepared": {
      const others: Place = { stage: "verify", state: traits.publishFirst ? "waiting" : "pending" };
      const ranges: RangesEffect = hasRanges
        ? { type: "repair", others }
        : { type: "create", rows: result.rowRanges ?? null };
      return { ...noEffects, place: next, attempt, staging: result.staging, ranges };
    }
    case "same": {
      const receipts = wholeReceipts(result.digests, result.rows);
      const progress = { firstBlock: 0, receipts, bytes: 0, endings: [] };
      const identical = plainEnding(0, "identical", result.evidence);
      // After a repair began, a second look may find that nothing was wrong.
      const ranges: RangesEffect | null = hasRanges ? { type: "drop" } : null;
      return endRow(row, {
        ...noEffects,
        place: ended,
        attempt,
        progress,
        endings: [identical],
        ranges,
        verdict: match,
        lost: result.lost,
      });
    }
    case "different":
      return endRow(row, { ...noEffects, place: ended, attempt, endings: [different(result.error ?? null)] });
    case "prehashed":
      if (kind === "range" && result.endings[0] !== undefined) return endEntry(row, result.endings[0]);
      return settleItems(row, result.endings, { ...noEffects, place: next, attempt, prehash: result.digests });
    case "compared": {
      const progress = { firstBlock: 0, receipts: wholeReceipts(result.digests), bytes: 0, endings: [] };
      const differs = result.endings.some((ending) => ending.outcome === "different");
      const verdict = differs ? ({ result: "mismatch", bad: [], isWhole: false } as const) : match;
      const evidence = "second_read";
      return settleItems(row, result.endings, { ...noEffects, place: ended, attempt, progress, evidence, verdict });
    }
    case "transferred": {
      if (kind === "range" && result.progress.endings[0] !== undefined)
        return endEntry(row, result.progress.endings[0]);
      const head: HeadEffect | null = kind === "range" && traits.publishFirst ? { type: "passed" } : null;
      const { progress, evidence, lost } = result;
      const effects = settleItems(row, progress.endings, {
        ...noEffects,
        place: next,
        attempt,
        progress,
        evidence,
        lost,
        head,
      });
      return withCounters(effects, { bytesTransferred: liveBytes(row, effects.endings) });
    }
    case "read_back":
      return afterReadBack(row, result, traits, next);
    case "digested":
      if (result.error?.code === "digest_mismatch" && attempt + 1 < attemptsMax) return lookAgain(row);
      if (result.error !== null) return restartOrEnd(row, failure(0, result.error));
      return endRow(row, { ...noEffects, place: next, attempt, sha256: result.sha256, evidence: result.evidence });
    case "published":
      if (kind === "head") return afterHead(row, result, traits, next);
      return settleItems(row, result.endings, { ...noEffects, place: next, attempt, lost: result.lost });
    case "removed":
      return settleItems(row, result.endings, {
        ...noEffects,
        place: next,
        attempt,
        counters: { deleted: result.count },
      });
    case "sealed":
      return settleItems(row, result.endings, { ...noEffects, place: next, attempt, lost: result.lost });
    case "entry_ended":
      return kind === "head" ? restartOrEnd(row, result.ending) : endEntry(row, result.ending);
    default:
      return unreachable(result);
  }
}

/**
 * Blocks were confirmed. Endings among them are settled at once, so that a successor finds them counted, whatever
 * becomes of this task; the row stays where it is. (The end of a range's entry comes with its result.)
 */
export function afterProgress(row: ChunkView, progress: Progress): Effects {
  const place: Place = { stage: row.stage, state: "in_progress" };
  const endings = row.kind === "range" ? [] : progress.endings;
  return { ...settleItems(row, endings, { ...noEffects, place, attempt: row.attempt, progress }), place };
}

/**
 * The row of a task that failed as a whole. What stops the whole job (a full disk, refused credentials) says nothing
 * about these entries: the row waits, untouched, for the job to be resumed.
 */
export function afterFailure(row: ChunkView, error: ErrorRecord): Effects {
  const place: Place = { stage: row.stage, state: "pending" };
  if (error.disposition === "fatal" || error.disposition === "cancelled")
    return { ...noEffects, place, attempt: row.attempt };
  if (error.code === "upload_vanished" && row.stage !== "prepare") {
    // The staging place is gone with all that was confirmed in it: the entry starts anew.
    const again = failure(0, { ...error, disposition: "retry" });
    if (row.kind === "range") return endEntry(row, again);
    if (row.kind === "head") return restartOrEnd(row, again);
  }
  const attempt = row.attempt + 1;
  if (error.disposition === "retry" && attempt < attemptsMax) {
    return { ...noEffects, place, attempt, counters: { retries: 1 } };
  }
  if (row.kind === "range") return { ...endEntry(row, failure(0, final(error))), attempt };
  return row.kind === "head" ? failEntry(row, error) : failItems(row, error);
}

/** A range saw its entry end. Its head decides what follows, and drops the other ranges. */
function endEntry(row: ChunkView, ending: ItemEnding): Effects {
  assert(row.kind === "range", "only a range ends its entry through a head");
  const place: Place = { stage: "done", state: "failed" };
  const counters = takenBack(row.stage, row.bytes);
  return { ...noEffects, place, attempt: row.attempt, head: { type: "end", ending }, counters };
}

function afterReadBack(
  row: ChunkView,
  result: Extract<TaskResult, { type: "read_back" }>,
  traits: JobTraits,
  next: Place,
): Effects {
  const { kind, stage, attempt } = row;
  const verdict = verdictOf(result);
  const mismatches: Counters = result.bad.length === 0 ? {} : { mismatches: 1 };
  const firstTime = stage === "verify";
  if (kind !== "range") {
    const found = [...result.endings, ...damagedItems(result.bad, row)];
    const effects = settleItems(row, found, { ...noEffects, place: next, attempt, verdict, counters: mismatches });
    return firstTime ? withCounters(effects, { bytesVerified: liveBytes(row, effects.endings) }) : effects;
  }
  if (result.bad.length === 0 && result.endings.length === 0) {
    // Reconciling is no gate: its head has ended long before.
    const effects: Effects = {
      ...noEffects,
      place: next,
      attempt,
      verdict,
      head: firstTime ? { type: "passed" } : null,
    };
    return firstTime ? withCounters(effects, { bytesVerified: row.bytes }) : effects;
  }
  if (attempt + 1 >= attemptsMax) {
    const error = final(result.endings[0]?.error ?? damageError(row));
    return { ...withCounters(endEntry(row, failure(0, error)), mismatches), verdict };
  }
  const inPlace = firstTime && !traits.publishFirst;
  return {
    ...noEffects,
    place: { stage: "transfer", state: inPlace ? "pending" : "waiting" },
    attempt: attempt + 1,
    progress: "clear",
    verdict,
    head: inPlace ? null : { type: "repair" },
    counters: { ...mismatches, ...takenBack(stage, row.bytes), retries: 1 },
  };
}

function afterHead(
  row: ChunkView,
  result: Extract<TaskResult, { type: "published" }>,
  traits: JobTraits,
  next: Place,
): Effects {
  const [ending] = result.endings;
  if (ending !== undefined) return restartOrEnd(row, ending);
  const place = afterHeadPublished(traits);
  const ranges: RangesEffect = { type: "move", place, gate: traits.publishFirst };
  return endRow(row, { ...noEffects, place: next, attempt: row.attempt, lost: result.lost, ranges });
}

/** What was verified came back otherwise: its ranges are verified once more, and only what they find is sent again. */
function lookAgain(row: ChunkView): Effects {
  const others: Place = { stage: "verify", state: "pending" };
  const place: Place = { stage: row.stage, state: "waiting" };
  return {
    ...noEffects,
    place,
    attempt: row.attempt + 1,
    ranges: { type: "repair", others },
    counters: { retries: 1 },
  };
}

/** The head's last range has passed the gate for which it waited. */
export function afterGate(row: ChunkView, traits: JobTraits): Effects {
  if (row.stage !== "verify") {
    return { ...noEffects, place: { stage: row.stage, state: "pending" }, attempt: row.attempt };
  }
  return endRow(row, { ...noEffects, place: nextPlace("head", "verify", traits), attempt: row.attempt });
}

/** The head, when a range reported the end of its entry; after publishing it had been counted as verified. */
export function afterEntryEnded(row: ChunkView, ending: ItemEnding): Effects {
  const effects = restartOrEnd(row, ending);
  return row.stage === "done" ? withCounters(effects, uncountWhole(row)) : effects;
}

/** The head, when a range came back damaged and cannot be sent again in place; null when it prepares already. */
export function afterDamage(row: ChunkView): Effects | null {
  if (row.stage === "prepare") return null;
  const effects: Effects = { ...noEffects, place: { stage: "prepare", state: "pending" }, attempt: row.attempt };
  return row.stage === "done" ? withCounters(effects, uncountWhole(row)) : effects;
}

function uncountWhole(row: ChunkView): Counters {
  return uncountVerified(must(row.items()[0], "a head has one item"));
}

function withCounters(effects: Effects, more: Counters): Effects {
  return { ...effects, counters: addCounters(effects.counters, more) };
}

const match = { result: "match", bad: [], isWhole: true } as const;

/** What could not be read (it is gone, it is longer than it should be) is no match, and no mismatch of bytes either. */
function verdictOf({ bad, endings }: Extract<TaskResult, { type: "read_back" }>): NonNullable<Effects["verdict"]> {
  if (bad.length > 0) return { result: "mismatch", bad, isWhole: endings.length === 0 };
  return endings.length === 0 ? match : { result: "inconclusive", bad, isWhole: false };
}

/** Counts the items without an ending as verified, if the row has ended. */
function endRow(row: ChunkView, effects: Effects): Effects {
  return settleItems(row, [], effects);
}

function wholeReceipts(digests: Uint8Array, rows?: number): Progress["receipts"] {
  return { count: digests.length / 32, digests, tags: rows === undefined ? null : [rowsTag(rows)] };
}

export function plainEnding(item: number, outcome: ItemEnding["outcome"], evidence: Evidence): ItemEnding {
  return { item, outcome, evidence, error: null, now: null, again: false };
}

function different(error: ErrorRecord | null): ItemEnding {
  return { ...plainEnding(0, "different", "none"), error };
}

export function failure(item: number, error: ErrorRecord): ItemEnding {
  return { ...plainEnding(item, "failed", "none"), error };
}

function damageError(row: ChunkView): ErrorRecord {
  return {
    code: "digest_mismatch",
    disposition: "corrupt",
    what: `bytes of ${displayPath(row.items()[0]?.entry.path ?? rootPath)} came back different from what was read`,
    hint: "They were sent again as often as allowed. Look at the target's medium, its memory and the network.",
  };
}

function damagedItems(bad: readonly BadBlock[], row: ChunkView): readonly ItemEnding[] {
  const items = new Set(bad.map((block) => block.item));
  const error = items.size === 0 ? null : { ...damageError(row), disposition: "retry" as const };
  return error === null ? [] : [...items].map((item) => failure(item, error));
}
