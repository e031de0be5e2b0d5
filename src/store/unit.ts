import { sql } from "kysely";
import { must } from "../base/assert.ts";
import { GodwitError } from "../base/errors.ts";
import {
  type ChunkKind,
  type Instant,
  type JobId,
  type JobTraits,
  phaseOf,
  type Place,
  type Stage,
} from "../model/chunk.ts";
import { addCounters, type Counters, type JobSpec } from "../model/job.ts";
import type { Tx } from "./schema.ts";

/** The lower, the sooner: what is nearly done goes first, so that little is under way at any time. */
const ranks: Readonly<Record<Stage, number>> = {
  publish: 0,
  remove: 1,
  seal: 1,
  digest: 2,
  verify: 3,
  reconcile: 3,
  prehash: 4,
  transfer: 5,
  compare: 5,
  prepare: 6,
  done: 9,
};

export function rankOf(stage: Stage): number {
  return ranks[stage];
}

export interface UnitOptions {
  readonly tx: Tx;
  readonly jobId: JobId;
  readonly traits: JobTraits;
  readonly chunkBytes: number;
  readonly now: Instant;
}

/** What one transaction on a job's rows gathers, to be written once at its end: counters, and whether the phase moves. */
export class Unit {
  readonly tx: Tx;
  readonly jobId: JobId;
  readonly traits: JobTraits;
  readonly chunkBytes: number;
  readonly now: Instant;
  #counters: Counters = {};
  #phaseMayMove = false;

  constructor(options: UnitOptions) {
    this.tx = options.tx;
    this.jobId = options.jobId;
    this.traits = options.traits;
    this.chunkBytes = options.chunkBytes;
    this.now = options.now;
  }

  count(delta: Counters): void {
    this.#counters = addCounters(this.#counters, delta);
  }

  /** Rows were added. */
  added(rows: number): void {
    this.count({ chunksTotal: rows });
    this.#phaseMayMove = true;
  }

  /** A row moves: heads and ranges count alike, dropped ones as done. */
  moved(kind: ChunkKind, from: Stage, to: Place): void {
    const done = Number(to.stage === "done") - Number(from === "done");
    if (done !== 0) this.count({ chunksDone: done });
    if (done !== 0 || phaseOf(kind, from) !== phaseOf(kind, to.stage)) this.#phaseMayMove = true;
  }

  async close(): Promise<void> {
    if (Object.values(this.#counters).some((value) => value !== 0)) {
      const row = { job_id: this.jobId, delta: JSON.stringify(this.#counters) };
      await this.tx.insertInto("inbox").values(row).execute();
    }
    if (this.#phaseMayMove) await movePhase(this.tx, this.jobId);
  }
}

/**
 * A job's phase is that of its first open row; it does not leave 0 before planning is done, and it goes back when a
 * reconciliation sends something again. One look into an index of open rows.
 */
export async function movePhase(tx: Tx, jobId: JobId): Promise<void> {
  const first = await tx
    .selectFrom("chunks")
    .select("phase")
    .where("job_id", "=", jobId)
    .where(sql<boolean>`stage <> 'done'`)
    .orderBy("phase")
    .limit(1)
    .executeTakeFirst();
  const job = await tx.selectFrom("jobs").select(["phase", "plan_done"]).where("id", "=", jobId).executeTakeFirst();
  if (job === undefined) return;
  const phase = job.plan_done === 0 ? 0 : (first?.phase ?? job.phase);
  if (phase !== job.phase) await tx.updateTable("jobs").set({ phase }).where("id", "=", jobId).execute();
}

/** A job's spec never changes: read once. */
export class Specs {
  readonly #known = new Map<JobId, Pick<JobSpec, "traits" | "chunkBytes">>();

  async of(tx: Tx, jobId: JobId): Promise<Pick<JobSpec, "traits" | "chunkBytes">> {
    const known = this.#known.get(jobId);
    if (known !== undefined) return known;
    const row = await tx.selectFrom("jobs").select("spec").where("id", "=", jobId).executeTakeFirst();
    if (row === undefined) throw unknownJob(jobId);
    const { traits, chunkBytes } = JSON.parse(row.spec) as JobSpec;
    this.#known.set(jobId, { traits, chunkBytes });
    return must(this.#known.get(jobId), "just set");
  }

  async unit(tx: Tx, jobId: JobId, now: Instant): Promise<Unit> {
    return new Unit({ tx, jobId, now, ...(await this.of(tx, jobId)) });
  }
}

export function unknownJob(jobId: JobId): GodwitError {
  return new GodwitError("job_unknown", {
    disposition: "rejected",
    what: `there is no job ${jobId}`,
    hint: "`godwit jobs` lists them.",
  });
}
