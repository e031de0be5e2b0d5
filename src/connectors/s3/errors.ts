import { type ErrorCode, GodwitError } from "../../base/errors.ts";
import type { Root } from "./keys.ts";

/** Errors of one entry let the rest of a chunk go on; everything else stops the chunk. */
export function isOfEntry(error: unknown): error is GodwitError {
  return error instanceof GodwitError && (error.disposition === "rejected" || error.disposition === "corrupt");
}

/** Somebody else wrote under the name of the entry: it is looked at and tried again, and the rest goes on. */
export function isOvertaken(error: unknown): error is GodwitError {
  return error instanceof GodwitError && error.code === "condition_failed";
}

/** What was written of the entry is there no more: it is sent from its start, and the rest goes on. */
export function isGone(error: unknown): error is GodwitError {
  return error instanceof GodwitError && error.code === "upload_vanished";
}

export function objectVanished(key: string): GodwitError {
  return new GodwitError("upload_vanished", {
    disposition: "retry",
    what: `the object ${JSON.stringify(key)}, which this job had written, is gone`,
    hint: "Something removed it while the job ran. The entry is sent again from its start.",
  });
}

/** The object is another one than was pinned, or none. */
export function isOfVersion(error: unknown): error is GodwitError {
  return error instanceof GodwitError && versionCodes.has(error.code);
}
const versionCodes = new Set<ErrorCode>(["condition_failed", "source_changed", "source_vanished"]);

const ofPlace = new Set<ErrorCode>([
  "credentials_missing",
  "credentials_rejected",
  "no_such_bucket",
  "config_invalid",
  "interrupted",
  "lease_lost",
]);

/** A page that could not be had is a failure of the job: never an empty answer. */
export function listingError(error: unknown, location: string): unknown {
  if (!(error instanceof GodwitError) || error.disposition === "cancelled" || ofPlace.has(error.code)) return error;
  return new GodwitError("listing_failed", {
    disposition: error.disposition === "retry" ? "retry" : "fatal",
    what: `${location} cannot be listed (${error.what})`,
    hint: error.code === "access_denied" ? "Grant s3:ListBucket on the bucket to these credentials." : error.hint,
    cause: error,
  });
}

export function placeError(code: ErrorCode, what: string, hint: string): GodwitError {
  return new GodwitError(code, { disposition: "fatal", what, hint });
}

export function nothingThere(root: Root): GodwitError {
  return new GodwitError("source_missing", {
    disposition: "fatal",
    what: `${root.location} holds no object`,
    hint: "Check the bucket and the prefix; a prefix is matched as a whole directory name.",
  });
}
