/** The program: reads the command line, runs one command, and says how it went by its exit code. */
import { CommanderError } from "commander";
import { toGodwitError } from "../base/errors.ts";
import { answerError } from "./answer.ts";
import { exitCodeOfError } from "./exit-code.ts";
import { buildProgram } from "./program.ts";
import { processSurroundings, type Surroundings } from "./surroundings.ts";
import { tellError } from "./tell-error.ts";

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
    const code = exitCodeOfError(error.code);
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
