/** The program: reads the command line, runs one command, and says how it went by its exit code. */
import { CommanderError } from "commander";
import { type GodwitError, toGodwitError } from "../base/errors.ts";
import { answerError } from "./answer.ts";
import { buildProgram } from "./program.ts";
import { processSurroundings, type Surroundings } from "./surroundings.ts";
import { tellError } from "./tell-error.ts";

/**
 * 2 usage or configuration, 3 resumable, 4 failed; 0 and 1 are a command's own words. Only where no job ran: the end of
 * one says its exit code itself, whatever stopped it.
 */
const usageCodes = new Set<string>([
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
  "role_insufficient",
  "place_forbidden",
  "idempotency_conflict",
  "job_exists",
  "source_unlimited",
  "server_untrusted",
  "server_unknown",
  "server_version",
]);
/** The same command again goes on where this one was. */
const resumableCodes = new Set<string>(["interrupted", "disk_full", "server_unreachable", "server_busy", "store_busy"]);
const findingCodes = new Set<string>(["report_altered", "report_signer", "report_invalid"]);

/** @returns the exit code */
export async function main(argv: readonly string[], bring: Partial<Surroundings> = {}): Promise<number> {
  let exitCode = 0;
  const surroundings: Surroundings = { ...processSurroundings((code) => (exitCode = code)), ...bring };
  // A reader that went away (`| head`) ends the command; without a listener the event would end the process. The listener
  // is never taken off, since a write may fail after `main` has returned.
  if (!surroundings.stdout.listeners("error").includes(ignore)) surroundings.stdout.on("error", ignore);
  try {
    await buildProgram(surroundings).parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (cause) {
    // The help or the version was asked for, and is written.
    if (cause instanceof CommanderError) return 0;
    if (isReaderGone(cause)) return 0;
    const error = toGodwitError(cause);
    const code = exitCodeOfError(error);
    tellError(error, surroundings.stderr);
    if (argv.includes("--json")) answerError(surroundings, error, code);
    return code;
  }
}

function ignore(): void {
  // Whoever writes next learns of it.
}

function isReaderGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}

function exitCodeOfError(error: GodwitError): number {
  if (usageCodes.has(error.code)) return 2;
  if (resumableCodes.has(error.code)) return 3;
  return findingCodes.has(error.code) ? 1 : 4;
}
