import type { ErrorRecord } from "../base/errors.ts";
import type { ChunkId, ChunkKind, Instant, JobId, Lease, Stage, WorkerId } from "../model/chunk.ts";
import type { ChunkNews } from "../model/chunk-news.ts";
import type { ChunkEvidence, ReadFrom } from "../model/entry.ts";
import type { Counters, Job, JobSpec, JobStatus, JobTerms, Wish } from "../model/job.ts";
import type { BytePath } from "../model/path.ts";
import type { BadBlock, ItemEnding, NewChunk, Progress, Receipts, Task, TaskResult } from "../model/task.ts";

/** Leadership of one job: every write of a leader asserts the epoch. */
export interface Lead {
  readonly jobId: JobId;
  readonly owner: string;
  readonly epoch: number;
  readonly expiresAt: Instant;
}

export interface LeadOptions {
  /** What the lanes of the leader's own process may read of the source: kept with the job. None given: none there. */
  readonly limitBytesPerSecond?: number | null;
  /**
   * `own`: the lanes are threads of the leader's process, so the leases of a predecessor's are ended with it.
   * `fleet`: workers are processes of their own, and go on whoever leads.
   */
  readonly workers?: "own" | "fleet";
}

/** A job on which somebody may work now, or that wants a leader. */
export interface OpenJob {
  readonly id: JobId;
  readonly status: JobStatus;
  readonly wish: Wish;
  readonly terms: JobTerms;
  readonly isLed: boolean;
}

/** What a worker says of itself with each heartbeat. */
export interface WorkerBeat {
  /** The beginning of the names of its lanes: `host:pid:start`. */
  readonly id: string;
  readonly host: string;
  readonly version: string;
  readonly lanes: number;
  /** Why it cannot work on something, in one line; null when it can. */
  readonly failure: string | null;
}

export interface WorkerRecord extends WorkerBeat {
  readonly startedAt: Instant;
  readonly seenAt: Instant;
  /** `lost`: silent for longer than a lease lives. `left`: it said so. */
  readonly state: "alive" | "lost" | "left";
}

/** A job whose inbox was folded. */
export interface CheckpointedJob extends Job {
  /** What the inbox told of single chunks: each is told once, to whoever folds it. */
  readonly news: readonly ChunkNews[];
}

/** One page of the plan: rows, the cursor after it, and what it listed; all in one transaction. */
export interface PlanBatch {
  readonly chunks: readonly NewChunk[];
  readonly listed: { readonly entries: number; readonly bytes: number };
  readonly cursor: string | null;
  readonly done: boolean;
}

/** An end that needs words: everything but verified, identical, unchanged and plain filtered entries. */
export interface ExceptionRecord {
  readonly chunkId: ChunkId;
  readonly path: BytePath;
  readonly outcome: string;
  readonly error: ErrorRecord | null;
  readonly lost: readonly string[];
  readonly at: Instant;
}

/** Append-only: one for each time that a chunk's bytes were compared. */
export interface VerdictRecord {
  readonly chunkId: ChunkId;
  readonly path: BytePath | null;
  readonly stage: Stage;
  readonly result: "match" | "mismatch" | "inconclusive";
  /** Hex SHA-256 over the block digests in order. */
  readonly sourceDigest: string;
  /** The same of what was read back; empty where something could not be read. */
  readonly targetDigest: string;
  readonly bad: readonly BadBlock[];
  readonly writer: WorkerId | null;
  readonly reader: WorkerId;
  readonly readFrom: ReadFrom;
  readonly at: Instant;
}

export interface AttemptRecord {
  readonly chunkId: ChunkId;
  readonly stage: Stage;
  readonly worker: WorkerId;
  readonly epoch: number;
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  /** `done`, or the error that ended it. Null while it runs, or when its process died. */
  readonly why: string | null;
}

/** A row for the report: decoded by the reader of the report, streamed in order of planning. */
export interface ChunkRecord {
  readonly chunkId: ChunkId;
  readonly parentId: ChunkId | null;
  readonly kind: ChunkKind;
  readonly stage: Stage;
  readonly state: string;
  readonly offset: number;
  readonly length: number;
  readonly items: Uint8Array;
  /** What `prepare` of a head returned: needed to discard what a cancelled job has staged. */
  readonly staging: string | null;
  readonly receipts: Receipts;
  readonly endings: readonly ItemEnding[];
  /** Evidence of the items without an ending of their own. */
  readonly evidence: ChunkEvidence;
  readonly sha256: string | null;
  readonly attempt: number;
}

