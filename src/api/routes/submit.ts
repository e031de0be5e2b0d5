/** POST /migrations: from what was asked to a job, once for each Idempotency-Key. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { GodwitError } from "../../base/errors.ts";
import { refuseNested } from "../../coordinator/nested.ts";
import { type JobSpec, type JobTerms, usualTerms } from "../../model/job.ts";
import { databaseObjection } from "../../model/database-wishes.ts";
import { type JobWishes, specOf } from "../../model/job-spec.ts";
import { estimatedEnd } from "../../model/pace.ts";
import { JobOptionsDiffer } from "../../ports/access.ts";
import { placeOf, refuseForbidden } from "../allow-list.ts";
import { fieldProblems, invalid, Refusal } from "../problem.ts";
import { type Api, type Call, route } from "../route.ts";
import { parallelWorkers, priority, submitted, throughputLimit } from "../shapes.ts";
import { bytesPerSecondOf, instantOrNull } from "../units.ts";

const MiB = 2 ** 20;
const maxDeleteUsual = 1_000;

const pattern = z.string().min(1).max(4_096);
const patterns = z.array(pattern).max(1_000).default([]);
const place = z.string().min(1).max(8_192);

const s3Shape = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/ })
      .max(2_048)
      .nullable()
      .default(null),
    region: z.string().min(1).max(100).nullable().default(null),
    path_style: z.boolean().default(false),
    profile: z.string().min(1).max(200).nullable().default(null).describe("of the workers' shared AWS configuration"),
  })
  .describe("how an S3-compatible store is reached; secrets come from the workers' surroundings, never over the API");

export const submitBody = z
  .strictObject({
    source_path: place.describe("an absolute path, or a file: or s3: URL, as the workers see it"),
    target_path: place.describe("the same"),
    throughput_limit_gb_per_hour: throughputLimit.default(usualTerms.limitBytesPerSecond),
    max_parallel_workers: parallelWorkers.default(usualTerms.lanesMax),
    priority: priority.default(usualTerms.priority),
    kind: z.enum(["copy", "sync", "check"]).default("copy"),
    include: patterns.describe("globs: only what matches"),
    exclude: patterns.describe("globs: leave out what matches; they win over `include`"),
    compare: z
      .enum(["content", "mtime"])
      .nullable()
      .default(null)
      .describe("when something of the same size is already there; null: content, for a sync mtime"),
    links: z.enum(["preserve", "follow", "skip"]).default("preserve"),
    durability: z.enum(["fsync", "none"]).default("fsync"),
    verify: z.enum(["readback", "checksum"]).default("readback"),
    source_evidence: z.enum(["none", "store", "prehash"]).default("none"),
    file_digest: z.boolean().default(false),
    reconcile: z
      .boolean()
      .nullable()
      .default(null)
      .describe("at the end, read every chunk of the target again; null: yes, but for a check, which writes nothing"),
    delete: z.boolean().default(false).describe("of a sync: remove what only the target has, at the end"),
    max_delete: z.int().nonnegative().default(maxDeleteUsual).describe("refuse to delete more entries than this"),
    chunk_bytes: z
      .int()
      .min(MiB)
      .max(65_536 * MiB)
      .default(64 * MiB),
    s3: s3Shape.prefault({}),
    on_unfinished: z
      .enum(["refuse", "attach"])
      .default("refuse")
      .describe(
        "where a job of the same places has not ended, or has failed: refuse (a failed one stands in nobody's way), or answer with that one, if it was asked for with the same options",
      ),
  })
  .meta({ id: "NewMigration" });
export type SubmitBody = z.output<typeof submitBody>;

/** @throws request_invalid, place_forbidden, same_place, target_inside_source */
function specOfBody(body: SubmitBody, { allowLists }: Pick<Api, "allowLists">): JobSpec {
  const source = placeOf("source_path", body.source_path);
  const target = placeOf("target_path", body.target_path);
  refuseForbidden(allowLists, { source, target, links: body.links, s3Endpoint: body.s3.endpoint });
  if (body.delete && body.kind !== "sync") throw invalid([{ field: "delete", detail: "only a sync deletes" }]);
  if (body.reconcile === true && body.kind === "check")
    throw invalid([{ field: "reconcile", detail: "a check writes nothing that could be read again" }]);
  if (body.source_evidence === "store" && !source.startsWith("s3:"))
    throw invalid([{ field: "source_evidence", detail: "a directory keeps no checksums to compare with" }]);
  if (body.kind !== "check") refuseNestedFields(source, target, body.delete);
  const wishes: JobWishes = {
    kind: body.kind,
    source,
    target,
    include: body.include,
    exclude: body.exclude,
    filesFrom: null,
    compare: body.compare,
    links: body.links,
    durability: body.durability,
    verify: body.verify,
    sourceEvidence: { type: body.source_evidence },
    fileDigest: body.file_digest,
    reconcile: body.reconcile ?? body.kind !== "check",
    delete: body.delete,
    maxDelete: body.delete ? body.max_delete : null,
    chunkBytes: body.chunk_bytes,
    s3: {
      endpoint: body.s3.endpoint,
      region: body.s3.region,
      pathStyle: body.s3.path_style,
      profile: body.s3.profile,
    },
  };
  const objection = databaseObjection(wishes);
  if (objection !== null) throw invalid([{ field: fieldOf(objection.wish), detail: objection.what }]);
  return specOf(wishes);
}

