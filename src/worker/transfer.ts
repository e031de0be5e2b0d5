/**
 * The transfer of one chunk: source, digests, target, in one pass. Bytes are read once; what the target confirms is
 * reported on the way, so that a successor continues at the first block that is not confirmed.
 */
import { GodwitError } from "../base/errors.ts";
import { blockStarts, type Item } from "../model/chunk.ts";
import type { ChunkEvidence, Evidence } from "../model/entry.ts";
import type { ItemEnding, ItemLoss, TaskResult } from "../model/task.ts";
import { digestFrames } from "./digest-frames.ts";
import { Ledger } from "./ledger.ts";
import type { Assignment } from "../ports/assignment.ts";
import { endingOf } from "../ports/source-errors.ts";
import { recut, refusal, type WorkerRole } from "./role.ts";
import type { WriteListener } from "../ports/target.ts";
import { type EvidenceWitness, openWitness, secondReadWitness } from "./witness.ts";

const digestBytes = 32;

/** Items that were found on the target already, before anything is transferred. */
export interface Known {
  readonly endings: readonly ItemEnding[];
  /** Of the whole chunk, 32 bytes each; those of these items' blocks count. */
  readonly digests: Uint8Array;
  readonly lost: readonly ItemLoss[];
}

export async function transfer(
  role: WorkerRole,
  assignment: Assignment,
  known: Known | null = null,
): Promise<TaskResult> {
  const { task, items, work, signal } = assignment;
  if (task.kind === "directories") await makeAround(role, assignment);
  const skip = known === null ? assignment.skip : withItems(assignment.skip, known.endings);
  const judge = role.evidence === null ? null : await openWitness(role.evidence, { ...assignment, skip });
  const firstBlock = startOf(task.receipts.count, items, judge !== null);
  const ledger = new Ledger({
    items,
    firstBlock,
    skip: assignment.skip,
    monotonicMs: () => role.clock.monotonicMs(),
    onProgress: assignment.onProgress,
  });
  for (const ending of known?.endings ?? []) ledger.know(ending, known?.digests ?? new Uint8Array(0));
  const twice = task.prehash === null ? null : secondReadWitness(task.prehash);
  // Evidence about whole items wants their bytes in order.
  const newPair = judge === null && role.target.takesPairs === true ? role.newPair : null;
  const request = { work, from: firstBlock, skip, paired: newPair !== null };
  const lostInRead: ItemLoss[] = [];
  const frames = digestFrames(role.source.read(request, signal), {
    work,
    newPair,
    digests: ledger.digests,
    witness: twice ?? judge,
    meter: role.meter,
    onEnd: (item, end) => {
      if (end.outcome !== "read") ledger.end(recut(role.target, endingOf(item, end)));
      else if (end.losses !== undefined) lostInRead.push({ item, losses: end.losses });
    },
  });
  const listener: WriteListener = {
    onConfirmed: (block) => ledger.confirm(block),
    onRefused: ({ item, error }) => ledger.end(refusal(item, error)),
  };
  const receipt = await role.target.write(work, frames, listener, signal);

  const progress = ledger.rest();
  const [ending] = progress.endings;
  if (task.kind === "range" && ending !== undefined) {
    // Tried again as it is, against the same first read: starting the entry anew would forget what that one saw.
    if (twice !== null && ending.error?.code === "source_evidence_mismatch") throw GodwitError.fromJSON(ending.error);
    return { type: "entry_ended", ending };
  }
  const ended = withItems(skip, progress.endings);
  const lost = [...(known?.lost ?? []), ...lostInRead, ...receipt.lost];
  return { type: "transferred", progress, evidence: restsOn(items, ended, twice ?? judge), lost };
}

/** What stands around tables is made with the first of them, and without any where there is none. */
async function makeAround({ source, target }: WorkerRole, { items, work, signal }: Assignment): Promise<void> {
  const [item] = items;
  if (source.definition === undefined || item === undefined) return;
  await target.prepare(work, false, signal, { definition: source.definition.bind(source, item.entry, signal) });
}

function withItems(items: ReadonlySet<number>, endings: readonly ItemEnding[]): ReadonlySet<number> {
  return new Set([...items, ...endings.map(({ item }) => item)]);
}

/** Only files have bytes to compare. Items that have ended say themselves what they rest on: here they go with the first. */
function restsOn(items: readonly Item[], ended: ReadonlySet<number>, witness: EvidenceWitness | null): ChunkEvidence {
  if (witness === null) return "one_read";
  const each = items.map(({ entry }, index): Evidence | null => {
    if (ended.has(index)) return null;
    return (entry.kind === "file" ? witness.evidenceOf(index) : null) ?? "one_read";
  });
  const first = each.find((evidence) => evidence !== null) ?? "one_read";
  return each.every((evidence) => evidence === null || evidence === first)
    ? first
    : each.map((evidence) => evidence ?? first);
}

/** Reads the chunk from its source and keeps the digests: the first of the two reads of `prehash`. */
export async function prehash(role: WorkerRole, assignment: Assignment): Promise<TaskResult> {
  const { task, items, work, skip, signal } = assignment;
  const digests = new Uint8Array((blockStarts(items).at(-1) as number) * digestBytes);
  const endings: ItemEnding[] = [];
  const { newPair } = role;
  const request = { work, from: 0, skip, paired: newPair !== null };
  const frames = digestFrames(role.source.read(request, signal), {
    work,
    newPair,
    digests,
    witness: null,
    meter: role.meter,
    onEnd: (item, end) => {
      if (end.outcome !== "read") endings.push(recut(role.target, endingOf(item, end)));
    },
  });
  for await (const _ of frames) signal.throwIfAborted();
  const [ending] = endings;
  if (task.kind === "range" && ending !== undefined) return { type: "entry_ended", ending };
  return { type: "prehashed", digests, endings };
}

/** Evidence about whole items needs all their bytes: a half-confirmed item then starts again at its first block. */
function startOf(confirmed: number, items: readonly Item[], wholeItems: boolean): number {
  if (!wholeItems) return confirmed;
  return blockStarts(items).findLast((start) => start <= confirmed) ?? 0;
}
