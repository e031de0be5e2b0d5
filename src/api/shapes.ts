/** What is said about jobs and chunks over HTTP: one schema for the answer, its document, and its check. */
import { z } from "zod";
import { dispositions, errorCodes } from "../base/errors.ts";
import { stages } from "../model/chunk.ts";
import { outcomes } from "../model/entry.ts";
import { jobStatuses, priorities } from "../model/job.ts";
import { roles } from "../ports/access.ts";
import { watchedStates } from "../ports/overview.ts";
import { nextCursor } from "./cursor.ts";

export const count = z.int().nonnegative();
export const instant = z.iso.datetime({ precision: 3 }).describe("UTC, with milliseconds");
/** Ids as the Store makes them; nothing else is asked of it. */
const word = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "is no id");
const jobId = word.describe("as the answer to POST /migrations gave it");
export const tokenId = word.describe("of the token, without its secret");

export const jobParams = z.strictObject({ job_id: jobId });

export const jobStatus = z.enum(jobStatuses).meta({ id: "JobStatus" });
export const priority = z
  .enum(priorities)
  .describe("between jobs of one source: a low one yields, and does not starve");
const stage = z.enum(stages).meta({ id: "Stage" });
export const chunkState = z.enum(watchedStates).meta({
  id: "ChunkState",
  description:
    "pending: waits to be transferred; in_progress: a worker holds it; transferred: waits for what comes after that; verified and failed: it has ended",
});

/** Below it, the rounding to whole bytes per second would show. */
const gigabytesPerHourMin = 0.001;
export const throughputLimit = z
  .number()
  .min(gigabytesPerHourMin)
  .max(1e9)
  .nullable()
  .describe(
    "what all workers together may read of the source, in decimal GB per hour; null: no limit of the job's own",
  );
export const parallelWorkers = z
  .int()
  .min(1)
  .max(100_000)
  .nullable()
  .describe("lanes of all workers together that work on the job; null: as many as there are");

const estimatedEnd = instant
  .nullable()
  .describe("from what was measured; null while nothing was, while the listing goes on, and when the job does not run");

export const errorShape = z
  .strictObject({
    code: z.enum(errorCodes),
    disposition: z.enum(dispositions).describe("what Godwit does about it"),
    what: z.string(),
    hint: z.string(),
  })
  .meta({ id: "Error", description: "Why something went wrong: a stable word, what happened, and what to do." });

const sum = z.strictObject({ entries: count, bytes: count }).meta({ id: "Sum" });

export const submitted = z
  .strictObject({ job_id: jobId, status: jobStatus, estimated_completion_at: estimatedEnd })
  .meta({ id: "Submitted" });

export const migration = z
  .strictObject({
    job_id: jobId,
    status: jobStatus,
    total_bytes: count.describe("of all entries that the source has listed so far"),
    bytes_transferred: count.describe("that stand on the target, also of chunks that are under way"),
    bytes_verified: count,
    chunks_total: count,
    chunks_complete: count.describe("those that have ended, well or badly"),
    estimated_completion_at: estimatedEnd,
    last_failure_reason: z.string().nullable().describe("of the job, else of its last attempt that failed"),
    kind: z.enum(["copy", "sync", "check"]),
    wish: z.enum(["pause", "cancel"]).nullable().describe("asked for, and not yet obeyed by whoever leads the job"),
    source_path: z.string().describe("as a URL"),
    target_path: z.string().describe("as a URL"),
    throughput_limit_gb_per_hour: throughputLimit,
    max_parallel_workers: parallelWorkers,
    priority,
    plan_complete: z.boolean().describe("the source is listed to its end: totals grow no more"),
    led_by: z.string().nullable().describe("the process that leads the job now"),
    created_at: instant,
    started_at: instant.nullable(),
    ended_at: instant.nullable(),
    runs: count.describe("how many times a process took the lead"),
    total_entries: count,
    outcomes: z
      .strictObject(Object.fromEntries(outcomes.map((outcome) => [outcome, sum])) as Record<string, typeof sum>)
      .describe("where the entries ended; together they equal the totals once the job is complete"),
    source_bytes_read: count.describe("what was really read, retries included"),
    target_bytes_written: count,
    target_bytes_read: count,
    retries: count,
    mismatches: count.describe("read-backs that found other bytes than were sent"),
    losses: count.describe("entries whose bytes arrived, but not all of their attributes"),
    deleted: count,
    deletions_failed: count,
    failure: errorShape.nullable().describe("why the job as a whole failed, or was paused"),
  })
  .meta({ id: "Migration", description: "A job and how far it is." });

export const migrations = z
  .strictObject({ migrations: z.array(migration), next_cursor: nextCursor })
  .meta({ id: "Migrations" });

const checksum = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .nullable();

