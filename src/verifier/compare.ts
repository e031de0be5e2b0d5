/** Comparison by content: both sides are read, nothing is written. For `check`, and for what a copy finds already there. */
import { createHash } from "node:crypto";
import { BlockHasher } from "../model/block-hasher.ts";
import { blockStarts, type Item, type Work } from "../model/chunk.ts";
import type { ItemEnding, TaskResult } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { BrokenEnd, BytesFrame, Observed, Source } from "../ports/source.ts";
import { endingOf } from "../ports/source-errors.ts";
import type { VerifierRole } from "./role.ts";

export interface Comparison {
  /** Of the source, block by block. */
  readonly digests: Uint8Array;
  /** Items whose content is the same on both sides. */
  readonly same: ReadonlySet<number>;
  /** Items that the source could not give whole. */
  readonly broken: ReadonlyMap<number, BrokenEnd>;
  /** Items that the other side could not give whole: nothing is known of their content there. */
  readonly brokenThere: ReadonlyMap<number, BrokenEnd>;
  /** What the source said of the items when they were read. */
  readonly observed: ReadonlyMap<number, Observed>;
  /** What stands on the target. */
  readonly found: ReadonlyMap<number, Observed>;
}

/** @param onBytes sees the source's bytes as they pass, each item's in order */
export async function compareItems(
  role: VerifierRole,
  assignment: Assignment,
  wanted: ReadonlySet<number>,
  onBytes: ((item: number, bytes: Uint8Array) => void) | null = null,
): Promise<Comparison> {
  const { items, work, signal } = assignment;
  const skip = new Set(items.keys().filter((index) => !wanted.has(index)));
  const ours = await digestsOf(role, role.source, { work, skip, signal, onBytes });
  const found = new Map<number, Observed>();
  const there: Item[] = [...items];
  const absent = new Set(skip);
  for (const index of wanted) {
    const item = items[index] as Item;
    const seen = await role.existing.observe(item.entry, signal);
    if (seen === null || seen.entry.kind !== item.entry.kind || seen.entry.sizeBytes !== item.entry.sizeBytes) {
      absent.add(index);
      continue;
    }
    if (item.entry.kind === "symlink" && seen.entry.link !== item.entry.link) {
      absent.add(index);
      continue;
    }
    found.set(index, seen);
    there[index] = { ...item, entry: seen.entry };
  }
  const others = { work: { ...work, items: there }, skip: absent, signal, onBytes: null };
  const theirs = await digestsOf(role, role.existing, others);
  const same = new Set<number>();
  const starts = blockStarts(items);
  const { digests, broken, observed } = ours;
  for (const index of wanted) {
    if (absent.has(index) || broken.has(index) || theirs.broken.has(index)) continue;
    const from = (starts[index] as number) * 32;
    const to = (starts[index + 1] as number) * 32;
    if (Buffer.compare(digests.subarray(from, to), theirs.digests.subarray(from, to)) === 0) same.add(index);
  }
  return { digests, same, broken, brokenThere: theirs.broken, observed, found };
}

/** `godwit check`: what ends otherwise than identical, by what either side said of it. */
export function endingOfCheck(item: number, { same, broken, brokenThere }: Comparison): ItemEnding | null {
  const ours = broken.get(item);
  if (ours !== undefined) return endingOf(item, ours);
  if (same.has(item)) return null;
  const plain = { item, now: null, again: false } as const;
  const theirs = brokenThere.get(item);
  switch (theirs?.outcome) {
    case undefined:
      return { ...plain, outcome: "different", evidence: "second_read", error: null };
    case "vanished":
      return { ...plain, outcome: "missing", evidence: "none", error: null };
    // The source's version is still the one to pin: it is compared once more, with what stands there then.
    case "changed":
    case "failed":
      return { ...plain, outcome: "failed", evidence: "none", error: theirs.error };
  }
}

/** `godwit check`: every item ends identical or different, or as what one side said of it. */
export async function compare(role: VerifierRole, assignment: Assignment): Promise<TaskResult> {
  const { items, skip } = assignment;
  const wanted = new Set(items.keys().filter((index) => !skip.has(index)));
  const result = await compareItems(role, assignment, wanted);
  const endings: ItemEnding[] = [];
  for (const index of wanted) {
    const ending = endingOfCheck(index, result);
    if (ending !== null) endings.push(ending);
  }
  return { type: "compared", digests: result.digests, endings, readFrom: role.existingReadFrom };
}

interface Reading {
  readonly work: Work;
  readonly skip: ReadonlySet<number>;
  readonly signal: AbortSignal;
  /** Wants them in order. */
  readonly onBytes: ((item: number, bytes: Uint8Array) => void) | null;
}

async function digestsOf(
  role: VerifierRole,
  side: Source,
  { work, skip, signal, onBytes }: Reading,
): Promise<Pick<Comparison, "digests" | "broken" | "observed">> {
  const starts = blockStarts(work.items);
  const digests = new Uint8Array((starts.at(-1) as number) * 32);
  const broken = new Map<number, BrokenEnd>();
  const observed = new Map<number, Observed>();
  const newPair = onBytes === null ? role.newPair : null;
  const hasher = new BlockHasher<BytesFrame>(work.items, newPair);
  const name = side === role.source ? "sourceBytesRead" : "targetBytesRead";
  for await (const frame of side.read({ work, from: 0, skip, paired: newPair !== null }, signal)) {
    const item = work.items[frame.item] as Item;
    const start = starts[frame.item] as number;
    if ("end" in frame) {
      const whole = hasher.end(frame.item);
      if (frame.end.outcome !== "read") {
        broken.set(frame.item, frame.end);
        continue;
      }
      observed.set(frame.item, frame.end.observed);
      if (whole !== null) digests.set(whole.digest, whole.block * 32);
      else if (item.entry.kind === "file" && item.length === 0) {
        digests.set(createHash("sha256").digest(), start * 32);
      }
      continue;
    }
    role.meter.add(name, frame.bytes.length);
    onBytes?.(frame.item, frame.bytes);
    for (const { block, digest } of hasher.take(frame)) if (digest !== null) digests.set(digest, block * 32);
  }
  return { digests, broken, observed };
}
