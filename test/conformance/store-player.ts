/** Plays a worker against a Store: claims tasks and answers as lanes would, without any data. Time is its own. */
import { must } from "../../src/base/assert.ts";
import { type ErrorCode, type ErrorRecord } from "../../src/base/errors.ts";
import { blockStarts, type Item, type JobTraits } from "../../src/model/chunk.ts";
import type { Entry, EntryKind } from "../../src/model/entry.ts";
import { decodeItems, packItems, unpackItems } from "../../src/model/item-codec.ts";
import type { JobSpec } from "../../src/model/job.ts";
import type { BytePath } from "../../src/model/path.ts";
import { SettledWriter } from "../../src/model/settled.ts";
import type { BadBlock, ItemEnding, NewChunk, Progress, Task, TaskResult } from "../../src/model/task.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Lead, PlanBatch, Store } from "../../src/ports/store.ts";

export const leaseMs = 30_000;
const blockBytes = 1024;

export class ManualClock implements Clock {
  nowMs = 1_800_000_000_000;
  now(): number {
    return this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs;
  }
  async sleep(ms: number): Promise<void> {
    this.nowMs += ms;
  }
}

const plainTraits: JobTraits = {
  kind: "copy",
  prehash: false,
  reconcile: false,
  wholeDigest: false,
  publishFirst: false,
};

export function jobSpec(traits: Partial<JobTraits> = {}): JobSpec {
  return {
    kind: traits.kind ?? "copy",
    source: "file:///source",
    target: "file:///target",
    include: [],
    exclude: [],
    filesFrom: null,
    compare: "content",
    links: "preserve",
    durability: "fsync",
    verify: "readback",
    sourceEvidence: { type: "none" },
    fileDigest: false,
    reconcile: traits.reconcile ?? false,
    delete: false,
    maxDelete: null,
    chunkBytes: 2 * blockBytes,
    s3: { endpoint: null, region: null, pathStyle: false, profile: null },
    traits: { ...plainTraits, ...traits },
  };
}

export function entry(path: string, sizeBytes: number, kind: EntryKind = "file"): Entry {
  const version = { kind: "stat", inode: 1n, mtimeNs: 5n, ctimeNs: 6n } as const;
  return { path: path as BytePath, kind, sizeBytes, version, attributes: null, link: null, sparse: false };
}

export function item(path: string, sizeBytes: number, kind: EntryKind = "file"): Item {
  return { entry: entry(path, sizeBytes, kind), offset: 0, length: sizeBytes, blockBytes, compare: false };
}

export function chunk(kind: NewChunk["kind"], items: readonly Item[], endings: readonly ItemEnding[] = []): NewChunk {
  const row = { kind, items: packItems(items), attempt: 0 };
  if (endings.length === 0) return row;
  const settled = new SettledWriter();
  for (const ending of endings)
    settled.add(ending.item, must(items[ending.item], "an end is one of an item").entry.sizeBytes, ending);
  return { ...row, settled: settled.finish() };
}

export function planOf(chunks: readonly NewChunk[], done = true): PlanBatch {
  const listed = chunks
    .filter(({ kind }) => kind !== "extras" && kind !== "extra_directories")
    .flatMap(({ items }) => unpackItems(items));
  const bytes = listed.reduce((sum, each) => sum + each.entry.sizeBytes, 0);
  return { chunks, listed: { entries: listed.length, bytes }, cursor: done ? null : "after", done };
}

export async function started(
  store: Store,
  chunks: readonly NewChunk[],
  traits: Partial<JobTraits> = {},
): Promise<Lead> {
  const job = await store.createJob(jobSpec(traits));
  const lead = await store.lead(job.id, "host:1:1");
  await store.addPlan(lead, planOf(chunks));
  await store.setStatus(lead, "running", null);
  return lead;
}

export function errorOf(disposition: ErrorRecord["disposition"], code: ErrorCode = "unreadable"): ErrorRecord {
  return { code, disposition, what: `a ${disposition} error`, hint: "None." };
}

