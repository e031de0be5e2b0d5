/** What a simulation is given: the fleet, the source, what goes wrong. Plain values; `cli` reads them from a file. */
import type { Instant } from "../model/chunk.ts";
import type { Timetable } from "../model/timetable.ts";

export interface Scenario {
  readonly name: string | null;
  /** Decides the weekday and the hour at which the job begins. */
  readonly start: Instant;
  readonly data: {
    readonly bytes: number;
    readonly meanEntryBytes: number;
  };
  readonly workers: WorkersModel;
  readonly coordinators: number;
  readonly source: SourceModel;
  readonly verification: {
    /** What one worker reads back, beside what it transfers. */
    readonly bytesPerSecond: number;
  };
  readonly failures: FailuresModel;
  /** From the start. Null: none. */
  readonly deadlineMs: number | null;
  /** Bytes of a simulated chunk; null: chosen so that the run ends soon. */
  readonly chunkBytes: number | null;
  /** All of it heartbeat by heartbeat: to see what letting time pass changes. */
  readonly isInDetail: boolean;
}

export interface WorkersModel {
  readonly count: number;
  /** Of each. */
  readonly lanes: number;
  /** What one worker moves from source to target when nothing holds it up. */
  readonly bytesPerSecond: number;
  /** The same of one lane; a source that gets slow slows it down. */
  readonly laneBytesPerSecond: number;
  /** What an entry takes in a lane beside its bytes. */
  readonly entryMs: number;
  /** After its death, another one is started. */
  readonly replacedAfterMs: number;
  readonly shifts: readonly Shift[];
}

/** Workers that join and are told to leave (SIGTERM) again. */
export interface Shift {
  readonly count: number;
  /** From the start of the job. */
  readonly fromMs: number;
  /** Null: they stay. */
  readonly untilMs: number | null;
}

export interface SourceModel {
  readonly statedPeakBytesPerSecond: number | null;
  readonly limitBytesPerSecond: number | null;
  readonly timetable: Timetable | null;
  readonly latency: LatencyModel | null;
  /** Above it the throttle takes lanes back; null: it does not look. */
  readonly readLatencyAboveMs: number | null;
  /** What others read of it, by the clock; null: nothing. */
  readonly others: Timetable | null;
}

/** The 95th percentile of reads by what the source serves: flat, then as a queue that fills (M/M/1). */
export interface LatencyModel {
  readonly baseMs: number;
  /** Up to here it is flat. */
  readonly risesAtBytesPerSecond: number;
  /** Nearing this it grows without bound. */
  readonly saturatesAtBytesPerSecond: number;
}

/** Rates of what comes by itself, independent of what came before. 0: never. */
export interface FailuresModel {
  /** Of the whole fleet. */
  readonly workerDeathsPerWeek: number;
  readonly workerStallsPerWeek: number;
  readonly stallMs: number;
  readonly coordinatorDeathsPerWeek: number;
  readonly slowDownsPerWeek: number;
  readonly readErrorsPerPetabyte: number;
  readonly corruptChunksPerPetabyte: number;
}

export const noFailures: FailuresModel = {
  workerDeathsPerWeek: 0,
  workerStallsPerWeek: 0,
  stallMs: 0,
  coordinatorDeathsPerWeek: 0,
  slowDownsPerWeek: 0,
  readErrorsPerPetabyte: 0,
  corruptChunksPerPetabyte: 0,
};
