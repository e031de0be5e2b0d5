/** What people look at while jobs run. Every answer is bounded, however large the job. */
import type { ErrorRecord } from "../base/errors.ts";
import type { ChunkId, ChunkKind, Instant, JobId, Stage, WorkerId } from "../model/chunk.ts";
import type { Counters, Job, JobStatus, Priority } from "../model/job.ts";
import type { BytePath } from "../model/path.ts";
import type { AttemptRecord } from "./store.ts";

/**
 * What a chunk is to those who watch: `pending` waits to be transferred, `transferred` waits for what comes after that,
 * `in_progress` is leased, `verified` and `failed` have ended.
 */
export const watchedStates = ["pending", "in_progress", "transferred", "verified", "failed"] as const;
export type WatchedState = (typeof watchedStates)[number];

/** Where a list of jobs goes on. */
export interface JobPlace {
  readonly createdAt: Instant;
  readonly id: JobId;
}

export interface JobQuery {
  readonly after: JobPlace | null;
  readonly limit: number;
  readonly status: JobStatus | null;
  /** Only jobs whose ids begin so. */
  readonly idPrefix?: string;
}

/** The last attempt that ended badly. */
export interface FailedAttempt {
  readonly chunkId: ChunkId;
  readonly worker: WorkerId;
  readonly at: Instant;
  /** `code: what`, or how its lease ended. */
  readonly why: string;
}

/** A job at one moment. */
export interface Glance {
  readonly job: Job;
  /** By the Store's clock. */
  readonly now: Instant;
  readonly leader: string | null;
  /** Among the last hundred attempts that did not end well; those that were given back on purpose do not count. */
  readonly lastFailure: FailedAttempt | null;
}

/** Rows that have ended badly. */
export interface FailedCounts {
  /** For good: an entry of each is not on the target. */
  readonly failed: number;
  /** The same, and those whose entries were begun anew in other rows. */
  readonly notVerified: number;
}

/** A chunk that failed for good: a pack, or the head of a large entry. */
export interface FailedChunk {
  readonly chunkId: ChunkId;
  readonly kind: ChunkKind;
  readonly path: BytePath;
  readonly outcome: string;
  readonly error: ErrorRecord | null;
  /** Of the last comparison that found a difference, in this chunk or in a range of it; null where none was made. */
  readonly comparison: FailedComparison | null;
}

export interface FailedComparison {
  readonly chunkId: ChunkId;
  readonly sourceDigest: string;
  /** Empty where something could not be read. */
  readonly targetDigest: string;
  readonly at: Instant;
}

export interface ChunkRowRecord {
  readonly chunkId: ChunkId;
  readonly parentId: ChunkId | null;
  readonly kind: ChunkKind;
  readonly stage: Stage;
  readonly state: WatchedState;
  readonly offset: number;
  readonly bytes: number;
  readonly attempt: number;
  readonly worker: WorkerId | null;
  readonly epoch: number;
}

export interface ChunkPage {
  readonly chunks: readonly ChunkRowRecord[];
  /** Where the look ended; null at the end of the job's rows. A page may be short: a look goes over 20,000 rows at most. */
  readonly next: ChunkId | null;
}

export interface MapCell {
  /** From 0; equal parts of the ids from the first to the last row. */
  readonly bucket: number;
  readonly state: WatchedState;
  readonly chunks: number;
  readonly bytes: number;
}

export interface ChunkMap {
  readonly at: Instant;
  /** Null while there are no rows. */
  readonly firstChunkId: ChunkId | null;
  readonly lastChunkId: ChunkId | null;
  readonly cells: readonly MapCell[];
}

/** An end that needs words, with its place in the list. */
export interface ListedException {
  readonly id: number;
  readonly chunkId: ChunkId;
  readonly path: BytePath;
  readonly outcome: string;
  readonly error: ErrorRecord | null;
  readonly lost: readonly string[];
  readonly at: Instant;
}

export interface ListedAttempt extends AttemptRecord {
  readonly id: number;
}

/** What a restart would begin with. */
export interface Checkpoint {
  readonly now: Instant;
  /** Folded, without what has ended since. */
  readonly counters: Counters;
  /** Ends that the next checkpoint folds. */
  readonly inboxRows: number;
  readonly planDone: boolean;
  readonly phase: number;
  readonly openRowsByPhase: readonly number[];
  readonly runs: number;
  readonly leadOwner: string | null;
  readonly leadEpoch: number;
  readonly leadExpiresAt: Instant | null;
}

/** An open job as a monitoring system sees it: as of its last checkpoint, so that the look never grows with the inbox. */
export interface FleetJob {
  readonly id: JobId;
  readonly status: JobStatus;
  readonly priority: Priority;
  readonly isLed: boolean;
  readonly leadEpoch: number;
  readonly counters: Counters;
  /** Chunks that are leased, or whose lease ran out within the last minute. */
  readonly leasedChunks: number;
  /** Chunks that failed for good, counted up to 1,000. */
  readonly failedChunks: number;
  /** Ends that the next checkpoint folds, counted up to 10,000. */
  readonly inboxRows: number;
}

/** The whole fleet at one moment. */
export interface FleetGlance {
  /** By the Store's clock. */
  readonly now: Instant;
  /** How many jobs have each status. */
  readonly statuses: Readonly<Partial<Record<JobStatus, number>>>;
  /** Pending, active and paused ones, the most urgent and oldest first; at most as many as were asked for. */
  readonly jobs: readonly FleetJob[];
  /** Pending and active ones that nobody leads and nobody asked to stop. */
  readonly jobsWithoutLeader: number;
  /** What all of it takes on the disk of the Store. */
  readonly storeBytes: number;
}

export interface PageQuery {
  /** The id after which it begins (before which, where the newest come first); null begins at the start. */
  readonly after: number | null;
  readonly limit: number;
}

/** Every method is one transaction that writes nothing. @throws job_unknown, where a job is named */
export interface Overview {
  /** Newest first. */
  jobs(query: JobQuery): Promise<readonly Job[]>;
  glance(jobId: JobId): Promise<Glance>;
  failedCounts(jobId: JobId): Promise<FailedCounts>;
  /** In order of planning. */
  failedChunks(jobId: JobId, page: PageQuery): Promise<readonly FailedChunk[]>;
  /** In order of planning; null: of every state. */
  chunks(jobId: JobId, state: WatchedState | null, page: PageQuery): Promise<ChunkPage>;
  /** Looks at every row of the job once: to be kept for a while by whoever asks. */
  chunkMap(jobId: JobId, buckets: number): Promise<ChunkMap>;
  /** In order of their recording. */
  exceptions(jobId: JobId, page: PageQuery): Promise<readonly ListedException[]>;
  /** Those that ended, the newest first. */
  attempts(jobId: JobId, page: PageQuery): Promise<readonly ListedAttempt[]>;
  running(jobId: JobId, limit: number): Promise<readonly AttemptRecord[]>;
  checkpoint(jobId: JobId): Promise<Checkpoint>;
  /** Costs the same however large the jobs are: nothing of it looks at all chunks, or at all ends of a job. */
  fleet(jobsMax: number): Promise<FleetGlance>;
}
