import type { JobWishes } from "./job-spec.ts";
import { isDatabase } from "./place.ts";

/** What a job on databases cannot be asked for: the wish that is in the way, and why. */
export interface DatabaseObjection {
  readonly wish: keyof JobWishes;
  readonly what: string;
  readonly hint: string;
}

/** @returns null where nothing speaks against it; files alone are none of its business */
export function databaseObjection(wishes: JobWishes): DatabaseObjection | null {
  const { kind, source, target } = wishes;
  if (!isDatabase(source) && !isDatabase(target)) return null;
  if (isDatabase(source) !== isDatabase(target)) {
    const what =
      kind === "check" ? "a database is compared with a database alone" : "a database is copied to a database alone";
    return { wish: "target", what, hint: "Name a database on both sides." };
  }
  if (kind === "sync")
    return { wish: "kind", what: "databases are not for sync", hint: "Copy it, into an empty database." };
  const given: Partial<Record<keyof JobWishes, boolean>> = {
    include: wishes.include.length > 0,
    exclude: wishes.exclude.length > 0,
    filesFrom: wishes.filesFrom !== null,
    fileDigest: wishes.fileDigest,
    sourceEvidence: wishes.sourceEvidence.type !== "none",
    verify: wishes.verify === "checksum",
  };
  for (const [wish, isGiven] of Object.entries(given) as [keyof JobWishes, boolean][])
    if (isGiven) return { wish, what: "says nothing about databases", hint: "Leave it out." };
  return null;
}
