/**
 * Runs one task with the roles of a lane: the worker's for what writes, the verifier's for what compares. Composition
 * only: the roles do not know each other.
 */
import { must, unreachable } from "../base/assert.ts";
import { blockStarts, type Item } from "../model/chunk.ts";
import { sameAttributes } from "../model/entry.ts";
import { decodeItems } from "../model/item-codec.ts";
import type { ItemEnding, Progress, Task, TaskResult } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { Target } from "../ports/target.ts";
import { compare, compareItems, type Comparison } from "../verifier/compare.ts";
import { readBack } from "../verifier/read-back.ts";
import type { VerifierRole } from "../verifier/role.ts";
import type { WorkerRole } from "../worker/role.ts";
import { digestWhole, prepare, publish, remove, seal } from "../worker/stage.ts";
import { prehash, transfer } from "../worker/transfer.ts";
import { openWitness } from "../worker/witness.ts";

export interface Roles {
  /** Null for `check`: there is nothing to write. */
  readonly worker: WorkerRole | null;
  readonly verifier: VerifierRole;
}

export interface Run {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export async function execute(roles: Roles, task: Task, run: Run): Promise<TaskResult> {
  const items = decodeItems(task.items);
  const { jobId, chunkId, kind, staging } = task;
  const work = { jobId, chunkId, kind, items, staging };
  const skip = new Set(task.endings.map((ending) => ending.item));
  const assignment: Assignment = { task, items, work, skip, ...run };
  if (task.stage === "compare") return compare(roles.verifier, assignment);
  if (task.stage === "prepare" && items[0]?.compare === true) {
    const found = await compareHead(roles, assignment);
    if (found !== null) return found;
  }
  const worker = must(roles.worker, `stage ${task.stage} has a worker`);
  switch (task.stage) {
    case "prepare":
      return prepare(worker, assignment);
    case "prehash":
      return prehash(worker, assignment);
    case "transfer":
      return transferRest(roles, worker, assignment);
    case "verify":
    case "reconcile":
      return readBack(roles.verifier, assignment);
    case "digest":
      return digestWhole(worker, assignment);
    case "publish":
      return publish(worker, assignment);
    case "remove":
      return remove(worker, assignment);
    case "seal":
      return seal(worker, assignment);
    case "done":
      throw new Error("a row that is done is never claimed");
    default:
      return unreachable(task.stage);
  }
}

/** Items that the target may already hold are compared first; only the others are transferred. */
async function transferRest(roles: Roles, worker: WorkerRole, assignment: Assignment): Promise<TaskResult> {
  const { items, skip, task } = assignment;
  // A large entry was compared whole, by its head: that one of its ranges is the same says nothing of the others.
  if (task.kind === "range") return transfer(worker, assignment);
  const wanted = new Set(items.keys().filter((index) => (items[index] as Item).compare && !skip.has(index)));
  if (wanted.size === 0 || task.receipts.count > 0) return transfer(worker, assignment);
  const { same, digests, found, endings } = await compareWithEvidence(roles, assignment, wanted);
  if (same.size === 0) return transfer(worker, assignment);
  await adoptAttributes(worker.target, assignment, same, found);
  const rest = await transfer(worker, { ...assignment, skip: new Set([...skip, ...same]) });
  if (rest.type !== "transferred") return rest;
  const { progress } = rest;
  keepDigests(items, { same, from: digests, to: progress.receipts.digests, firstBlock: progress.firstBlock });
  return { ...rest, progress: { ...progress, endings: [...endings, ...progress.endings] } };
}

async function compareHead(roles: Roles, assignment: Assignment): Promise<TaskResult | null> {
  const { same, digests, found, endings } = await compareWithEvidence(roles, assignment, new Set([0]));
  const [ending] = endings;
  if (ending === undefined) return roles.worker === null ? { type: "different" } : null;
  if (ending.outcome === "failed") return { type: "entry_ended", ending };
  if (roles.worker !== null) await adoptAttributes(roles.worker.target, assignment, same, found);
  return { type: "same", digests, evidence: ending.evidence, readFrom: roles.verifier.existingReadFrom };
}

interface Found extends Comparison {
  /** Of the items that are the same on both sides. */
  readonly endings: readonly ItemEnding[];
}

/** That both sides are the same does not make them right: where there is evidence, they are held against it as well. */
async function compareWithEvidence(
  { worker, verifier }: Roles,
  assignment: Assignment,
  wanted: ReadonlySet<number>,
): Promise<Found> {
  const { items } = assignment;
  const others = new Set(items.keys().filter((index) => !wanted.has(index)));
  const evidence = worker?.evidence ?? null;
  const witness = evidence === null ? null : await openWitness(evidence, { ...assignment, skip: others });
  const result = await compareItems(verifier, assignment, wanted, (item, bytes) => witness?.bytes(item, bytes));
  const starts = blockStarts(items);
  const endings: ItemEnding[] = [];
  for (const item of result.same) {
    const block = (starts[item + 1] as number) - 1;
    const digest = result.digests.subarray(block * 32, block * 32 + 32);
    const error = (await witness?.objection({ item, block, digest, isLast: true })) ?? null;
    const ending = { item, now: null, again: false };
    if (error !== null) endings.push({ ...ending, outcome: "failed", evidence: "none", error });
    else endings.push({ ...ending, outcome: "identical", evidence: witness?.evidenceOf(item) ?? "second_read", error });
  }
  return { ...result, endings };
}

/** The content is there already; its times and modes are brought in line. */
async function adoptAttributes(
  target: Target,
  { work, items, signal }: Assignment,
  same: ReadonlySet<number>,
  found: Comparison["found"],
): Promise<void> {
  const differ = (index: number): boolean => {
    const there = found.get(index);
    const wanted = items[index]?.entry.attributes ?? null;
    return same.has(index) && there !== undefined && wanted !== null && !sameAttributes(wanted, there.attributes);
  };
  const skip = new Set(items.keys().filter((index) => !differ(index)));
  if (skip.size < items.length) await target.seal(work, skip, signal);
}

interface Kept {
  readonly same: ReadonlySet<number>;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly firstBlock: number;
}

/** Identical items have digests too: the report gives them. */
function keepDigests(items: readonly Item[], { same, from, to, firstBlock }: Kept): void {
  const starts = blockStarts(items);
  for (const index of same) {
    const first = (starts[index] as number) * 32;
    const end = (starts[index + 1] as number) * 32;
    const shift = firstBlock * 32;
    if (first >= shift && end - shift <= to.length) to.set(from.subarray(first, end), first - shift);
  }
}
