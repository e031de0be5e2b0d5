import type { ErrorRecord } from "../base/errors.ts";
import type { Instant, JobId, Lease, WorkerId } from "../model/chunk.ts";
import {
  type Counters,
  type Job,
  type JobSpec,
  type JobStatus,
  type JobTerms,
  usualTerms,
  type Wish,
} from "../model/job.ts";
import type { Progress, Task, TaskResult } from "../model/task.ts";
import { afterFailure, afterProgress, afterResult } from "../model/transition.ts";
import type {
  AttemptRecord,
  CheckpointedJob,
  ChunkRecord,
  ExceptionRecord,
  Lead,
  LeadOptions,
  OpenJob,
  PlanBatch,
  Store,
  VerdictRecord,
  WorkerBeat,
  WorkerRecord,
} from "../ports/store.ts";
import type { Hints } from "../ports/hints.ts";
import { noLease } from "./add-chunks.ts";
import { applyEffects, type Author } from "./apply.ts";
import { claimTasks } from "./claim.ts";
import {
  addPlan,
  findJob,
  foldInbox,
  insertJob,
  listJobs,
  noteLimit,
  objectTo,
  openJobs,
  removeJob,
  requeueJob,
  setStatus,
  setTerms,
  setWish,
} from "./jobs.ts";
import { assertLead, jobRow, livingLeader, renewLead, resign, stopIdle, takeLead } from "./lead.ts";
import { type LeaseWrite, LeaseWrites } from "./lease-writes.ts";
import { leasedChunk } from "./load.ts";
import { recordAttempt } from "./proof.ts";
import { QueueMemory } from "./queue-memory.ts";
import { type QueueSize, queueSize } from "./queue-size.ts";
import { streamAttempts, streamChunks, streamExceptions, streamVerdicts } from "./report-rows.ts";
import { Rows } from "./rows.ts";
import type { Engine, Tx, Work } from "./schema.ts";
import { Specs, type Unit } from "./unit.ts";
import { beat, leave, listWorkers } from "./workers.ts";

export interface SqlStoreOptions {
  readonly engine: Engine;
  readonly newJobId: (now: Instant) => JobId;
  readonly isAlive: (owner: string) => boolean;
  readonly hints: Hints;
}

export class SqlStore implements Store {
  readonly #engine: Engine;
  readonly #options: SqlStoreOptions;
  readonly #specs = new Specs();
  readonly #leaseWrites: LeaseWrites;
  /** No other worker is alive, as of this process's last heartbeat. */
  #isAlone = true;
  readonly #memories = new Map<JobId, QueueMemory>();

  constructor(options: SqlStoreOptions) {
    this.#engine = options.engine;
    this.#options = options;
    this.#leaseWrites = new LeaseWrites(options.engine, this.#specs);
  }

  async createJob(spec: JobSpec, terms: JobTerms = usualTerms): Promise<Job> {
    const id = this.#options.newJobId;
    const job = await this.#engine.write((tx, now) => insertJob(tx, { id: id(now), spec, terms }, now));
    this.#hint(job.id);
    return job;
  }

  job(id: JobId): Promise<Job | null> {
    return this.#engine.read((tx) => findJob(tx, id));
  }

  jobs(): Promise<readonly Job[]> {
    return this.#engine.read(listJobs);
  }

  removeJob(id: JobId): Promise<void> {
    return this.#engine.write((tx) => removeJob(tx, id));
  }

  async wish(id: JobId, wish: Wish): Promise<void> {
    await this.#engine.write((tx) => setWish(tx, id, wish));
    this.#hint(id);
  }

  async setTerms(id: JobId, change: Partial<JobTerms>): Promise<void> {
    await this.#engine.write((tx) => setTerms(tx, id, change));
    this.#hint(id);
  }

  async requeue(id: JobId): Promise<void> {
    await this.#engine.write((tx) => requeueJob(tx, id));
    this.#hint(id);
  }

