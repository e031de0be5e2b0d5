import type { Disposition, ErrorCode } from "../../base/errors.ts";
import type { TransportFault } from "./client-http-fault.ts";

/** What an error of the store means for a job. */
export interface Verdict {
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly hint: string;
}

/** By the code that the store gives. */
export const verdicts: ReadonlyMap<string, Verdict> = new Map(
  verdictRows([
    [
      "store_busy",
      "retry",
      "It is asked again, more slowly. If it lasts, lower --workers or a limit.",
      "SlowDown ServiceUnavailable TooManyRequests Throttling ThrottlingException RequestLimitExceeded Busy SlowDownRead SlowDownWrite XMinioServerNotInitialized",
    ],
    [
      "store_unreachable",
      "retry",
      "The store failed by itself; it is asked again.",
      "InternalError InternalServerError RequestTimeout IncompleteBody OperationAborted",
    ],
    [
      "credentials_rejected",
      "fatal",
      "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile.",
      "SignatureDoesNotMatch InvalidAccessKeyId InvalidToken InvalidSecurity NotSignedUp AccountProblem UnauthorizedAccess",
    ],
    [
      "credentials_rejected",
      "fatal",
      "The session has ended. Get new credentials (`aws sso login`), then resume the job.",
      "ExpiredToken ExpiredTokenException TokenRefreshRequired",
    ],
    [
      "credentials_rejected",
      "fatal",
      "This machine's clock differs from the store's by more than 15 minutes. Set the clock (NTP), then resume.",
      "RequestTimeTooSkewed RequestExpired",
    ],
    [
      "access_denied",
      "rejected",
      "Grant this action to these credentials: see the bucket policy, IAM and KMS keys.",
      "AccessDenied AccessDeniedException AllAccessDisabled AccountSuspended KMS.DisabledException",
    ],
    ["no_such_bucket", "fatal", "Check the bucket's name, the endpoint and the region.", "NoSuchBucket"],
    [
      "upload_vanished",
      "rejected",
      "The multipart upload, or a part of it, is gone: completed, aborted, or removed by a lifecycle rule.",
      "NoSuchUpload InvalidPart InvalidPartOrder",
    ],
    [
      "source_vanished",
      "rejected",
      "The object or this version of it is no longer there.",
      "NoSuchKey NoSuchVersion NotFound",
    ],
    ["source_changed", "retry", "The object is shorter than it was when it was listed.", "InvalidRange"],
    ["condition_failed", "rejected", "Another object or version is there than was expected.", "PreconditionFailed"],
    ["condition_failed", "retry", "Another write to the same key is under way.", "ConditionalRequestConflict"],
    [
      "digest_mismatch",
      "retry",
      "The bytes changed on their way and the store refused them; they are sent again.",
      "BadDigest XAmzContentSHA256Mismatch InvalidDigest XAmzContentChecksumMismatch",
    ],
    [
      "too_large",
      "rejected",
      "The store's limit is smaller. Choose other part sizes, or another target.",
      "EntityTooLarge EntityTooSmall",
    ],
    [
      "name_unsupported",
      "rejected",
      "S3 keys have at most 1,024 bytes. Rename the entry, or filter it.",
      "KeyTooLongError InvalidURI InvalidObjectName XMinioInvalidObjectName",
    ],
    ["unreadable", "rejected", "The object is archived. Restore it first.", "InvalidObjectState"],
    [
      "disk_full",
      "fatal",
      "Make room or raise the quota, then resume the job.",
      "QuotaExceeded InsufficientStorage XMinioStorageFull XMinioAdminBucketQuotaExceeded",
    ],
    [
      "config_invalid",
      "fatal",
      "Set the bucket's own region and endpoint (AWS_REGION, AWS_ENDPOINT_URL_S3).",
      "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException InvalidBucketName",
    ],
  ]),
);

/** Where the store gives no code: the one that is meant. */
export const byStatus: ReadonlyMap<number, string> = new Map([
  [301, "PermanentRedirect"],
  [307, "PermanentRedirect"],
  [308, "PermanentRedirect"],
  [401, "AccessDenied"],
  [403, "AccessDenied"],
  [404, "NoSuchKey"],
  [408, "RequestTimeout"],
  [409, "ConditionalRequestConflict"],
  [412, "PreconditionFailed"],
  [413, "EntityTooLarge"],
  [416, "InvalidRange"],
  [429, "SlowDown"],
  [503, "SlowDown"],
  [507, "InsufficientStorage"],
]);

export const refused: Verdict = {
  code: "store_answer_invalid",
  disposition: "rejected",
  hint: "The store does not support this request, or it is wrong. See docs/operate for the stores that are known to work.",
};

/** Where there was no whole answer. */
export const faults: Readonly<Record<Exclude<TransportFault, "aborted">, Verdict>> = {
  refused: unreachable("Check that the endpoint is right and the store is running."),
  name_unknown: unreachable("Check the endpoint's host name and this machine's DNS."),
  tls: {
    code: "store_unreachable",
    disposition: "fatal",
    hint: "Check the endpoint's certificate; AWS_CA_BUNDLE or NODE_EXTRA_CA_CERTS add an authority.",
  },
  connect_timeout: unreachable("Check the route and firewall to the endpoint."),
  idle_timeout: unreachable("The store or the network stalled; it is asked again."),
  reset: unreachable("The connection broke; it is asked again."),
  closed_unanswered: unreachable("The store closed the connection; it is asked again."),
  truncated: unreachable("The answer was cut short; it is asked again."),
  invalid: {
    code: "store_answer_invalid",
    disposition: "retry",
    hint: "What answered may be a proxy, or no S3 store.",
  },
};

export function unreachable(hint: string): Verdict {
  return { code: "store_unreachable", disposition: "retry", hint };
}

function verdictRows(rows: readonly (readonly [ErrorCode, Disposition, string, string])[]): [string, Verdict][] {
  return rows.flatMap(([code, disposition, hint, names]) =>
    names.split(" ").map((name): [string, Verdict] => [name, { code, disposition, hint }]),
  );
}
