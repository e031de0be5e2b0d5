/** Removes what a job has staged on its target and nobody will publish: after its end, or when it is cancelled or pruned. */
import type { Item, Work } from "../model/chunk.ts";
import { isProven } from "../model/entry.ts";
import { decodeItems } from "../model/item-codec.ts";
import { everyCounter, type Job } from "../model/job.ts";
import type { ChunkRecord, Store } from "../ports/store.ts";
import type { Connector } from "../ports/connector.ts";
import type { Target } from "../ports/target.ts";
import { connectorFor } from "../lane/connectors.ts";
import { openOptions } from "./job-spec.ts";
import { isClean } from "./outcome.ts";

const staging: ReadonlySet<ChunkRecord["kind"]> = new Set(["pack", "head", "links"]);

/**
 * Nobody may lead the job meanwhile. Idempotent; published entries stay. The target is opened only for a job that may
 * have left something there.
 * @throws what opening the target throws, target_missing too: the leftovers stay, and the same call may be made again
 */
export async function discardStaged(store: Store, job: Job, signal: AbortSignal): Promise<void> {
  const { spec } = job;
  if (spec.kind === "check" || job.runs === 0) return;
  const connector = await connectorFor(spec.target);
  let target: Target | null = null;
  try {
    for await (const record of store.chunks(job.id)) {
      const items = leftIn(record);
      if (items.length === 0) continue;
      target ??= await openExisting(connector, job);
      const { chunkId, kind } = record;
      const work: Work = { jobId: job.id, chunkId, kind, items, staging: record.staging };
      await target.discard(work, signal);
    }
    await connector.forgetJob?.(spec.target, job.id, signal);
  } finally {
    await target?.[Symbol.asyncDispose]();
  }
}

/** Whether a job that ran to its end may have left something: an entry that failed, or was begun anew. */
export function mayHaveLeft(job: Job): boolean {
  return !isClean(job) || everyCounter(job.counters).retries > 0;
}

/** The items whose staging place nobody will publish: of a row that is done, those that did not end well in it. */
function leftIn({ kind, stage, items, endings }: ChunkRecord): readonly Item[] {
  // The staging place of a large entry is its head's.
  if (!staging.has(kind)) return [];
  if (stage !== "done") return decodeItems(items);
  // Where one went on in a later row, this row's place may be another one: that of a version which is no more.
  const left = new Set(endings.filter(({ outcome, again }) => again || !isProven(outcome)).map(({ item }) => item));
  return left.size === 0 ? [] : decodeItems(items).filter((_, index) => left.has(index));
}

async function openExisting(connector: Connector, { id, spec }: Job): Promise<Target> {
  // In a directory that is not there, nothing would be found to remove: its disk may only not be mounted.
  return await connector.openTarget(spec.target, { ...openOptions(id, spec), missingRoot: "refuse" });
}
