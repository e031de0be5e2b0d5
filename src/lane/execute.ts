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
import { compare, compareItems } from "../verifier/compare.ts";
import { readBack } from "../verifier/read-back.ts";
import type { VerifierRole } from "../verifier/role.ts";
import type { WorkerRole } from "../worker/role.ts";
import { digestWhole, prepare, publish, remove, seal } from "../worker/stage.ts";
import { prehash, transfer } from "../worker/transfer.ts";

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
  const { same, digests, found } = await compareItems(roles.verifier, assignment, wanted);
  if (same.size === 0) return transfer(worker, assignment);
  await adoptAttributes(worker.target, assignment, same, found);
  const endings = Array.from(same, (item): ItemEnding => ({ ...identical, item }));
  const rest = await transfer(worker, { ...assignment, skip: new Set([...skip, ...same]) });
  if (rest.type !== "transferred") return rest;
  const { progress } = rest;
  keepDigests(items, { same, from: digests, to: progress.receipts.digests, firstBlock: progress.firstBlock });
  return { ...rest, progress: { ...progress, endings: [...endings, ...progress.endings] } };
}

async function compareHead(roles: Roles, assignment: Assignment): Promise<TaskResult | null> {
  const { same, digests, found } = await compareItems(roles.verifier, assignment, new Set([0]));
  if (!same.has(0)) return roles.worker === null ? { type: "different" } : null;
  if (roles.worker !== null) await adoptAttributes(roles.worker.target, assignment, same, found);
  return { type: "same", digests, readFrom: roles.verifier.existingReadFrom };
}

/** The content is there already; its times and modes are brought in line. */
async function adoptAttributes(
  target: Target,
  { work, items, signal }: Assignment,
  same: ReadonlySet<number>,
  found: Awaited<ReturnType<typeof compareItems>>["found"],
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

const identical: Omit<ItemEnding, "item"> = {
  outcome: "identical",
  evidence: "second_read",
  error: null,
  now: null,
  again: false,
};
