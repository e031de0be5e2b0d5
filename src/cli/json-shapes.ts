/**
 * The stable shape of every `--json`. docs/reference/json.md is made from these, and the tests hold real output to them.
 * A field is never renamed or removed; new ones may come.
 */
import { z } from "zod";
import { dispositions, errorCodes } from "../base/errors.ts";
import { entryKinds, outcomes } from "../model/entry.ts";
import { jobStatuses } from "../model/job.ts";
import { simulationShape } from "./simulate/shape.ts";

const count = z.int().nonnegative();
const instant = z.iso.datetime({ precision: 3 });
const sum = z.strictObject({ entries: count, bytes: count });

const error = z
  .strictObject({
    code: z.enum(errorCodes).describe("a stable word; [errors.md](errors.md) explains each"),
    disposition: z.enum(dispositions).describe("what Godwit does about it"),
    what: z.string().describe("what happened"),
    hint: z.string().describe("what to do about it"),
  })
  .meta({ id: "error" });

const exitCode = z.int().min(0).max(4);

const job = z.strictObject({
  job_id: z.string(),
  kind: z.enum(["copy", "sync", "check"]),
  source: z.string().describe("a URL"),
  target: z.string().describe("a URL"),
  status: z.enum(jobStatuses),
  interrupted: z
    .boolean()
    .describe(
      "the status says that it runs, but the process that ran it is gone: resume it. Never of a server's job, which goes on by itself",
    ),
  led_by: z.string().nullable().describe("host, process id and start of the process that runs it now"),
  exit_code: exitCode.describe(
    "of the job as it stands: 0 complete and proven, 1 with exceptions, 3 resumable, 4 failed. Where `report_failure` stands and it would be 0, that of the failure",
  ),
  created_at: instant,
  ended_at: instant.nullable(),
  runs: count.describe("how many processes have run it"),
  listed: sum.describe("what the source has listed so far"),
  outcomes: z
    .strictObject(
      Object.fromEntries(outcomes.map((outcome) => [outcome, sum])) as Record<(typeof outcomes)[number], typeof sum>,
    )
    .describe("where the entries ended; together they equal `listed` once the job is complete"),
  chunks_total: count,
  chunks_complete: count,
  bytes_transferred: count.describe("that stand on the target, also of chunks that are not complete"),
  bytes_verified: count,
  source_bytes_read: count.describe("what was really read, retries included"),
  target_bytes_written: count,
  target_bytes_read: count,
  retries: count.describe("tries after the first: of requests, of entries and of chunks"),
  mismatches: count.describe("read-backs that found other bytes than were sent"),
  losses: count.describe("entries whose bytes arrived, but not all of their attributes"),
  deleted: count,
  deletions_failed: count.describe("what `--delete` was to remove and did not: each is named in the report"),
  last_failure_reason: error.nullable(),
  differences: z
    .array(
      z.strictObject({
        path: z.string().describe("a schema, or `schema/table`"),
        outcome: z.enum(["missing", "extra", "different"]).describe("in the second database"),
        what: z.string().nullable().describe("of what is different: how, with numbers"),
        rows: z
          .array(z.string())
          .describe(
            "lines of a diff, of columns or of up to 20 rows: `-` what stands in the first, `+` in the second; long values are cut",
          ),
      }),
    )
    .optional()
    .describe("only of a check of databases that has ended here: the first 100; the report names all"),
  report_failure: error.optional().describe("only where --report was given: why the report could not be written"),
});
export const jobShape = job.meta({ id: "job" });

export const jobsShape = z.strictObject({
  jobs: z.array(jobShape).describe("newest first"),
  pruned: z.array(z.string()).describe("ids of the jobs that --prune removed"),
});

const entryName = {
  path: z.string().describe("bytes that are not UTF-8 stand as \\xNN"),
  kind: z.enum(entryKinds),
};

