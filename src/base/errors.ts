/**
 * Every error that an operator can meet. A code is a stable word, explained in docs/reference/errors.md (a test holds
 * the two equal). The disposition tells the one runner that retries what to do; nothing else decides it.
 */
export const dispositions = [
  /** Passing: the same call may succeed later. */
  "retry",
  /** A later lease holds this chunk: stop, touch nothing. */
  "fenced",
  /** Final for this entry or this call: trying again gives the same answer. */
  "rejected",
  /** Bytes are not what they should be. */
  "corrupt",
  /** Somebody asked to stop. */
  "cancelled",
  /** The whole job cannot go on (source gone, credentials refused, disk full). */
  "fatal",
] as const;
export type Disposition = (typeof dispositions)[number];

export const errorCodes = [
  "usage",
  "config_invalid",
  "node_too_old",
  "source_missing",
  "target_missing",
  "target_inside_source",
  "target_not_directory",
  "same_place",
  "listing_failed",
  "unreadable",
  "source_changed",
  "source_vanished",
  "schema_changed",
  "source_evidence_mismatch",
  "evidence_missing",
  "target_unwritable",
  "target_escape",
  "target_conflict",
  "disk_full",
  "name_unsupported",
  "kind_unsupported",
  "too_large",
  "credentials_missing",
  "credentials_rejected",
  "no_such_bucket",
  "access_denied",
  "store_busy",
  "store_unreachable",
  "store_answer_invalid",
  "upload_vanished",
  "condition_failed",
  "digest_mismatch",
  "table_differs",
  "too_many_deletes",
  "deletion_withheld",
  "job_locked",
  "job_unknown",
  "job_ambiguous",
  "job_state",
  "job_options_differ",
  "lease_lost",
  "clock_wrong",
  "state_unusable",
  "state_version",
  "key_invalid",
  "report_invalid",
  "report_altered",
  "report_signer",
  "request_invalid",
  "request_too_large",
  "route_unknown",
  "method_unknown",
  "token_invalid",
  "token_unknown",
  "token_last",
  "role_insufficient",
  "place_forbidden",
  "idempotency_conflict",
  "job_exists",
  "server_busy",
  "server_unreachable",
  "server_untrusted",
  "server_unknown",
  "server_version",
  "listen_refused",
  "source_unlimited",
  "source_unknown",
  "signal_unreadable",
  "lane_died",
  "interrupted",
  "internal",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorDetails {
  readonly disposition: Disposition;
  /** What happened, to which path or call; one line, no trailing full stop. */
  readonly what: string;
  /** What the operator can do about it; one line. */
  readonly hint: string;
  readonly cause?: unknown;
}

/** Survives a message port: `toJSON` and `fromJSON` are used where an error crosses from a lane to its worker. */
export class GodwitError extends Error {
  override readonly name = "GodwitError";
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly what: string;
  readonly hint: string;

  constructor(code: ErrorCode, details: ErrorDetails) {
    super(`${code}: ${details.what}`, { cause: details.cause });
    this.code = code;
    this.disposition = details.disposition;
    this.what = details.what;
    this.hint = details.hint;
  }

  toJSON(): ErrorRecord {
    return { code: this.code, disposition: this.disposition, what: this.what, hint: this.hint };
  }

  static fromJSON(record: ErrorRecord): GodwitError {
    return new GodwitError(record.code, record);
  }
}

/** An error as data: what crosses a thread, a row of the Store, or the API. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly what: string;
  readonly hint: string;
}

/** Keeps a GodwitError as it is; anything else is a defect of ours or of a driver and is called `internal`. */
export function toGodwitError(error: unknown): GodwitError {
  if (error instanceof GodwitError) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new GodwitError("internal", {
    disposition: "fatal",
    what: text,
    hint: "This is a defect of Godwit. Please report it with the lines above.",
    cause: error,
  });
}