/** As the body of a request names it. */
function fieldOf(wish: keyof JobWishes): string {
  return wish === "source" || wish === "target" ? `${wish}_path` : snakeCase(wish);
}

function refuseNestedFields(source: string, target: string, deleting: boolean): void {
  try {
    refuseNested({ source, target, deleting });
  } catch (error) {
    if (error instanceof GodwitError) throw invalid([{ field: "target_path", detail: error.what }]);
    throw error;
  }
}

function termsOfBody(
  body: Pick<SubmitBody, "throughput_limit_gb_per_hour" | "max_parallel_workers" | "priority">,
): JobTerms {
  const limit = body.throughput_limit_gb_per_hour;
  return {
    priority: body.priority,
    limitBytesPerSecond: limit === null ? null : bytesPerSecondOf(limit),
    lanesMax: body.max_parallel_workers,
  };
}

const keyShape = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, "has 1 to 255 visible ASCII characters")
  .nullable();

/** What only the store can tell of a request, by the field that it is about. */
function refusedFields(error: unknown): unknown {
  if (error instanceof JobOptionsDiffer) {
    const fields = error.options.map((name) => ({
      field: snakeCase(name),
      detail: "was another when the job was made",
    }));
    const what = `${error.what} (${fields.map(({ field }) => field).join(", ")})`;
    return new Refusal(error.code, { status: 409, what, hint: error.hint, fields });
  }
  if (!(error instanceof GodwitError) || error.code !== "source_unlimited") return error;
  const { what, hint } = error;
  return new Refusal("source_unlimited", {
    status: 422,
    what,
    hint,
    fields: [{ field: "source_path", detail: what }],
  });
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

async function submit({ api, body, caller, idempotencyKey }: Call<unknown, unknown, SubmitBody>) {
  const parsed = keyShape.safeParse(idempotencyKey);
  if (!parsed.success) throw invalid(fieldProblems(parsed.error, "header Idempotency-Key"));
  const [spec, terms] = [specOfBody(body, api), termsOfBody(body)];
  const onUnfinished = body.on_unfinished;
  const asked = { spec, terms, ...(onUnfinished === "attach" && { onUnfinished }) };
  const digest = createHash("sha256").update(JSON.stringify(asked)).digest("hex");
  const key = parsed.data === null ? null : { owner: caller.tokenId ?? "", key: parsed.data };
  const { job, isReplayed, isAttached } = await api.access
    .submit({ key, digest, spec, terms, onUnfinished })
    .catch((error: unknown) => Promise.reject(refusedFields(error)));
  const isThere = isReplayed || isAttached === true;
  const estimated = isThere ? await estimatedNow(api, job.id) : null;
  return {
    status: isThere ? 200 : 201,
    body: { job_id: job.id, status: job.status, estimated_completion_at: instantOrNull(estimated) },
    headers: { location: `/migrations/${job.id}`, ...(isReplayed && { "idempotency-replayed": "true" }) },
  };
}

/** By the clock of the store, as every time of a job is. */
async function estimatedNow({ overview }: Api, jobId: string): Promise<number | null> {
  const { job, now } = await overview.glance(jobId);
  return estimatedEnd(job, now);
}

export const submitRoute = route({
  id: "submitMigration",
  method: "POST",
  path: "/migrations",
  tag: "Migrations",
  summary: "Submit a migration",
  description:
    "Makes a job, which a coordinator then plans and workers do. With an Idempotency-Key the same request makes one job, however often it is sent within 30 days; the same key with another request is refused. A second unfinished job with the same source and target is refused, or answered with the one that is there.",
  role: "operator",
  isKeyed: true,
  statuses: { 201: "The job was made.", 200: "The job was there already; nothing was done now." },
  params: null,
  query: null,
  body: submitBody,
  answer: submitted,
  handle: submit,
});