  openJobs(): Promise<readonly OpenJob[]> {
    return this.#engine.read((tx, now) =>
      openJobs(tx, (row) => livingLeader(row, now, this.#options.isAlive) !== null),
    );
  }

  object(id: JobId, error: ErrorRecord): Promise<void> {
    return this.#engine.write((tx) => objectTo(tx, id, error));
  }

  async beat(worker: WorkerBeat): Promise<Instant> {
    const { others, now } = await this.#engine.writeSoon(async (tx, time) => ({
      others: await beat(tx, worker, time),
      now: time,
    }));
    this.#isAlone = others === 0;
    return now;
  }

  leave(workerId: string): Promise<void> {
    return this.#engine.writeSoon((tx, now) => leave(tx, workerId, now));
  }

  workers(): Promise<readonly WorkerRecord[]> {
    return this.#engine.read(listWorkers);
  }

  lead(jobId: JobId, owner: string, { limitBytesPerSecond = null, workers = "own" }: LeadOptions = {}): Promise<Lead> {
    return this.#unit(jobId, async (unit) => {
      const lead = await takeLead(unit, {
        owner,
        endsLeases: workers === "own",
        isAlive: this.#options.isAlive,
      });
      await noteLimit(unit, lead, limitBytesPerSecond);
      return lead;
    });
  }

  renewLead(lead: Lead): Promise<Lead> {
    return this.#engine.writeSoon((tx, now) => renewLead(tx, lead, now));
  }

  resign(lead: Lead): Promise<void> {
    return this.#engine.writeSoon((tx) => resign(tx, lead));
  }

  leader(id: JobId): Promise<string | null> {
    return this.#engine.read(async (tx, now) => livingLeader(await jobRow(tx, id), now, this.#options.isAlive));
  }

  stopIdle(id: JobId, status: "paused" | "cancelled"): Promise<boolean> {
    return this.#unit(id, (unit) => stopIdle(unit, status, this.#options.isAlive));
  }

  async setStatus(lead: Lead, status: JobStatus, failure: ErrorRecord | null): Promise<CheckpointedJob> {
    const job = await this.#engine.write(async (tx, now) => {
      await setStatus(tx, lead, { status, failure, now });
      return foldInbox(tx, lead, now);
    });
    this.#hint(lead.jobId);
    return job;
  }

  addPlan(lead: Lead, batch: PlanBatch): Promise<void> {
    return this.#unit(lead.jobId, (unit) => addPlan(unit, lead, batch));
  }

  checkpoint(lead: Lead): Promise<CheckpointedJob> {
    return this.#engine.write((tx, now) => foldInbox(tx, lead, now));
  }

  count(lead: Lead, delta: Counters): Promise<void> {
    return this.#unit(lead.jobId, async (unit) => {
      await assertLead(unit.tx, lead);
      unit.count(delta);
    });
  }

  claim(jobId: JobId, worker: WorkerId, limit: number, leaseMs: number): Promise<readonly Task[]> {
    const memory = this.#memoryOf(jobId);
    const request = { jobId, worker, limit, leaseMs, memory, isAlone: this.#isAlone };
    return this.#engine.writeSoon(this.#inUnit(jobId, (unit) => claimTasks(unit, request)));
  }

  renew(leases: readonly Lease[], leaseMs: number): Promise<readonly Lease[]> {
    return this.#engine.writeSoon(async (tx, now) => {
      const rows = new Rows(tx);
      await rows.load(leases.map(({ chunkId }) => chunkId));
      const expiresAt = now + leaseMs;
      const held = leases.filter((lease) => leasedChunk(rows, lease) !== null);
      for (const { chunkId } of held) rows.set(chunkId, { expires_at: expiresAt });
      await rows.flush();
      return held.map(({ chunkId, worker, epoch }) => ({ chunkId, worker, epoch, expiresAt }));
    });
  }

  confirm(lease: Lease, progress: Progress, cost: Counters): Promise<void> {
    return this.#leaseWrites.write({
      lease,
      isDurable: false,
      work: (unit, chunk) => {
        unit.count(cost);
        return applyEffects(unit, chunk, afterProgress(chunk.view, progress), authorOf(lease, null));
      },
    });
  }

  finish(lease: Lease, result: TaskResult, cost: Counters): Promise<void> {
    return this.#end(lease, !repeatable.has(result.type), async (unit, chunk) => {
      unit.count(cost);
      const hasRanges = chunk.row.kind === "head" && (await isPrepared(unit.tx, chunk.row.id));
      recordAttempt(unit, chunk.row, "done");
      await applyEffects(unit, chunk, afterResult(chunk.view, result, unit.traits, hasRanges), authorOf(lease, result));
    });
  }

  giveUp(lease: Lease, error: ErrorRecord, cost: Counters): Promise<void> {
    return this.#end(lease, true, async (unit, chunk) => {
      unit.count(cost);
      recordAttempt(unit, chunk.row, `${error.code}: ${error.what}`);
      await applyEffects(unit, chunk, afterFailure(chunk.view, error), authorOf(lease, null));
    });
  }

  release(lease: Lease, cost: Counters): Promise<void> {
    return this.#end(lease, true, async (unit, { row }) => {
      unit.count(cost);
      recordAttempt(unit, row, "released");
      unit.rows.set(row.id, { ...noLease, state: "pending", queued_at: unit.now });
    });
  }

  open(jobId: JobId): Promise<QueueSize> {
    return this.#engine.read(async (tx, now) => queueSize(tx, await jobRow(tx, jobId), now));
  }

  chunks(jobId: JobId): AsyncIterable<ChunkRecord> {
    return streamChunks(this.#engine, jobId);
  }

  exceptions(jobId: JobId): AsyncIterable<ExceptionRecord> {
    return streamExceptions(this.#engine, jobId);
  }

  verdicts(jobId: JobId): AsyncIterable<VerdictRecord> {
    return streamVerdicts(this.#engine, jobId);
  }

  attempts(jobId: JobId): AsyncIterable<AttemptRecord> {
    return streamAttempts(this.#engine, jobId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  #unit<T>(jobId: JobId, work: (unit: Unit) => Promise<T>): Promise<T> {
    return this.#engine.write(this.#inUnit(jobId, work));
  }

  #inUnit<T>(jobId: JobId, work: (unit: Unit) => Promise<T>): Work<T> {
    return async (tx, now) => {
      const unit = await this.#specs.unit(tx, jobId, now);
      const answer = await work(unit);
      await Promise.all([unit.close(), unit.rows.flush()]);
      return answer;
    };
  }

  #hint(jobId: JobId): void {
    this.#options.hints.say({ about: "job", jobId });
  }

  /** @throws lease_lost */
  async #end(lease: Lease, isDurable: boolean, work: LeaseWrite["work"]): Promise<void> {
    try {
      await this.#leaseWrites.write({ lease, isDurable, work });
    } finally {
      for (const memory of this.#memories.values()) memory.wrote(lease.chunkId);
    }
  }

  #memoryOf(jobId: JobId): QueueMemory {
    const memory = this.#memories.get(jobId) ?? new QueueMemory();
    this.#memories.set(jobId, memory);
    return memory;
  }
}

/** What a power cut may take back, to be done again: nothing that is seen at the target's places. */
const repeatable: ReadonlySet<TaskResult["type"]> = new Set(["prehashed", "transferred", "read_back"]);

function authorOf(lease: Lease, result: TaskResult | null): Author {
  const readFrom = result !== null && "readFrom" in result ? result.readFrom : "cache";
  return { worker: lease.worker, readFrom, isWriter: result?.type === "transferred" };
}

async function isPrepared(tx: Tx, head: number): Promise<boolean> {
  const range = await tx.selectFrom("chunks").select("id").where("parent_id", "=", head).limit(1).executeTakeFirst();
  return range !== undefined;
}