export function endingOf(index: number, outcome: ItemEnding["outcome"], more: Partial<ItemEnding> = {}): ItemEnding {
  return { item: index, outcome, evidence: "none", error: null, now: null, again: false, ...more };
}

/** Blocks of the task from where its receipts stand up to `upTo`, each with a digest that says which it is. */
export function progressOf(
  task: Task,
  upTo: number,
  endings: readonly ItemEnding[] = [],
  first = task.receipts.count,
): Progress {
  const count = Math.max(0, upTo - first);
  const digests = new Uint8Array(32 * count);
  for (let at = 0; at < count; at += 1) digests.fill(1 + ((first + at) % 250), 32 * at, 32 * (at + 1));
  const bytes = sentBytes(task, first + count, endings);
  return { firstBlock: first, receipts: { count, digests, tags: null }, bytes, endings };
}

function sentBytes(task: Task, upTo: number, endings: readonly ItemEnding[]): number {
  const items = decodeItems(task.items);
  const starts = blockStarts(items);
  const ended = new Set([...task.endings, ...endings].map((each) => each.item));
  return items.reduce((sum, each, index) => {
    const blocks = upTo - must(starts[index], "a start");
    return ended.has(index) || blocks <= 0 ? sum : sum + Math.min(each.length, blocks * each.blockBytes);
  }, 0);
}

export function blocksOf(task: Task): number {
  return must(blockStarts(decodeItems(task.items)).at(-1), "a sum");
}

export function badBlock(index: number, block = 0): BadBlock {
  return { item: index, block, source: "01".repeat(32), target: "ff".repeat(32) };
}

/** The plain success of a task. */
export function successOf(task: Task): TaskResult {
  switch (task.stage) {
    case "prepare":
      return { type: "prepared", staging: `staging-${task.chunkId}-${task.lease.epoch}` };
    case "prehash":
      return { type: "prehashed", digests: new Uint8Array(32 * blocksOf(task)), endings: [] };
    case "compare":
      return { type: "compared", digests: new Uint8Array(32 * blocksOf(task)), endings: [], readFrom: "cache" };
    case "transfer":
      return { type: "transferred", progress: progressOf(task, blocksOf(task)), evidence: "one_read", lost: [] };
    case "verify":
    case "reconcile":
      return { type: "read_back", bad: [], endings: [], readFrom: "medium" };
    case "digest":
      return { type: "digested", sha256: "ab".repeat(32), evidence: "one_read", error: null };
    case "publish":
      return { type: "published", endings: [], lost: [] };
    case "remove":
      return { type: "removed", count: decodeItems(task.items).length, endings: [] };
    case "seal":
      return { type: "sealed", endings: [], lost: [] };
    case "done":
      throw new Error("done is no work");
  }
}

export interface Step {
  readonly kind: Task["kind"];
  readonly stage: Task["stage"];
  readonly paths: readonly string[];
  readonly task: Task;
}

/** Answers every task until none is left; `answer` may give another result than success. */
export async function play(
  store: Store,
  jobId: string,
  answer: (step: Step) => TaskResult | null = () => null,
  stopAfter = 10_000,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  while (steps.length < stopAfter) {
    const [task] = await store.claim(jobId, `worker-${steps.length % 3}`, 1, leaseMs);
    if (task === undefined) return steps;
    const paths = decodeItems(task.items).map((each) => each.entry.path);
    const step: Step = { kind: task.kind, stage: task.stage, paths, task };
    steps.push(step);
    await store.finish(task.lease, answer(step) ?? successOf(task), {});
  }
  return steps;
}

/** The one task that can be claimed now. */
export async function claimOne(store: Store, jobId: string, worker = "w"): Promise<Task> {
  const [task] = await store.claim(jobId, worker, 1, leaseMs);
  return must(task, "something can be claimed");
}
