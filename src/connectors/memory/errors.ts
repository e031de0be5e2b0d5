import { type ErrorCode, GodwitError, type Disposition } from "../../base/errors.ts";
import { type BytePath, displayPath } from "../../model/path.ts";

function made(code: ErrorCode, disposition: Disposition, what: string): GodwitError {
  return new GodwitError(code, {
    disposition,
    what,
    hint: "This place is in memory: only its own process changes it.",
  });
}

export function missing(path: BytePath): GodwitError {
  return made("source_vanished", "rejected", `${displayPath(path)} is not there`);
}

export function changed(path: BytePath): GodwitError {
  return made("source_changed", "retry", `${displayPath(path)} is another version now`);
}

export function unsupportedKind(path: BytePath): GodwitError {
  return made("kind_unsupported", "rejected", `${displayPath(path)} is a pipe`);
}

export function conflict(path: BytePath): GodwitError {
  return made("target_conflict", "rejected", `${displayPath(path)}: an entry of another kind is in its place`);
}

export function notEmpty(path: BytePath): GodwitError {
  return made("target_conflict", "retry", `directory ${displayPath(path)} is not empty`);
}

export function escape(path: BytePath): GodwitError {
  return made("target_escape", "rejected", `${displayPath(path)} leads outside the target`);
}

export function badName(path: BytePath): GodwitError {
  return made("name_unsupported", "rejected", `${displayPath(path)} is no path of plain segments`);
}

export function stagingGone(path: BytePath): GodwitError {
  return made("upload_vanished", "retry", `what was staged of ${displayPath(path)} is gone`);
}

export function firstNameMissing(path: BytePath): GodwitError {
  return made("target_missing", "rejected", `the first name of the hard link ${displayPath(path)} is not there`);
}

export function firstNameOld(path: BytePath): GodwitError {
  return made("target_missing", "rejected", `the first name of the hard link ${displayPath(path)} is another version`);
}

export function notMemory(url: string): GodwitError {
  return made("config_invalid", "fatal", `${url} is no memory: URL with a name`);
}
