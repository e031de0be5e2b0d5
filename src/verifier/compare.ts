/** Comparison by content: both sides are read, nothing is written. For `check`, and for what a copy finds already there. */
import { createHash } from "node:crypto";
import { blockStarts, type Item, type Work } from "../model/chunk.ts";
import type { Entry } from "../model/entry.ts";
import type { ItemEnding, TaskResult } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { ItemEnd, Source } from "../ports/source.ts";
import type { VerifierRole } from "./role.ts";

export interface Comparison {
  /** Of the source, block by block. */
  readonly digests: Uint8Array;
  /** Items whose content is the same on both sides. */
  readonly same: ReadonlySet<number>;
  /** Items that one side could not give whole, with that side's end. */
  readonly broken: ReadonlyMap<number, Exclude<ItemEnd, { outcome: "read" }>>;
  /** The entries as they stand on the target. */
  readonly found: ReadonlyMap<number, Entry>;
}

/** @param onBytes sees the source's bytes as they pass, each item's in order */
export async function compareItems(
  role: VerifierRole,
  assignment: Assignment,
  wanted: ReadonlySet<number>,
  onBytes: (item: number, bytes: Uint8Array) => void = () => {},
): Promise<Comparison> {
  const { items, work, signal } = assignment;
  const skip = new Set(items.keys().filter((index) => !wanted.has(index)));
  const ours = await digestsOf(role, role.source, { work, skip, signal, onBytes });
  const found = new Map<number, Entry>();
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
    found.set(index, seen.entry);
    there[index] = { ...item, entry: seen.entry };
  }
  const theirs = await digestsOf(role, role.existing, { work: { ...work, items: there }, skip: absent, signal });
  const same = new Set<number>();
  const starts = blockStarts(items);
  const broken = new Map(ours.broken);
  for (const index of wanted) {
    if (absent.has(index) || broken.has(index)) continue;
    const end = theirs.broken.get(index);
    if (end !== undefined) broken.set(index, end);
    const from = (starts[index] as number) * 32;
    const to = (starts[index + 1] as number) * 32;
    const equal = Buffer.compare(ours.digests.subarray(from, to), theirs.digests.subarray(from, to)) === 0;
    if (end === undefined && equal) same.add(index);
  }
  return { digests: ours.digests, same, broken, found };
}

/** `godwit check`: every item ends identical or different, or as what one side said of it. */
export async function compare(role: VerifierRole, assignment: Assignment): Promise<TaskResult> {
  const { items, skip } = assignment;
  const wanted = new Set(items.keys().filter((index) => !skip.has(index)));
  const result = await compareItems(role, assignment, wanted);
  const endings: ItemEnding[] = [];
  for (const index of wanted) {
    const end = result.broken.get(index);
    if (end !== undefined) {
      const now = end.outcome === "changed" ? end.now : null;
      endings.push({ item: index, outcome: end.outcome, evidence: "none", error: end.error, now, again: false });
    } else if (!result.same.has(index)) {
      endings.push({
        item: index,
        outcome: "different",
        evidence: "second_read",
        error: null,
        now: null,
        again: false,
      });
    }
  }
  return { type: "compared", digests: result.digests, endings, readFrom: role.existingReadFrom };
}

interface Reading {
  readonly work: Work;
  readonly skip: ReadonlySet<number>;
  readonly signal: AbortSignal;
  readonly onBytes?: ((item: number, bytes: Uint8Array) => void) | undefined;
}

async function digestsOf(
  role: VerifierRole,
  side: Source,
  { work, skip, signal, onBytes }: Reading,
): Promise<{ digests: Uint8Array; broken: Map<number, Exclude<ItemEnd, { outcome: "read" }>> }> {
  const starts = blockStarts(work.items);
  const digests = new Uint8Array((starts.at(-1) as number) * 32);
  const broken = new Map<number, Exclude<ItemEnd, { outcome: "read" }>>();
  let running = createHash("sha256");
  const name = side === role.source ? "sourceBytesRead" : "targetBytesRead";
  for await (const frame of side.read(work, 0, skip, signal)) {
    const item = work.items[frame.item] as Item;
    const start = starts[frame.item] as number;
    if ("end" in frame) {
      if (frame.end.outcome !== "read") {
        broken.set(frame.item, frame.end);
        running = createHash("sha256");
      } else if (item.entry.kind === "file" && item.length === 0) {
        digests.set(createHash("sha256").digest(), start * 32);
      }
      continue;
    }
    role.meter.add(name, frame.bytes.length);
    onBytes?.(frame.item, frame.bytes);
    running.update(frame.bytes);
    const to = frame.offset - item.offset + frame.bytes.length;
    if (to % item.blockBytes !== 0 && to !== item.length) continue;
    digests.set(running.digest(), (start + Math.ceil(to / item.blockBytes) - 1) * 32);
    running = createHash("sha256");
  }
  return { digests, broken };
}
