/**
 * What the fleet may read of its sources, durable and shared. The invariant: of one source, the grants that any worker
 * may still be making use of never exceed its cap together, whoever asks, dies or comes back at the same time. Time is
 * the Store's. A cap that is lowered binds each worker when it asks again, and all of them after one grant's life.
 */
import type { Instant, JobId, WorkerId } from "../model/chunk.ts";
import type { SourceId, SourceLimits } from "../model/budget.ts";
import type { Priority } from "../model/job.ts";
import type { Share } from "../model/shares.ts";

export interface SourceRecord extends SourceLimits {
  /** What the throttle allows; null: as many lanes as there are. */
  readonly lanesAllowed: number | null;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export interface GrantRequest {
  /** A process. One that reads otherwise beside its lanes (a listing) asks under a name of its own. */
  readonly worker: WorkerId;
  readonly jobId: JobId;
  /**
   * What its gate lets through until this request is answered, in bytes per second: 0 when it is closed, null without a
   * limit. If it let more through within the last second, and reads came in a burst, it is still that: what another
   * worker would read meanwhile comes on top of the burst. Lanes are those that work on the job, also in the middle of a
   * chunk; none while the gate is closed, since they cannot read.
   */
  readonly holds: { readonly bytesPerSecond: number | null; readonly lanes: number };
  /** What it can make use of; null: all that it gets. */
  readonly wantsBytesPerSecond: number | null;
  /** Lanes that it could run of this job; 0 for a listing. */
  readonly lanesWanted: number;
  /** Of its reads since the last request; null when there were none. */
  readonly readLatencyP95Ms: number | null;
  /** Answers that asked it to slow down, since the last request that was answered. */
  readonly slowDowns: number;
}

/** 0 bytes per second: nothing may be read. Null: no limit. */
export interface Grant extends Share {
  /** Null where no source covers the job. */
  readonly sourceId: SourceId | null;
  /** From the moment at which the request was sent. */
  readonly lifeMs: number;
  /** After so long it is to be asked for again, at the latest. */
  readonly renewMs: number;
  /** What it would be if everybody had made room already: whoever has less asks again soon. */
  readonly aim: Share;
}

export interface GrantRecord extends Share {
  readonly worker: WorkerId;
  readonly jobId: JobId;
  readonly priority: Priority;
  readonly lanesWanted: number;
  readonly readLatencyP95Ms: number | null;
  readonly expiresAt: Instant;
}

/** What a signal from outside said, for one turn of the throttle. */
export interface Observation {
  readonly name: string;
  readonly isAbove: boolean;
  /** For people: the value and the threshold, or why it could not be read. */
  readonly text: string;
}

export interface BudgetRecord {
  readonly sourceId: SourceId;
  readonly at: Instant;
  readonly capBytesPerSecond: number | null;
  /** Sum of the grants; null when one of them has no limit. */
  readonly grantedBytesPerSecond: number | null;
  readonly lanesAllowed: number | null;
  readonly workers: number;
  /** `minute`: a sample; else what changed. */
  readonly why: string;
}

/** Every method is one transaction. */
export interface BudgetStore {
  /**
   * Makes a source or changes its limits; what the throttle knows of it stays.
   * @throws config_invalid when a value is not allowed, or another source has this location
   */
  putSource(limits: SourceLimits): Promise<SourceRecord>;
  /** By id. */
  sources(): Promise<readonly SourceRecord[]>;
  /** @throws source_unknown */
  source(id: SourceId): Promise<SourceRecord>;
  /** Its history goes with it. Jobs that it covered are covered by the next one above it, if any. @throws source_unknown */
  removeSource(id: SourceId): Promise<void>;

  /**
   * Gives a worker its share for a job, by the job's terms as they are now, or renews it, and takes note of what it
   * reports. A worker asks for one job one request at a time; a request whose answer is lost does no harm.
   * @throws job_unknown
   */
  grant(request: GrantRequest): Promise<Grant>;
  /** The worker reads nothing of this job any more: its share is free at once. Nothing to do where it has none. */
  release(worker: WorkerId, jobId: JobId): Promise<void>;
  /** Of one source, those that have not expired. */
  grants(id: SourceId): Promise<readonly GrantRecord[]>;

  /**
   * One turn of the throttle: with these observations, the latencies that workers have reported, and the number of
   * answers that asked to slow down. Two coordinators that do it at once cut once.
   * @throws source_unknown
   */
  throttle(id: SourceId, observations: readonly Observation[]): Promise<SourceRecord>;
  /** Newest first: one record for each change, one for each minute with a grant; minutes are kept for a week. */
  history(id: SourceId, limit: number): Promise<readonly BudgetRecord[]>;
}

/** What a process reads under: set by whoever holds its grant, obeyed by its lanes. */
export interface ReadGate {
  /** @param untilMs monotonic: past it nothing is read until it is opened again. @param bytesPerSecond null: no limit; 0: nothing */
  open(bytesPerSecond: number | null, untilMs: number, nowMs: number): void;
  close(nowMs: number): void;
  /** What it keeps to at that moment: 0 when it is closed, null without a limit. */
  holds(nowMs: number): number | null;
  /**
   * What a request names as held: as `holds`; after a burst of reads the most that it kept to within the last second. In
   * bytes per second.
   */
  heldLately(nowMs: number): number | null;
  /** Since the last call. */
  takeUsage(): GateUsage;
  /** How long reads took since the last call, in milliseconds: the 95th percentile; null of none. */
  takeP95Ms(): number | null;
}

export interface GateUsage {
  readonly bytes: number;
  /** Of these, those that had to wait for the limit. */
  readonly waitedBytes: number;
  /** Reads that wait now. */
  readonly waiting: number;
}