export const dryRunShape = z.strictObject({
  dry_run: z.literal(true),
  kind: z.enum(["copy", "sync", "check"]),
  source: z.string(),
  target: z.string(),
  not_carried: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("unsupported"), ...entryName, error }),
        z.strictObject({ type: z.literal("unreadable"), ...entryName, error }),
        z.strictObject({ type: z.literal("loses"), ...entryName, lost: z.array(z.string()) }),
        z.strictObject({ type: z.literal("becomes"), ...entryName, as: entryName.kind }),
      ]),
    )
    .describe(
      "every entry, and every feature of one, that the target cannot hold; streamed, so it may be long. Bytes of a path that are not UTF-8 stand as \\xNN",
    ),
  plan: z.strictObject({
    listed: sum,
    move: sum.describe("is copied"),
    compare: sum.describe("has the same size on the target: contents are compared first"),
    unchanged: sum.describe("same size and time"),
    identical: sum.describe("symbolic links that are there already"),
    filtered: sum,
    unsupported: sum,
    unreadable: sum.describe("could not be looked at, or vanished"),
    delete: sum.describe("only the target has it; --delete removes it"),
    chunks: count.describe("slices in which the bytes travel"),
  }),
});

export const verifiedReportShape = z.strictObject({
  intact: z.literal(true),
  signer: z.enum(["known", "unknown"]).describe("known: signed by the key that --key named"),
  key_id: z.string(),
  job_id: z.string(),
  overall_status: z.enum(["pass", "fail", "in_progress"]).describe("what the report says of its job"),
});

const key = z.strictObject({
  key_id: z.string(),
  is_current: z.boolean().describe("signs now"),
  public_key_pem: z.string(),
  since: instant,
});
export const keysShape = z.strictObject({ keys: z.array(key).describe("newest first") });
export const rotatedShape = z.strictObject({ before: z.string().nullable(), key_id: z.string() });
export const writtenShape = z.strictObject({
  file: z.string(),
  job_id: z.string(),
  format: z.enum(["json", "html", "sha256sum"]),
  overall_status: z.enum(["pass", "fail", "in_progress"]),
  without_digest: count.describe("sha256sum only: files that such a list cannot hold"),
});

export const sweptShape = z.strictObject({
  place: z.string(),
  dry_run: z.boolean(),
  orphans: z.array(
    z.strictObject({ name: z.string(), size_bytes: count.nullable(), age_ms: count, removed: z.boolean() }),
  ),
});

export const doctorShape = z.strictObject({
  source: z.string(),
  target: z.string(),
  problems: count,
  findings: z.array(
    z.strictObject({
      place: z.enum(["source", "target", "both"]),
      subject: z.string(),
      level: z.enum(["ok", "note", "problem"]),
      text: z.string(),
      error: error.nullable(),
    }),
  ),
});

export const errorShape = z.strictObject({ error, exit_code: exitCode });

export type JobDocument = z.input<typeof jobShape>;
export type JobsDocument = z.input<typeof jobsShape>;
export type DryRunDocument = z.input<typeof dryRunShape>;
export type NotCarried = DryRunDocument["not_carried"][number];
export type VerifiedReportDocument = z.input<typeof verifiedReportShape>;
export type KeysDocument = z.input<typeof keysShape>;
export type RotatedDocument = z.input<typeof rotatedShape>;
export type WrittenDocument = z.input<typeof writtenShape>;
export type SweptDocument = z.input<typeof sweptShape>;
export type DoctorDocument = z.input<typeof doctorShape>;
export type ErrorDocument = z.input<typeof errorShape>;

/** Every document by the commands that print it: the order of the reference. */
export const shapes = [
  { title: "copy, sync, check, resume, status, pause, cancel", shape: job },
  { title: "jobs", shape: jobsShape },
  { title: "copy, sync, check with --dry-run", shape: dryRunShape },
  { title: "report with --output", shape: writtenShape },
  { title: "report verify", shape: verifiedReportShape },
  { title: "keys show, keys export", shape: keysShape },
  { title: "keys rotate", shape: rotatedShape },
  { title: "sweep", shape: sweptShape },
  { title: "doctor", shape: doctorShape },
  { title: "simulate", shape: simulationShape },
  { title: "any command that could not begin", shape: errorShape },
  { title: "an error", shape: error },
] as const;
