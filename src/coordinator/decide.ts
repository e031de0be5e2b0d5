import type { ErrorRecord } from "../base/errors.ts";
import { type Entry, sameTime } from "../model/entry.ts";
import type { JobSpec } from "../model/job.ts";
import type { Acceptance } from "../ports/target.ts";
import type { Decision } from "./cut.ts";

/** What a plan does with one listed entry, given what stands under the same name on the target (null: nothing). */
export function decide(spec: JobSpec, entry: Entry, there: Entry | null, acceptance: Acceptance): Decision {
  if (!acceptance.ok) return settle(entry, "unsupported", acceptance.error);
  const { losses } = acceptance;
  const wanted = asKind(entry, acceptance.as);
  if (there === null || there.kind !== wanted.kind) return { type: "move", entry: wanted, compare: false, losses };
  if (wanted.kind === "symlink") {
    if (there.link === wanted.link) return settle(wanted, "identical", null);
    return { type: "move", entry: wanted, compare: false, losses };
  }
  if (wanted.kind !== "file" || there.sizeBytes !== wanted.sizeBytes)
    return { type: "move", entry: wanted, compare: false, losses };
  if (spec.compare === "content") return { type: "move", entry: wanted, compare: true, losses };
  if (sameTime(wanted, there)) return settle(wanted, "unchanged", null);
  return { type: "move", entry: wanted, compare: false, losses };
}

/** True when times alone could settle the entry, but the listing of the target does not hold the time that was kept. */
export function needsTime(spec: JobSpec, entry: Entry, there: Entry | null): there is Entry {
  if (spec.kind === "check" || spec.compare !== "mtime" || there === null) return false;
  if (entry.kind !== "file" || there.kind !== "file" || there.sizeBytes !== entry.sizeBytes) return false;
  return lacksTime(entry) || lacksTime(there);
}

/** A listing of a store does not hold what was kept with the object. */
export function lacksTime(entry: Entry): boolean {
  return entry.attributes === null && entry.version.kind === "object";
}

/** A link that stays one has no bytes of its own; one that becomes a file has its file's. */
function asKind(entry: Entry, kind: Entry["kind"]): Entry {
  if (kind === "hardlink") return { ...entry, sizeBytes: 0 };
  return kind === entry.kind ? entry : { ...entry, kind, link: null };
}

/**
 * What `check` does with one listed entry.
 * @param judgesDirectories false where one side has no directories of its own, so that their absence says nothing
 */
export function decideCheck(entry: Entry, there: Entry | null, judgesDirectories: boolean): Decision {
  if (entry.kind === "directory" && there === null && !judgesDirectories) return settle(entry, "filtered", null);
  if (there === null) return settle(entry, "missing", null);
  if (there.kind === "directory" || entry.kind === "directory") {
    return settle(entry, there.kind === entry.kind ? "identical" : "different", null);
  }
  if (entry.kind === "symlink" || there.kind === "symlink") {
    return settle(entry, there.kind === entry.kind && there.link === entry.link ? "identical" : "different", null);
  }
  if (entry.kind === "table" || there.kind === "table") {
    // Their sizes are the room that they take, which says nothing of their rows.
    if (entry.kind !== there.kind) return settle(entry, "different", null);
    return { type: "move", entry, compare: true, losses: [] };
  }
  // A hard link is one more name of a file: what counts is what stands under the name.
  if (entry.sizeBytes !== there.sizeBytes) return settle(entry, "different", null);
  return { type: "move", entry: asKind(entry, "file"), compare: true, losses: [] };
}

export function settle(
  entry: Entry,
  outcome: "filtered" | "unsupported" | "identical" | "unchanged" | "missing" | "extra" | "different",
  error: ErrorRecord | null,
): Decision {
  const evidence = outcome === "unchanged" ? "size_and_mtime" : outcome === "identical" ? "second_read" : "none";
  return { type: "settle", entry, ending: { outcome, evidence, error } };
}
