/** What every source says of an entry that is not what was listed. */
import { GodwitError } from "../base/errors.ts";
import { type BytePath, displayPath } from "../model/path.ts";
import type { ItemEnding } from "../model/task.ts";
import type { BrokenEnd } from "./source.ts";

export function named(path: BytePath): string {
  return path === "" ? "the root directory" : displayPath(path);
}

export function vanished(path: BytePath, cause?: unknown): GodwitError {
  return new GodwitError("source_vanished", {
    disposition: "rejected",
    what: `${named(path)} was listed, but is gone`,
    hint: "Something removed it while the job ran. Run again to make sure that nothing else is missing.",
    cause,
  });
}

/** @param how what is different: `was cut short while it was read` */
export function changed(path: BytePath, how: string): GodwitError {
  return new GodwitError("source_changed", {
    disposition: "retry",
    what: `${named(path)} ${how}`,
    hint: "It is copied again, up to 3 times; then it is reported as changed. Stop its writer, or exclude it.",
  });
}

/** The ending of an item that a source could not give whole. */
export function endingOf(item: number, end: BrokenEnd): ItemEnding {
  const now = end.outcome === "changed" ? end.now : null;
  const outcome = end.outcome === "changed" && now === null ? "vanished" : end.outcome;
  return { item, outcome, evidence: "none", error: end.error, now, again: false };
}
