/**
 * Runs one task with the roles of a lane: the worker's for what writes, the verifier's for what compares. Composition
 * only: the roles do not know each other.
 */
import { must, unreachable } from "../base/assert.ts";
import { blockStarts, type Item } from "../model/chunk.ts";
import { isAccessList, sameAttributes } from "../model/entry.ts";
import { decodeItems } from "../model/item-codec.ts";
import type { ItemEnding, ItemLoss, Progress, Task, TaskResult } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { ExtendedAttributes } from "../ports/source.ts";
import type { Target } from "../ports/target.ts";
import { compare, compareItems, type Comparison, endingOfCheck } from "../verifier/compare.ts";
import { compareTable } from "../verifier/compare-tables.ts";
import { readBack } from "../verifier/read-back.ts";
import type { VerifierRole } from "../verifier/role.ts";
import { refusal, type WorkerRole } from "../worker/role.ts";
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
  const work = { jobId, chunkId, kind, items, staging, epoch: task.lease.epoch };
  const skip = new Set(task.endings.map((ending) => ending.item));
  const assignment: Assignment = { task, items, work, skip, ...run };
  if (task.stage === "compare") return compare(roles.verifier, assignment);
  if (task.stage === "prepare" && items[0]?.compare === true) {
    if (items[0].entry.kind === "table") return compareTable(roles.verifier, assignment);
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
  const found = await compareWithEvidence(roles, assignment, wanted);
  if (found.same.size === 0) return transfer(worker, assignment);
  const { lost, refused } = await adoptAttributes(worker.target, assignment, found);
  const endings = found.endings.map((ending) => refused.get(ending.item) ?? ending);
  return transfer(worker, assignment, { endings, digests: found.digests, lost });
}

async function compareHead(roles: Roles, assignment: Assignment): Promise<TaskResult | null> {
  const found = await compareWithEvidence(roles, assignment, new Set([0]));
  if (roles.worker === null) {
    const ending = endingOfCheck(0, found);
    if (ending !== null)
      return ending.outcome === "different" ? { type: "different" } : { type: "entry_ended", ending };
  }
  const [ending] = found.endings;
  if (ending === undefined) return null;
  if (ending.outcome === "failed") return { type: "entry_ended", ending };
  const nothing: Adopted = { lost: [], refused: new Map() };
  const { lost, refused } =
    roles.worker === null ? nothing : await adoptAttributes(roles.worker.target, assignment, found);
  const refusedNow = refused.get(0);
  if (refusedNow !== undefined) return { type: "entry_ended", ending: refusedNow };
  const { existingReadFrom: readFrom } = roles.verifier;
  return { type: "same", digests: found.digests, evidence: ending.evidence, readFrom, lost };
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
  const onBytes = witness === null ? null : (item: number, bytes: Uint8Array) => witness.bytes(item, bytes);
  const result = await compareItems(verifier, assignment, wanted, onBytes);
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

interface Adopted {
  readonly lost: readonly ItemLoss[];
  /** Items that the target would not touch. */
  readonly refused: ReadonlyMap<number, ItemEnding>;
}

/** The content is there already; its times, modes, owners and extended attributes are brought in line. */
async function adoptAttributes(
  target: Target,
  { work, items, signal }: Assignment,
  { same, observed, found }: Comparison,
): Promise<Adopted> {
  const xattrs = new Map<number, ExtendedAttributes>();
  const skip = new Set(items.keys());
  for (const index of same) {
    const wanted = items[index]?.entry.attributes ?? null;
    const there = found.get(index);
    const ours = observed.get(index)?.xattrs ?? null;
    const lacksXattrs = ours !== null && !hasXattrs(there?.xattrs ?? null, ours);
    if (lacksXattrs) xattrs.set(index, ours);
    if (wanted !== null && (lacksXattrs || !sameAttributes(wanted, there?.entry.attributes ?? null)))
      skip.delete(index);
  }
  if (skip.size === items.length) return { lost: [], refused: new Map() };
  const receipt = await target.seal(work, skip, signal, xattrs);
  return {
    lost: receipt.lost,
    refused: new Map(receipt.refused.map(({ item, error }) => [item, refusal(item, error)])),
  };
}

/** Others may be there beside them, but for access lists. */
function hasXattrs(there: ExtendedAttributes | null, wanted: ExtendedAttributes): boolean {
  for (const [name, value] of wanted) {
    const kept = there?.get(name) ?? null;
    if (kept === null || value === null || Buffer.compare(kept, value) !== 0) return false;
  }
  return there === null || there.keys().every((name) => wanted.has(name) || !isAccessList(name));
}
