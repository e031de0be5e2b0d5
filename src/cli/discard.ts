/** Removes what a cancelled or pruned job has staged on its target and not published. */
import type { Work } from "../model/chunk.ts";
import { decodeItems } from "../model/item-codec.ts";
import type { Job } from "../model/job.ts";
import type { ChunkRecord, Store } from "../ports/store.ts";
import { connectorFor } from "../lane/connectors.ts";
import { openOptions } from "./job-spec.ts";

const staging: ReadonlySet<ChunkRecord["kind"]> = new Set(["pack", "head", "links"]);

/**
 * Nobody may lead the job meanwhile. Idempotent; published entries stay.
 * @throws what opening the target throws: then the leftovers stay, and the same call may be made again
 */
export async function discardStaged(store: Store, job: Job, signal: AbortSignal): Promise<void> {
  const { spec } = job;
  if (spec.kind === "check" || job.runs === 0) return;
  const connector = await connectorFor(spec.target);
  await using target = await connector.openTarget(spec.target, { ...openOptions(job.id, spec), create: false });
  for await (const record of store.chunks(job.id)) {
    // The staging place of a large entry is its head's.
    if (record.stage === "done" || !staging.has(record.kind)) continue;
    const { chunkId, kind } = record;
    const work: Work = { jobId: job.id, chunkId, kind, items: decodeItems(record.items), staging: record.staging };
    await target.discard(work, signal);
  }
}
