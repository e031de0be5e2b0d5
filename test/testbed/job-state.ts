/** Looks at a job's state as another process sees it: for tests that must know what was in flight. */
import { join } from "node:path";
import type { Job } from "../../src/model/job.ts";
import type { AttemptRecord, ChunkRecord, Store } from "../../src/ports/store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";

export interface JobState {
  readonly job: Job;
  readonly chunks: readonly ChunkRecord[];
  readonly attempts: readonly AttemptRecord[];
}

function newJobId(): never {
  throw new Error("a test that looks makes no job");
}

export function openStateOf(state: string): Promise<Store> {
  return openSqliteStore({ path: join(state, "godwit.db"), clock: systemClock, newJobId });
}

/** The newest job. */
export async function jobState(state: string): Promise<JobState> {
  await using store = await openStateOf(state);
  const [job] = await store.jobs();
  if (job === undefined) throw new Error(`no job in ${state}`);
  return {
    job,
    chunks: await Array.fromAsync(store.chunks(job.id)),
    attempts: await Array.fromAsync(store.attempts(job.id)),
  };
}

/** Bytes of blocks that are confirmed on the target, by what the job recorded. */
export function confirmedBytes({ chunks }: JobState): number {
  let bytes = 0;
  for (const chunk of chunks) {
    const whole = chunk.stage !== "transfer" && chunk.stage !== "prepare" && chunk.kind !== "head";
    if (chunk.kind === "range")
      bytes += whole ? chunk.length : Math.min(chunk.length, chunk.receipts.count * 8 * 2 ** 20);
  }
  return bytes;
}

/** Transfers that were begun on a chunk after it had been verified: must be none. */
export function repeatedTransfers({ attempts }: JobState): readonly AttemptRecord[] {
  const verifiedAt = new Map<number, number>();
  for (const attempt of attempts) {
    if (attempt.stage === "verify" && attempt.why === "done" && attempt.endedAt !== null) {
      verifiedAt.set(attempt.chunkId, attempt.endedAt);
    }
  }
  return attempts.filter(
    (attempt) => attempt.stage === "transfer" && attempt.startedAt > (verifiedAt.get(attempt.chunkId) ?? Infinity),
  );
}