export const report = z
  .strictObject({
    job_id: jobId,
    overall_status: z
      .enum(["pass", "fail", "in_progress"])
      .describe("pass: complete, every listed entry accounted for and proven"),
    chunks_verified: count,
    chunks_failed: count,
    failed_chunks: z
      .array(
        z.strictObject({
          chunk_id: count,
          source_checksum: checksum.describe(
            "SHA-256 over the SHA-256 of the blocks, of the last comparison that found a difference; null where it came to none",
          ),
          target_checksum: checksum.describe("the same of what was read back; null where it could not be read"),
          compared_chunk_id: count.nullable().describe("the range of a large entry in which the difference was found"),
          path: z
            .string()
            .describe("of its entry, or of the last that failed in it; bytes that are not UTF-8 stand as \\xNN"),
          outcome: z.string(),
          error: errorShape.nullable(),
        }),
      )
      .describe("a page of them, in order of planning"),
    next_cursor: nextCursor,
    listed: sum,
    unproven_entries: count.describe("entries that did not end well, so far"),
    mismatches: count.describe("all that were ever found, also those that were repaired"),
  })
  .meta({ id: "Report", description: "The job's proof in short. `godwit report` writes it in full, signed." });

export const exceptions = z
  .strictObject({
    job_id: jobId,
    exceptions: z.array(
      z.strictObject({
        chunk_id: count,
        path: z.string(),
        outcome: z
          .string()
          .describe("how the entry ended; `retried`: it went on; `lost`: it arrived without some attributes"),
        error: errorShape.nullable(),
        lost: z.array(z.string()),
        at: instant,
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: "Exceptions", description: "Entries of which more is to be said than that they are verified." });

const chunk = z
  .strictObject({
    chunk_id: count,
    parent_id: count.nullable().describe("of a range: the head of its entry"),
    kind: z.string(),
    stage,
    state: chunkState,
    offset: count,
    bytes: count,
    attempt: count,
    worker: z.string().nullable(),
    epoch: count.describe("the fencing token: it grows with each claim"),
  })
  .meta({ id: "Chunk" });

export const chunks = z
  .strictObject({
    job_id: jobId,
    chunks: z.array(chunk),
    next_cursor: nextCursor.describe("a page may be short, or empty, before the last one: go on until it is null"),
  })
  .meta({ id: "Chunks" });

const stateSums = z
  .strictObject(
    Object.fromEntries(watchedStates.map((state) => [state, count])) as Record<
      (typeof watchedStates)[number],
      typeof count
    >,
  )
  .meta({ id: "ChunkSums" });

export const chunkMap = z
  .strictObject({
    job_id: jobId,
    as_of: instant.describe("maps are kept for a while, the longer the more they cost"),
    by_state: stateSums,
    bytes_by_state: stateSums,
    buckets: z.array(
      z.strictObject({
        first_chunk_id: count,
        last_chunk_id: count,
        chunks: stateSums,
      }),
    ),
  })
  .meta({
    id: "ChunkMap",
    description: "The job's chunks in order of planning, in at most as many parts as asked for.",
  });

const attempt = z
  .strictObject({
    chunk_id: count,
    stage,
    worker: z.string(),
    epoch: count,
    started_at: instant,
    ended_at: instant.nullable(),
    ended_because: z.string().nullable().describe("`done`, or why it ended; null while it runs"),
  })
  .meta({ id: "Attempt" });

export const attempts = z
  .strictObject({
    job_id: jobId,
    running: z.array(attempt).describe("on the first page: those that have not ended, at most as many as a page has"),
    attempts: z.array(attempt).describe("those that ended, the newest first"),
    next_cursor: nextCursor,
  })
  .meta({ id: "Attempts" });

export const checkpoint = z
  .strictObject({
    job_id: jobId,
    as_of: instant,
    plan_complete: z.boolean(),
    phase: count,
    open_chunks_by_phase: z.array(z.int()).describe("as the checkpoint has it"),
    ends_not_folded: count.describe("ends of tasks that the next checkpoint folds into the counters"),
    claimable: count.describe("counted up to 1,000"),
    leased: count,
    runs: count,
    led_by: z.string().nullable(),
    lead_epoch: count,
    lead_expires_at: instant.nullable(),
    counters: z.record(z.string(), z.int()),
  })
  .meta({ id: "Checkpoint", description: "What a coordinator that restarts begins with." });

export const workers = z
  .strictObject({
    workers: z.array(
      z.strictObject({
        worker_id: z.string(),
        host: z.string(),
        version: z.string(),
        lanes: count,
        started_at: instant,
        seen_at: instant,
        state: z.enum(["alive", "lost", "left"]),
        failure: z.string().nullable().describe("why it cannot work on something"),
      }),
    ),
  })
  .meta({ id: "Workers", description: "Those that were seen within the last day, the newest first." });

/** Raised when programs that were made for the one before cannot go on. New fields and operations do not raise it. */
export const apiVersion = 1;

export const serverShape = z
  .strictObject({
    version: z.string().describe("of the program"),
    api_version: z.int().positive().describe("raised when programs that were made for the one before cannot go on"),
    role: z.enum(roles).describe("of the token that came with this request"),
  })
  .meta({ id: "Server" });
