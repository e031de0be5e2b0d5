/**
 * What a command that ends with an error says to the shell. Only where no job ran: the end of one says its exit code
 * itself, whatever stopped it. docs/reference/errors.md names it for each code; a test holds the two equal.
 */
import type { ErrorCode } from "../base/errors.ts";

const usageCodes = new Set<ErrorCode>([
  "usage",
  "config_invalid",
  "node_too_old",
  "same_place",
  "target_inside_source",
  "job_unknown",
  "job_ambiguous",
  "job_options_differ",
  "evidence_missing",
  "job_locked",
  "job_state",
  "key_invalid",
  "listen_refused",
  // What a server refused: nothing was started there either.
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
  "source_unlimited",
  "source_unknown",
  "server_untrusted",
  "server_unknown",
  "server_version",
]);
/** The same command again goes on where this one was. */
const resumableCodes = new Set<ErrorCode>([
  "interrupted",
  "disk_full",
  "server_unreachable",
  "server_busy",
  "store_busy",
]);
/** The answer is no. */
const findingCodes = new Set<ErrorCode>(["report_altered", "report_signer", "report_invalid"]);

/** 1 a finding, 2 usage or configuration, 3 resumable, 4 failed. */
export function exitCodeOfError(code: ErrorCode): 1 | 2 | 3 | 4 {
  if (usageCodes.has(code)) return 2;
  if (resumableCodes.has(code)) return 3;
  return findingCodes.has(code) ? 1 : 4;
}
