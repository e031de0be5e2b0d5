/** SQLite's result codes (https://www.sqlite.org/rescode.html) in Godwit's words, once. */
import { GodwitError } from "../../base/errors.ts";

const codes = {
  busy: 5,
  locked: 6,
  readonly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notDatabase: 26,
} as const;

export function translate(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === null) return error;
  const text = error instanceof Error ? error.message : String(error);
  const make = (name: "disk_full" | "store_busy" | "state_unusable", what: string, hint: string): GodwitError =>
    new GodwitError(name, { disposition: name === "store_busy" ? "retry" : "fatal", what, hint, cause: error });
  switch (code) {
    case codes.full:
      return make(
        "disk_full",
        `no room for the state at ${path}`,
        "Free some space and run the same command again: it resumes.",
      );
    case codes.busy:
    case codes.locked:
      return make(
        "store_busy",
        `the state at ${path} is held by another process`,
        "Look for a Godwit that hangs. What runs already tries again by itself; what has ended is to be started again.",
      );
    case codes.readonly:
    case codes.cannotOpen:
      return make(
        "state_unusable",
        `the state at ${path} cannot be opened for writing (${text})`,
        "Check its owner and mode, or name another directory with --state.",
      );
    case codes.corrupt:
    case codes.notDatabase:
      return make(
        "state_unusable",
        `the state at ${path} is no database of Godwit, or damaged (${text})`,
        "Restore it from a backup, or name another directory with --state.",
      );
    case codes.ioError:
      return make(
        "state_unusable",
        `the disk under the state at ${path} does not read or write (${text})`,
        "Look at the disk; run the same command again: it resumes.",
      );
    default:
      return error;
  }
}

/** The primary code of a node:sqlite error; the upper bits say more than is needed. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}
