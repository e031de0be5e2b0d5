/**
 * How items end: which ends are final, which are tried again in a later row, and what is counted. The one place
 * where `entries:*` and `bytes:*` of what was planned grow, so that an entry is counted exactly once, whatever path it took.
 */
import type { ErrorRecord } from "../base/errors.ts";
import { blockStarts, ended, type Item, type Place, type Stage } from "./chunk.ts";
import { noEffects, attemptsMax, type ChunkView, type Effects } from "./effects.ts";
import { hasContent, isProven } from "./entry.ts";
import { packItems } from "./item-codec.ts";
import { addCounters, type Counters } from "./job.ts";
import { outcomeCounters, OutcomeSums } from "./outcome-sums.ts";
import type { ItemEnding, NewChunk } from "./task.ts";

/** Adds endings to a row: some final, some to be tried again; counts what became final. */
export function settleItems(row: ChunkView, found: readonly ItemEnding[], effects: Effects): Effects {
  const known = new Set(row.endings.map((ending) => ending.item));
  const endings: ItemEnding[] = [...effects.endings];
  const retried: Item[] = [];
  const disputed: number[] = [];
  for (const ending of found) {
    if (known.has(ending.item)) continue;
    known.add(ending.item);
    const again = row.attempt + 1 < attemptsMax && mayTryAgain(ending);
    endings.push({ ...ending, error: again || ending.error === null ? ending.error : final(ending.error), again });
    if (!again) continue;
    if (row.prehash !== null && ending.error?.code === "source_evidence_mismatch") disputed.push(ending.item);
    else retried.push(nextTry(row, ending));
  }
  for (const ending of effects.endings) known.add(ending.item);
  const add: NewChunk[] = [...effects.add];
  if (retried.length > 0) add.push({ kind: row.kind, items: packItems(retried), attempt: row.attempt + 1 });
  if (disputed.length > 0) add.push(readOnceMore(row, disputed));

  const isRange = row.kind === "range";
  const isExtra = row.kind === "extras" || row.kind === "extra_directories";
  const needsItems = endings.length > 0 || effects.place.stage === "done";
  if (isRange || !needsItems) return { ...effects, endings, add };

  const items = row.items();
  const nothingLeft = known.size === items.length && effects.ranges === null;
  const asked = nothingLeft && effects.place.state !== "waiting" ? ended : effects.place;
  const place = asked.stage === "done" ? placeOfEnd([...row.endings, ...endings], items.length) : asked;
  if (isExtra) {
    // What was to be deleted was never listed by the source: no outcome counts it. Whatever ended otherwise stands there.
    const deletionsFailed = endings.filter(({ again, outcome }) => !again && outcome !== "vanished").length;
    const counters = addCounters(effects.counters, { deletionsFailed, retries: retried.length });
    return { ...effects, endings, add, place, counters };
  }

  let counters = addCounters(effects.counters, countEndings(items, endings));
  if (row.kind !== "head")
    counters = addCounters(counters, takenBack(row.stage, liveBytes(row, []) - liveBytes(row, endings)));
  if (retried.length + disputed.length > 0) {
    counters = addCounters(counters, {
      retries: retried.length + disputed.length,
      listedBytes: growth(items, endings),
    });
  }
  if (place.stage === "done" && row.kind !== "settled") counters = addCounters(counters, countRest(row, items, known));
  return { ...effects, endings, add, place, counters };
}

/** An entry whose head or range saw it end: from its start again where that may help, else final. Its ranges go. */
export function restartOrEnd(row: ChunkView, ending: ItemEnding): Effects {
  const again = row.attempt + 1 < attemptsMax && mayTryAgain(ending);
  const [item] = row.items();
  const bytes = item?.entry.sizeBytes ?? 0;
  const error = again || ending.error === null ? ending.error : final(ending.error);
  return {
    place: { stage: "done", state: !again && isProven(ending.outcome) ? "verified" : "failed" },
    attempt: row.attempt,
    progress: null,
    endings: [{ ...ending, error, item: 0, again }],
    add: again
      ? [{ kind: row.kind, items: packItems([nextTry(row, { ...ending, item: 0 })]), attempt: row.attempt + 1 }]
      : [],
    lost: [],
    ranges: { type: "drop" },
    head: null,
    verdict: null,
    counters: again
      ? { retries: 1, listedBytes: (ending.now?.sizeBytes ?? bytes) - bytes }
      : outcomeCounters(ending.outcome, 1, bytes),
  };
}

export function failEntry(row: ChunkView, error: ErrorRecord): Effects {
  const ending: ItemEnding = {
    item: 0,
    outcome: "failed",
    evidence: "none",
    error: final(error),
    now: null,
    again: false,
  };
  return restartOrEnd({ ...row, attempt: attemptsMax }, ending);
}

