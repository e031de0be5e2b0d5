import { type ErrorCode, GodwitError } from "../../base/errors.ts";
import type { BytePath } from "../../model/path.ts";
import { named, vanished } from "../../ports/source-errors.ts";

/** The system's word for what went wrong (`ENOENT`); null for errors that are not the system's. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || error instanceof GodwitError) return null;
  return typeof error.code === "string" ? error.code : null;
}

export function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

const passing = new Set(["EIO", "EAGAIN", "EBUSY", "EMFILE", "ENFILE", "ENOMEM", "ESTALE", "ETIMEDOUT", "EINTR"]);
const denied = new Set(["EACCES", "EPERM", "EROFS"]);

export function readError(error: unknown, path: BytePath): GodwitError {
  if (error instanceof GodwitError) return error;
  const code = systemCode(error);
  if (code === null) throw error;
  if (isMissing(error)) return vanished(path, error);
  return new GodwitError("unreadable", {
    disposition: passing.has(code) ? "retry" : "rejected",
    what: `${named(path)} cannot be read (${code})`,
    hint: denied.has(code)
      ? "Run as a user who may read it, or exclude it."
      : "Look at the disk below it (dmesg), then run again.",
    cause: error,
  });
}

export function listingError(error: unknown, path: BytePath): GodwitError {
  if (error instanceof GodwitError) return error;
  const code = systemCode(error);
  if (code === null) throw error;
  return new GodwitError("listing_failed", {
    disposition: passing.has(code) ? "retry" : "fatal",
    what: `directory ${named(path)} cannot be listed (${code})`,
    hint: "A job never takes an unreadable directory for an empty one. Make it readable, or exclude it.",
    cause: error,
  });
}

/** What a failed call on the target means. Refusals of one entry are `rejected`; what stops all is `fatal`. */
export function writeError(error: unknown, path: BytePath): GodwitError {
  if (error instanceof GodwitError) return error;
  const code = systemCode(error);
  if (code === null) throw error;
  const details = (what: string, hint: string) => ({ what: `${named(path)}: ${what} (${code})`, hint, cause: error });
  if (code === "ENOSPC" || code === "EDQUOT") {
    const hint = "Make room on the target, then run the same command again: it goes on where it stopped.";
    return new GodwitError("disk_full", { disposition: "fatal", ...details("the target has no space left", hint) });
  }
  if (code === "EROFS") {
    const hint = "Mount the target read-write, then run the same command again.";
    return new GodwitError("target_unwritable", { disposition: "fatal", ...details("the target is read-only", hint) });
  }
  if (denied.has(code)) {
    const hint = "Run as a user who may write there, or change the directory's permissions.";
    return new GodwitError("target_unwritable", {
      disposition: "rejected",
      ...details("the target refuses the write", hint),
    });
  }
  if (code === "ENAMETOOLONG" || code === "EILSEQ" || code === "EINVAL") {
    const hint = "The target's file system cannot hold this name. Rename it, or exclude it.";
    return new GodwitError("name_unsupported", {
      disposition: "rejected",
      ...details("name not possible on the target", hint),
    });
  }
  if (code === "EFBIG") {
    const hint = "The target's file system, or a limit of this user, holds no file of this size.";
    return new GodwitError("too_large", { disposition: "rejected", ...details("file too large for the target", hint) });
  }
  if (code === "EISDIR" || code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR")
    return conflict(path, error);
  const hint = "It is tried again. If it stays, look at the target's disk (dmesg).";
  return new GodwitError("target_unwritable", { disposition: "retry", ...details("the write failed", hint) });
}

export function conflict(path: BytePath, cause?: unknown): GodwitError {
  return new GodwitError("target_conflict", {
    disposition: "rejected",
    what: `${named(path)}: an entry of another kind is in its place on the target`,
    hint: "Godwit replaces files by files, never a directory by a file or a file by a directory. Move it away, or use sync --delete.",
    cause,
  });
}

export function escape(path: BytePath, why: string): GodwitError {
  return new GodwitError("target_escape", {
    disposition: "rejected",
    what: `${named(path)}: ${why}`,
    hint: "Nothing is written outside the target. Replace the link on the target by a directory, or rename the entry.",
  });
}

export function stagingGone(path: BytePath): GodwitError {
  return new GodwitError("upload_vanished", {
    disposition: "retry",
    what: `the partial file of ${named(path)} is gone from the target, or another one has its name`,
    hint: "Something removed or replaced it (a sweep, a person, a worker that woke late). The entry is staged again.",
  });
}

/** For errors of one entry that let the rest of a chunk go on; everything else stops the chunk. */
export function isRefusal(error: GodwitError): boolean {
  return error.disposition === "rejected";
}

export function rootError(code: ErrorCode, what: string, hint: string): GodwitError {
  return new GodwitError(code, { disposition: "fatal", what, hint });
}

/** A root that is not there: mistyped, or not mounted. */
export function rootMissing(code: "source_missing" | "target_missing", location: string): GodwitError {
  return rootError(code, `${location} does not exist`, "Check the path, and that it is mounted.");
}
