/** Errors as RFC 9457 problem details. What is a defect of ours is named by its request alone: its text is for the log. */
import { z } from "zod";
import { type ErrorCode, errorCodes, GodwitError, toGodwitError } from "../base/errors.ts";
import { problemTitles } from "./problem-titles.ts";

export const problemMedia = "application/problem+json";

export interface FieldProblem {
  /** Where it stands: `source_path`, `s3.endpoint`, `query limit`, `header Idempotency-Key`. */
  readonly field: string;
  readonly detail: string;
}

export const problemShape = z
  .strictObject({
    type: z.string().describe("where the code is explained"),
    title: z.string().describe("the same for every problem of this code"),
    status: z.int().min(400).max(599),
    detail: z.string().describe("what happened"),
    hint: z.string().describe("what to do about it"),
    code: z.enum(errorCodes).describe("a stable word"),
    request_id: z.string().describe("the same as the header X-Request-Id, and in the server's log"),
    errors: z
      .array(z.strictObject({ field: z.string(), detail: z.string() }))
      .describe("the fields that are wrong; empty where no field is"),
  })
  .meta({ id: "Problem", description: "What went wrong, as RFC 9457 has it." });
export type Problem = z.infer<typeof problemShape>;

/** A request that is refused for what it is. */
export class Refusal extends GodwitError {
  readonly status: number;
  readonly fields: readonly FieldProblem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, refused: Refused) {
    super(code, { disposition: "rejected", what: refused.what, hint: refused.hint });
    this.status = refused.status;
    this.fields = refused.fields ?? [];
    this.headers = refused.headers ?? {};
  }
}

export interface Refused {
  readonly status: number;
  readonly what: string;
  readonly hint: string;
  readonly fields?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Of errors that come from below; all others are 500. */
const statuses: Partial<Record<ErrorCode, number>> = {
  usage: 422,
  config_invalid: 422,
  same_place: 422,
  target_inside_source: 422,
  evidence_missing: 422,
  idempotency_conflict: 422,
  job_unknown: 404,
  source_unknown: 404,
  token_unknown: 404,
  job_state: 409,
  job_locked: 409,
  job_exists: 409,
  job_options_differ: 409,
  token_last: 409,
  store_busy: 503,
  disk_full: 503,
  state_unusable: 503,
  state_version: 503,
};

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

/** Seconds after which a busy store is worth another request. */
const retryAfterSeconds = "5";

export function problemAnswer(error: unknown, requestId: string): ProblemAnswer {
  const known = toGodwitError(error);
  const { code, what, hint } = known;
  const refusal = known instanceof Refusal ? known : null;
  const status = refusal?.status ?? statuses[code] ?? 500;
  const isOurs = status === 500;
  return {
    status,
    headers: { ...(status === 503 && { "retry-after": retryAfterSeconds }), ...refusal?.headers },
    body: {
      type: `/docs#error-${isOurs ? "internal" : code}`,
      title: problemTitles[isOurs ? "internal" : code],
      status,
      detail: isOurs ? "The server met something that it was not made for." : what.toWellFormed(),
      hint: isOurs ? "The server's log has the rest, under the request's id." : hint,
      code: isOurs ? "internal" : code,
      request_id: requestId,
      errors: (refusal?.fields ?? []).map(({ field, detail }) => ({
        field: field.toWellFormed(),
        detail: detail.toWellFormed(),
      })),
    },
  };
}

export function invalid(fields: readonly FieldProblem[], status = 422): Refusal {
  const all = fields.map(({ field, detail }) => `${field}: ${detail}`).join("; ");
  return new Refusal("request_invalid", {
    status,
    what: all === "" ? "the request is malformed" : all.slice(0, 500),
    hint: "GET /docs says what each operation takes.",
    fields,
  });
}

/** @param where what of the request the fields stand in, such as `query`; nothing for its body */
export function fieldProblems(error: z.ZodError, where: string): readonly FieldProblem[] {
  return error.issues.slice(0, 20).flatMap((issue) => {
    const at = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys")
      return issue.keys
        .slice(0, 20)
        .map((key) => ({ field: named(where, [at, key].filter(Boolean).join(".")), detail: "is not known here" }));
    return [{ field: named(where, at), detail: issue.message }];
  });
}

function named(where: string, field: string): string {
  const short = field.slice(0, 200);
  return [where, short === "" && where === "" ? "body" : short].filter(Boolean).join(" ");
}