/** Every item of a row that has no end yet ends `failed` with this error. */
export function failItems(row: ChunkView, error: ErrorRecord): Effects {
  const known = new Set(row.endings.map((ending) => ending.item));
  const endings = row
    .items()
    .map((_, item): ItemEnding => ({
      item,
      outcome: "failed",
      evidence: "none",
      error: final(error),
      now: null,
      again: false,
    }))
    .filter((ending) => !known.has(ending.item));
  return settleItems({ ...row, attempt: attemptsMax }, endings, {
    ...noEffects,
    place: ended,
    attempt: row.attempt + 1,
  });
}

/** Takes back what a head had counted when it ended well (a reconciliation found damage). */
export function uncountVerified(item: Item): Counters {
  return outcomeCounters("verified", -1, -item.entry.sizeBytes);
}

/**
 * What a row of data has to give back of `bytesTransferred` and `bytesVerified` when bytes of it are void (their items
 * ended otherwise, are sent anew, or are verified anew): what it had added by the time it stood at this stage.
 */
export function takenBack(stage: Stage, bytes: number): Counters {
  if (bytes === 0) return {};
  const verified = stage === "publish" || stage === "reconcile" || stage === "done";
  if (verified) return { bytesTransferred: -bytes, bytesVerified: -bytes };
  return stage === "verify" ? { bytesTransferred: -bytes } : {};
}

/** A row has failed when an entry of it failed for good, or when nothing in it ended here. */
function placeOfEnd(endings: readonly ItemEnding[], items: number): Place {
  const lost = endings.some((ending) => !ending.again && ending.outcome === "failed");
  const superseded = items > 0 && endings.filter((ending) => ending.again).length === items;
  return lost || superseded ? { stage: "done", state: "failed" } : ended;
}

/**
 * Two reads of the source gave different bytes. The first one stays the measure: were it taken anew, bytes that have
 * rotted in between would agree with themselves.
 */
function readOnceMore(row: ChunkView, disputed: readonly number[]): NewChunk {
  const all = row.items();
  const starts = blockStarts(all);
  const known = row.prehash ?? new Uint8Array(0);
  const parts = disputed.map((item) =>
    known.subarray((starts[item] as number) * 32, (starts[item + 1] as number) * 32),
  );
  const items = packItems(disputed.map((item) => all[item] as Item));
  return { kind: row.kind, items, attempt: row.attempt + 1, prehash: Buffer.concat(parts) };
}

function mayTryAgain(ending: ItemEnding): boolean {
  if (ending.outcome === "changed") return ending.now !== null;
  return ending.outcome === "failed" && ending.error !== null && ending.error.disposition === "retry";
}

/** Bytes of the items that have no ending of any sort. */
export function liveBytes(row: ChunkView, more: readonly ItemEnding[]): number {
  if (row.endings.length === 0 && more.length === 0) return row.bytes;
  const items = row.items();
  const gone = new Set([...row.endings, ...more].map((ending) => ending.item));
  return items.reduce((sum, item, index) => (gone.has(index) ? sum : sum + item.length), 0);
}

/** What the listing gains when changed entries are pinned anew with another size. */
function growth(items: readonly Item[], endings: readonly ItemEnding[]): number {
  let bytes = 0;
  for (const ending of endings) {
    if (ending.again && ending.now !== null) bytes += ending.now.sizeBytes - (items[ending.item]?.entry.sizeBytes ?? 0);
  }
  return bytes;
}

/** The item as the next row pins it. This try may have written: what stands on the target is looked at anew. */
function nextTry(row: ChunkView, ending: ItemEnding): Item {
  const item = row.items()[ending.item] as Item;
  const entry = ending.now ?? item.entry;
  const length = hasContent(entry.kind) ? entry.sizeBytes : 0;
  return { ...item, entry, length, blockBytes: ending.nowBlockBytes ?? item.blockBytes, standing: undefined };
}

function countEndings(items: readonly Item[], endings: readonly ItemEnding[]): Counters {
  const sums = new OutcomeSums();
  for (const { again, outcome, item } of endings) if (!again) sums.add(outcome, items[item]?.entry.sizeBytes ?? 0);
  return sums.counters();
}

function countRest(row: ChunkView, items: readonly Item[], known: ReadonlySet<number>): Counters {
  let entries = 0;
  let bytes = 0;
  items.forEach((item, index) => {
    if (known.has(index)) return;
    entries += 1;
    bytes += item.entry.sizeBytes;
  });
  return outcomeCounters(row.stage === "compare" ? "identical" : "verified", entries, bytes);
}

/** Tried as often as allowed: nobody is to try again. */
export function final(error: ErrorRecord): ErrorRecord {
  return error.disposition === "retry" ? { ...error, disposition: "rejected" } : error;
}
