import { GodwitError } from "../../base/errors.ts";
import { TransportError } from "./client-http-fault.ts";
import { byStatus, faults, refused, unreachable, type Verdict, verdicts } from "./client-verdicts.ts";
import { childText, parseXml } from "./client-xml.ts";

/** An error of one S3 request, with what the store itself said. */
export class S3Error extends GodwitError {
  /** HTTP status, or null when there was no answer. A 200 may carry an error in its body. */
  readonly status: number | null;
  /** `SlowDown`, `NoSuchKey`; null when the store gave none (every HEAD) or there was no answer. */
  readonly s3Code: string | null;
  /** For how long the store asks to be left alone (`Retry-After`); null where it did not say. */
  readonly retryAfterMs: number | null;

  constructor(verdict: Verdict, answer: Answer) {
    const { code, disposition, hint } = verdict;
    super(code, { disposition, hint, what: answer.what, cause: answer.cause });
    this.status = answer.status;
    this.s3Code = answer.s3Code;
    this.retryAfterMs = answer.retryAfterMs ?? null;
  }
}

/** The store does not have this operation, or not with these headers. */
export function isUnsupported(error: unknown): error is S3Error {
  return error instanceof S3Error && (error.s3Code === "NotImplemented" || error.status === 501);
}

interface Answer {
  readonly what: string;
  readonly status: number | null;
  readonly s3Code: string | null;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** What was asked of which object: how every message begins. */
export interface Subject {
  readonly operation: string;
  readonly bucket: string;
  readonly key: string | null;
}

interface Refusal {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** From an answer that is not a success, or a success with `<Error>` inside. */
export function fromAnswer(subject: Subject, answer: Refusal): S3Error {
  const { code, message } = readError(answer.text);
  const { status } = answer;
  const nothing = status === 404 ? missing(subject) : byStatus.get(status);
  const isDeleteMarker = status === 405 && answer.headers.get("x-amz-delete-marker") === "true";
  const region = answer.headers.get("x-amz-bucket-region");
  // A HEAD in the wrong region is a bare 400.
  const isMisplaced = status === 400 && code === null && region !== undefined;
  const name = isDeleteMarker ? "NoSuchVersion" : isMisplaced ? "PermanentRedirect" : (code ?? nothing ?? "");
  const verdict = verdicts.get(name) ?? byRange(status);
  const hint =
    verdict.code === "config_invalid" && region !== undefined
      ? `The bucket is in ${region}: set AWS_REGION=${region}.`
      : verdict.hint;
  const said = [String(status), code, message].filter((part) => part !== null && part !== "").join(" ");
  const retryAfterMs = secondsToMs(answer.headers.get("retry-after"));
  return new S3Error(
    { ...verdict, hint },
    { what: `${describe(subject)}: ${said}`, status, s3Code: code, retryAfterMs },
  );
}

/** The header's other form, a date, is not used by stores: RFC 9110, section 10.2.3. */
function secondsToMs(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,5}$/.test(header) ? Number(header) * 1000 : null;
}

/** From what befell the connection. An abort is handed on as the reason that was given for it, if that is an error of ours. */
export function fromFault(subject: Subject, error: unknown): Error {
  if (error instanceof GodwitError) return error;
  if (!(error instanceof TransportError)) {
    return error instanceof Error ? error : new Error(String(error));
  }
  if (error.fault === "aborted") {
    if (error.cause instanceof GodwitError) return error.cause;
    const verdict: Verdict = { code: "interrupted", disposition: "cancelled", hint: "Resume the job to go on." };
    return new S3Error(verdict, {
      what: `${describe(subject)}: ${error.message}`,
      status: null,
      s3Code: null,
      cause: error.cause,
    });
  }
  return new S3Error(faults[error.fault], {
    what: `${describe(subject)}: ${error.message}`,
    status: null,
    s3Code: null,
    cause: error,
  });
}

/** An answer that says success and is not what S3 answers. */
export function invalidAnswer(subject: Subject, problem: string, cause?: unknown): S3Error {
  return new S3Error(faults.invalid, { what: `${describe(subject)}: ${problem}`, status: 200, s3Code: null, cause });
}

function describe({ operation, bucket, key }: Subject): string {
  return key === null
    ? `${operation} s3://${bucket}`
    : `${operation} ${JSON.stringify(`s3://${bucket}/${key}`).slice(1, -1)}`;
}

/** A bare 404. To a write it says nothing about a source: what answered is no S3 store, or there is no bucket. */
function missing({ operation, key }: Subject): string | undefined {
  if (key === null) return "NoSuchBucket";
  return /^(Get|Head|Delete)/.test(operation) ? "NoSuchKey" : undefined;
}

function byRange(status: number): Verdict {
  if (status === 500 || status === 502 || status === 504)
    return unreachable("The store failed by itself; it is asked again.");
  return (status === 404 ? undefined : verdicts.get(byStatus.get(status) ?? "")) ?? refused;
}

function readError(text: string): { code: string | null; message: string | null } {
  try {
    const root = parseXml(text);
    return root.name === "Error"
      ? { code: childText(root, "Code"), message: childText(root, "Message") }
      : { code: null, message: null };
  } catch {
    return { code: null, message: text.trim().slice(0, 200).replace(/\s+/g, " ") };
  }
}