/**
 * Jobs, the queue and the proof, durable. Every method is one transaction. Lease expiry is judged by the Store's clock.
 * Transitions are those of `model/transition`: an engine only loads rows, asks the model, and writes what it says.
 */
export interface Store extends AsyncDisposable {
  createJob(spec: JobSpec, terms?: JobTerms): Promise<Job>;
  job(id: JobId): Promise<Job | null>;
  /** Newest first. */
  jobs(): Promise<readonly Job[]>;
  /** Removes a final job with all its rows. */
  removeJob(id: JobId): Promise<void>;
  wish(id: JobId, wish: Wish): Promise<void>;
  /** What is not named stays, also when several change it at once. @throws job_unknown, job_state when it is over */
  setTerms(id: JobId, change: Partial<JobTerms>): Promise<void>;
  /** A paused or failed job is pending again, for whoever leads next. @throws job_state */
  requeue(id: JobId): Promise<void>;
  /** Pending and active jobs, by priority, then the oldest first. */
  openJobs(): Promise<readonly OpenJob[]>;
  /** A worker met what it cannot mend (a full disk): the job is asked to pause, and says why. The first reason stays. */
  object(id: JobId, error: ErrorRecord): Promise<void>;

  /** @returns the Store's time */
  beat(worker: WorkerBeat): Promise<Instant>;
  /** A worker ends: what it held it has released. */
  leave(workerId: string): Promise<void>;
  /** Those that were seen within the last day, the newest first. */
  workers(): Promise<readonly WorkerRecord[]>;

  /**
   * Becomes the leader: alone. A new run begins.
   * @throws job_locked while another owner's lead has not expired (and its process is alive)
   */
  lead(jobId: JobId, owner: string, options?: LeadOptions): Promise<Lead>;
  /** @throws lease_lost when another leads */
  renewLead(lead: Lead): Promise<Lead>;
  resign(lead: Lead): Promise<void>;
  /** Who leads the job now; null when nobody does, or the process of whoever did is gone. */
  leader(id: JobId): Promise<string | null>;
  /**
   * Ends a job that nobody leads, in one step: its leases are freed and its wish is forgotten. A predecessor that only
   * stalled is fenced.
   * @returns false, and changes nothing, while somebody leads it
   */
  stopIdle(id: JobId, status: "paused" | "cancelled"): Promise<boolean>;
  /** Folds the inbox too: a job that has ended says all that happened in it. */
  setStatus(lead: Lead, status: JobStatus, failure: ErrorRecord | null): Promise<CheckpointedJob>;
  addPlan(lead: Lead, batch: PlanBatch): Promise<void>;
  /** Folds the inbox into the job's counters and moves the phase on when its rows are done. */
  checkpoint(lead: Lead): Promise<CheckpointedJob>;
  /** Adds to the job's counters what belongs to no chunk (deletions). */
  count(lead: Lead, delta: Counters): Promise<void>;

  /**
   * Claims up to `limit` tasks for a worker: publishing before verification before new transfers, so that the pipeline
   * drains. Verification prefers chunks that another worker wrote, and leaves its own to the others for a while where
   * there are any. Nothing of a job that was asked to stop, or that nobody has begun. O(1) in the number of rows.
   */
  claim(jobId: JobId, worker: WorkerId, limit: number, leaseMs: number): Promise<readonly Task[]>;
  /** @returns the renewed leases; one that was lost is missing from the answer */
  renew(leases: readonly Lease[], leaseMs: number): Promise<readonly Lease[]>;
  /** @param cost what moved since the last record of this task. @throws lease_lost (fenced) */
  confirm(lease: Lease, progress: Progress, cost: Counters): Promise<void>;
  /** Records the end of a task and what follows from it. @throws lease_lost (fenced) */
  finish(lease: Lease, result: TaskResult, cost: Counters): Promise<void>;
  /** The task failed as a whole: tried again until the attempts are used up, then its entries end `failed`. */
  giveUp(lease: Lease, error: ErrorRecord, cost: Counters): Promise<void>;
  /** Returns a task untouched (stop, pause): counts as no attempt. */
  release(lease: Lease, cost: Counters): Promise<void>;
  /** Rows of this job that are not done: claimable or leased now, and all. */
  open(jobId: JobId): Promise<{ readonly claimable: number; readonly leased: number; readonly all: number }>;

  chunks(jobId: JobId): AsyncIterable<ChunkRecord>;
  exceptions(jobId: JobId): AsyncIterable<ExceptionRecord>;
  verdicts(jobId: JobId): AsyncIterable<VerdictRecord>;
  attempts(jobId: JobId): AsyncIterable<AttemptRecord>;
}
