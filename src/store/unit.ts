import type { Insertable } from "kysely";
import { must } from "../base/assert.ts";
import {
  type ChunkId,
  type ChunkKind,
  type Instant,
  type JobId,
  type JobTraits,
  phaseOf,
  type Place,
  type Stage,
} from "../model/chunk.ts";
import { encodeNews } from "../model/chunk-news.ts";
import { addCounters, type Counters, type JobSpec } from "../model/job.ts";
import { sumJob, unknownJob } from "./counters.ts";
import { pages, Rows } from "./rows.ts";
import type { AttemptsTable, ChunkRow, ExceptionsTable, Tx, VerdictsTable } from "./schema.ts";

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

/** Of rows that can be claimed, the soonest first. */
export const ranksUsed: readonly number[] = [...new Set(Object.values(ranks))]
  .filter((rank) => rank !== ranks.done)
  .toSorted((a, b) => a - b);

export function rankOf(stage: Stage): number {
  return ranks[stage];
}

export interface UnitOptions {
  readonly tx: Tx;
  /** Shared by all units of one transaction, and written by whoever made it. */
  readonly rows: Rows;
  readonly jobId: JobId;
  readonly traits: JobTraits;
  readonly chunkBytes: number;
  readonly now: Instant;
}

/** What one transaction on a job's rows gathers, to be written once at its end. */
export class Unit {
  readonly tx: Tx;
  readonly rows: Rows;
  readonly jobId: JobId;
  readonly traits: JobTraits;
  readonly chunkBytes: number;
  readonly now: Instant;
  #counters: Counters = {};
  readonly #open: number[] = [];
  readonly #added: ChunkId[] = [];
  readonly #ended: ChunkId[] = [];
  readonly #verdicts: Insertable<VerdictsTable>[] = [];
  readonly #attempts: Insertable<AttemptsTable>[] = [];
  readonly #exceptions: Insertable<ExceptionsTable>[] = [];

  constructor(options: UnitOptions) {
    this.tx = options.tx;
    this.rows = options.rows;
    this.jobId = options.jobId;
    this.traits = options.traits;
    this.chunkBytes = options.chunkBytes;
    this.now = options.now;
  }

  count(delta: Counters): void {
    this.#counters = addCounters(this.#counters, delta);
  }

  /** Rows were added there. */
  added(kind: ChunkKind, { stage }: Place, ids: readonly ChunkId[]): void {
    const rows = ids.length;
    for (const id of ids) this.#added.push(id);
    this.count({ chunksTotal: rows, ...(stage === "done" && { chunksDone: rows }) });
    if (stage !== "done") this.#opened(phaseOf(kind, stage), rows);
  }

  /** A row moves: heads and ranges count alike, dropped ones as done. */
  moved({ id, kind }: Pick<ChunkRow, "id" | "kind">, from: Stage, to: Place): void {
    if (to.stage === "done" && from !== "done") this.#ended.push(id);
    const done = Number(to.stage === "done") - Number(from === "done");
    if (done !== 0) this.count({ chunksDone: done });
    if (from !== "done") this.#opened(phaseOf(kind, from), -1);
    if (to.stage !== "done") this.#opened(phaseOf(kind, to.stage), 1);
  }

  verdict(row: Insertable<VerdictsTable>): void {
    this.#verdicts.push(row);
  }

  attempt(row: Insertable<AttemptsTable>): void {
    this.#attempts.push(row);
  }

  exception(row: Insertable<ExceptionsTable>): void {
    this.#exceptions.push(row);
  }

  /** Such a loss is among what is still to be written. */
  isLost(chunkId: ChunkId, lost: string): boolean {
    return this.#exceptions.some((row) => row.outcome === "lost" && row.chunk_id === chunkId && row.lost === lost);
  }

  #opened(phase: number, rows: number): void {
    this.#open[phase] = (this.#open[phase] ?? 0) + rows;
  }

  /** All at once: an engine over a network answers them together. */
  async close(): Promise<void> {
    const { tx } = this;
    await Promise.all([
      ...pages(this.#verdicts).map((some) => tx.insertInto("verdicts").values(some).execute()),
      ...pages(this.#attempts).map((some) => tx.insertInto("attempts").values(some).execute()),
      ...pages(this.#exceptions).map((some) => tx.insertInto("exceptions").values(some).execute()),
      this.#tellInbox(),
    ]);
  }

  async #tellInbox(): Promise<void> {
    const open = Array.from(this.#open, (rows) => rows ?? 0);
    const counts = Object.values(this.#counters).some((value) => value !== 0);
    const news = encodeNews({ at: this.now, added: this.#added, ended: this.#ended });
    if (!counts && news === "" && open.every((rows) => rows === 0)) return;
    const sums = { delta: JSON.stringify(this.#counters), open_rows: JSON.stringify(open) };
    await this.tx
      .insertInto("inbox")
      .values({ job_id: this.jobId, ...sums, news })
      .execute();
  }
}

/**
 * A job's phase is that of its first open row; it does not leave 0 before planning is done, and it goes back when a
 * reconciliation sends something again. Workers that find nothing to claim move it, and so does each checkpoint.
 */
export async function movePhase(tx: Tx, jobId: JobId): Promise<number> {
  const job = await tx.selectFrom("jobs").select(["phase", "plan_done"]).where("id", "=", jobId).executeTakeFirst();
  if (job === undefined) throw unknownJob(jobId);
  const { open } = await sumJob(tx, jobId);
  const first = open.findIndex((rows) => rows > 0);
  const phase = job.plan_done === 0 ? 0 : first < 0 ? job.phase : first;
  if (phase !== job.phase) await tx.updateTable("jobs").set({ phase }).where("id", "=", jobId).execute();
  return phase;
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

  async unit(tx: Tx, jobId: JobId, now: Instant, rows = new Rows(tx)): Promise<Unit> {
    return new Unit({ tx, rows, jobId, now, ...(await this.of(tx, jobId)) });
  }
}
