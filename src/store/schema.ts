/**
 * The Store on SQL. It owns jobs, the queue (the chunk table itself), leases and the proof. Its invariant: every method
 * is one transaction, and every write of a worker asserts the epoch of its lease, every write of a leader that of its
 * lead. It decides nothing: transitions are those of `model/transition`. It refuses states of later versions.
 *
 * One schema and one query layer for every engine: integers, text and bytes only; flags are 0 and 1; JSON is text.
 * What differs between engines is in the folder of each, behind `Engine`.
 */
import type { Generated, Kysely, Selectable, Transaction } from "kysely";
import type { ChunkKind, ChunkState, Instant, Stage } from "../model/chunk.ts";
import type { Evidence, ReadFrom } from "../model/entry.ts";
import type { JobStatus, Priority, Wish } from "../model/job.ts";
import type { Role } from "../ports/access.ts";

export interface JobsTable {
  id: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  spec: string;
  status: JobStatus;
  wish: Wish;
  runs: number;
  /** A list of `RunLimit`. */
  limits: string;
  /** `JobTerms`. */
  terms: string;
  /** The place of its priority in `priorities`: the queue of jobs is in its order. */
  priority: number;
  plan_cursor: string | null;
  plan_done: number;
  phase: number;
  counters: string;
  /** Rows by phase that are not done, folded as the counters are: a list, one number for each phase. */
  open_rows: string;
  /** A list of `PaceSample`. */
  pace: Generated<string>;
  failure: string | null;
  lead_owner: string | null;
  lead_epoch: number;
  lead_expires_at: number;
}

/** Small on purpose: what grows with the items stands in `blobs`, so that moving a row moves few bytes. */
export interface ChunksTable {
  id: Generated<number>;
  job_id: string;
  parent_id: number | null;
  kind: ChunkKind;
  stage: Stage;
  state: ChunkState;
  /** `phaseOf` and the priority of the stage, kept for the index of the claim. */
  phase: number;
  rank: number;
  attempt: number;
  bytes: number;
  slice_offset: number;
  slice_length: number;
  /** A range of a table: its `RowRange`. */
  slice_rows: string | null;
  staging: string | null;
  /** Of the items, the weakest; where they differ, each one's is in `blobs`. */
  evidence: Evidence;
  sha256: string | null;
  /** A head: ranges that have not passed the gate for which it waits. */
  open_ranges: number;
  worker: string | null;
  /** Who transferred it. */
  writer: string | null;
  epoch: number;
  leased_at: number | null;
  expires_at: number | null;
  /** When it began to wait to be claimed. Ranges of one file stand some way apart, so that those of several files mix. */
  queued_at: number;
}

/** The order is stored: append only. */
export const parts = { items: 0, receipts: 1, endings: 2, prehash: 3, evidence: 4 } as const;

export interface BlobsTable {
  chunk_id: number;
  part: number;
  data: Uint8Array;
}

/** Confirmed blocks inside a transfer, appended; folded into the chunk's receipts when the transfer ends. */
export interface ProgressTable {
  chunk_id: number;
  first_block: number;
  receipts: Uint8Array;
  /** `Progress.bytes`: of all blocks up to the end of these. */
  confirmed_bytes: Generated<number>;
}

export interface InboxTable {
  id: Generated<number>;
  job_id: string;
  delta: string;
  open_rows: string;
  /** `ChunkNews`, encoded. */
  news: Generated<string>;
}

export interface VerdictsTable {
  id: Generated<number>;
  job_id: string;
  chunk_id: number;
  path: Uint8Array | null;
  stage: Stage;
  result: "match" | "mismatch" | "inconclusive";
  source_digest: string;
  target_digest: string;
  bad: string;
  writer: string | null;
  reader: string;
  read_from: ReadFrom;
  at: number;
}

export interface AttemptsTable {
  id: Generated<number>;
  job_id: string;
  chunk_id: number;
  stage: Stage;
  worker: string;
  epoch: number;
  started_at: number;
  ended_at: number;
  why: string;
}

export interface ExceptionsTable {
  id: Generated<number>;
  job_id: string;
  chunk_id: number;
  path: Uint8Array;
  outcome: string;
  error: string | null;
  lost: string;
  at: number;
}

export interface WorkersTable {
  id: string;
  host: string;
  version: string;
  lanes: number;
  started_at: number;
  seen_at: number;
  left_at: number | null;
  failure: string | null;
}

export interface TokensTable {
  id: string;
  name: string;
  role: Role;
  secret_sha256: string;
  created_at: number;
  created_by: string | null;
  expires_at: number | null;
  revoked_at: number | null;
}

