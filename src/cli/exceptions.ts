/** The entries that did not end well, told on stderr as any other error: the first of them, and how many more there are. */
import { visible } from "../base/visible.ts";
import { isProven, type Outcome, outcomes } from "../model/entry.ts";
import type { Job } from "../model/job.ts";
import { displayPath, rootPath } from "../model/path.ts";
import type { ExceptionRecord, Store } from "../ports/store.ts";
import { exceptionsOf } from "./outcome.ts";

const shownMax = 10;

export async function tellExceptions(store: Store, job: Job, stderr: { write(text: string): unknown }): Promise<void> {
  const total = exceptionsOf(job);
  const hints = new Set<string>();
  const paths = new Set<string>();
  for await (const { path, outcome, error } of store.exceptions(job.id)) {
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
    stderr.write(`godwit: and ${total - paths.size} more: godwit report ${job.id} names them all\n`);
}

function exceptionText({ path, outcome, error }: Pick<ExceptionRecord, "path" | "outcome" | "error">): string {
  return visible(
    error === null
      ? `${outcome}: ${path === rootPath ? "." : displayPath(path)}`
      : `${error.code}: ${outcome}: ${error.what}`,
  );
}

function isBad(outcome: string): boolean {
  return (outcomes as readonly string[]).includes(outcome) && !isProven(outcome as Outcome);
}
