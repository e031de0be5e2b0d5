/** The entries that did not end well, told on stderr as any other error: the first of them, and how many more there are. */
import type { ErrorRecord } from "../base/errors.ts";
import { visible } from "../base/visible.ts";
import { isProven, type Outcome, outcomes } from "../model/entry.ts";
import { isDatabase } from "../model/place.ts";
import type { JobDocument } from "./json-shapes.ts";
import { displayPath, rootPath } from "../model/path.ts";
import type { Store } from "../ports/store.ts";
import { exceptionsOf, type ToldJob, whereOption } from "./outcome.ts";

const shownMax = 10;
const differencesMax = 100;

/** One of them, as it is told. */
export interface ToldException {
  /** As people read it; empty for the root. */
  readonly path: string;
  readonly outcome: string;
  readonly error: Pick<ErrorRecord, "code" | "what" | "hint"> | null;
}

export async function* storedExceptions(store: Store, jobId: string): AsyncGenerator<ToldException> {
  for await (const { path, outcome, error } of store.exceptions(jobId))
    yield { path: path === rootPath ? "" : displayPath(path), outcome, error };
}

export async function tellExceptions(
  job: Pick<ToldJob, "id" | "counters" | "server">,
  exceptions: AsyncIterable<ToldException>,
  stderr: { write(text: string): unknown },
): Promise<void> {
  const total = exceptionsOf(job);
  const hints = new Set<string>();
  const paths = new Set<string>();
  for await (const { path, outcome, error } of exceptions) {
    // What an entry lost on the way is in the report; a second try of a path tells nothing new here.
    if (!isBad(outcome) || paths.has(path)) continue;
    if (paths.size === shownMax) break;
    paths.add(path);
    stderr.write(`godwit: ${exceptionText({ path, outcome, error })}\n`);
    if (error === null || hints.has(error.hint)) continue;
    hints.add(error.hint);
    stderr.write(`  ${visible(error.hint)}\n`);
  }
  if (total > paths.size)
    stderr.write(`godwit: and ${total - paths.size} more: godwit report ${job.id}${whereOption(job)} names them all\n`);
}

/** What a check of databases has found, for `--json`; nothing of other jobs. */
export async function differencesOf(
  { spec }: Pick<ToldJob, "spec">,
  exceptions: AsyncIterable<ToldException>,
): Promise<Pick<JobDocument, "differences">> {
  if (spec.kind !== "check" || !isDatabase(spec.source)) return {};
  const differences: NonNullable<JobDocument["differences"]> = [];
  for await (const { path, outcome, error } of exceptions) {
    if (differences.length === differencesMax) break;
    if (outcome !== "missing" && outcome !== "extra" && outcome !== "different") continue;
    const [what, rows] = error === null ? [null, []] : linesOf(error);
    differences.push({ path, outcome, what, rows: [...rows] });
  }
  return { differences };
}

function exceptionText({ path, outcome, error }: ToldException): string {
  if (error === null) return visible(`${outcome}: ${path === "" ? "." : path}`);
  const [what, rows] = linesOf(error);
  return [`${error.code}: ${outcome}: ${what}`, ...rows.map((row) => `  ${row}`)].map(visible).join("\n");
}

/** Rows of tables follow on lines of their own; all else is one line, whatever a name holds. */
function linesOf({ code, what }: Pick<ErrorRecord, "code" | "what">): readonly [what: string, rows: readonly string[]] {
  if (code !== "table_differs") return [what, []];
  const [first = "", ...rows] = what.split("\n");
  return [first, rows];
}

function isBad(outcome: string): boolean {
  return (outcomes as readonly string[]).includes(outcome) && !isProven(outcome as Outcome);
}