export interface AuditTable {
  id: Generated<number>;
  at: number;
  request_id: string;
  token_id: string | null;
  actor: string;
  role: Role;
  action: string;
  job_id: string | null;
  detail: string;
  remote: string;
  status: number | null;
}

export interface SubmissionsTable {
  owner: string;
  key: string;
  digest: string;
  job_id: string;
  at: number;
}

/** Locked by whoever looks first and then writes by what is seen: one row for each such thing. */
export interface GatesTable {
  name: Gate;
}
/** `submit` is taken before `sources`. */
export type Gate = "submit" | "sources" | "tokens";

/** Public keys of whoever signed reports of this state. */
export interface SignersTable {
  key_id: string;
  public_key: string;
  host: string;
  since: number;
}

export interface SourcesTable {
  id: string;
  location: string;
  production: number;
  stated_peak: number | null;
  byte_limit: number | null;
  /** A `Timetable`, or null. */
  timetable: string | null;
  /** A list of `Threshold`. */
  thresholds: string;
  /** A `ThrottleState`. */
  throttle: string;
  /** Answers that asked to slow down, ever; and how many of them the throttle has seen. */
  slow_downs: number;
  slow_downs_seen: number;
  /** The cap of the last row of the history, and when that was; 0: never. */
  noted_cap: number | null;
  noted_at: number;
  created_at: number;
  updated_at: number;
}

/** One for each worker and job; those that have expired are removed now and then. Null bytes: no limit. */
export interface GrantsTable {
  job_id: string;
  worker: string;
  source_id: string | null;
  priority: Priority;
  job_limit: number | null;
  wants: number | null;
  lanes_wanted: number;
  bytes_per_second: number | null;
  lanes: number | null;
  expires_at: number;
  /** What the worker kept to when it asked: it may do so until then, since the answer may be lost. */
  held: number | null;
  held_until: number;
  lanes_held: number;
  /** The 95th percentile of its reads, in microseconds. */
  latency_us: number | null;
}

export interface BudgetHistoryTable {
  id: Generated<number>;
  source_id: string;
  at: number;
  cap: number | null;
  granted: number | null;
  lanes_allowed: number | null;
  workers: number;
  /** A sample of its minute, to be forgotten sooner than a change. */
  is_sample: number;
  why: string;
}

/** Where a job's queue begins, by phase and rank; those below zero are named in queue-floors.ts. */
export interface QueueFloorsTable {
  job_id: string;
  phase: number;
  rank: number;
  queued_at: number;
  id: number;
}

export interface Database {
  jobs: JobsTable;
  chunks: ChunksTable;
  queue_floors: QueueFloorsTable;
  blobs: BlobsTable;
  progress: ProgressTable;
  inbox: InboxTable;
  verdicts: VerdictsTable;
  attempts: AttemptsTable;
  exceptions: ExceptionsTable;
  workers: WorkersTable;
  tokens: TokensTable;
  audit: AuditTable;
  submissions: SubmissionsTable;
  gates: GatesTable;
  signers: SignersTable;
  sources: SourcesTable;
  grants: GrantsTable;
  budget_history: BudgetHistoryTable;
  godwit_schema: { version: number };
}

export type Tx = Transaction<Database>;
export type ChunkRow = Selectable<ChunksTable>;
export type JobRow = Selectable<JobsTable>;
export type SourceRow = Selectable<SourcesTable>;
export type GrantRow = Selectable<GrantsTable>;

/** One transaction. Where an engine lets writers meet, it may be begun again from its start: it changes nothing but rows. */
export type Work<T> = (tx: Tx, now: Instant) => Promise<T>;

/** What an engine brings: transactions, the Store's time, its words for types. Errors leave it translated. */
export interface Engine extends AsyncDisposable {
  /** Answered when it is on the disk. */
  write<T>(work: Work<T>): Promise<T>;
  /**
   * Answered before it is on the disk; the next `write` takes it there, a checkpoint at the latest. A power cut may undo
   * it, the death of a process may not: for what a successor can find out or do again.
   */
  writeSoon<T>(work: Work<T>): Promise<T>;
  /** One consistent view. */
  read<T>(work: Work<T>): Promise<T>;
  /** Bytes of everything that is kept. */
  readonly size: (tx: Tx) => Promise<number>;
}

/** Column types that engines name differently. */
export interface EngineTypes {
  readonly bytes: "blob" | "bytea";
  /** A primary key that the engine counts up and never gives twice, also after rows were removed. */
  readonly identity: string;
  /** The same, where a number may come again after rows were removed: cheaper on some engines. */
  readonly counter: string;
}

export type AnyKysely = Kysely<Database>;
