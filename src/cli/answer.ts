/** What goes to stdout with `--json`: exactly one document, also when the command ends in an error. */
import type { GodwitError } from "../base/errors.ts";
import type { ErrorDocument } from "./json-shapes.ts";
import type { Surroundings } from "./surroundings.ts";

const answered = new WeakSet<Surroundings>();

export function answer(surroundings: Surroundings, document: unknown): void {
  markAnswered(surroundings);
  surroundings.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** For documents that are streamed. */
export function markAnswered(surroundings: Surroundings): void {
  answered.add(surroundings);
}

/** Unless the command has said something already: then the error stands in what it said. */
export function answerError(surroundings: Surroundings, error: GodwitError, exitCode: number): void {
  if (answered.has(surroundings)) return;
  const document: ErrorDocument = { error: error.toJSON(), exit_code: exitCode };
  answer(surroundings, document);
}
