import type { JobSpec } from "./job.ts";
import { isDatabase } from "./place.ts";

/** What somebody asks for, with the places as canonical URLs. What is null takes what is usual for its kind of job. */
export interface JobWishes extends Omit<JobSpec, "compare" | "traits"> {
  readonly compare: JobSpec["compare"] | null;
}

/** A copy of which nothing else is asked. */
export function plainCopy(source: string, target: string, chunkBytes: number): JobWishes {
  return {
    kind: "copy",
    source,
    target,
    include: [],
    exclude: [],
    filesFrom: null,
    compare: null,
    links: "preserve",
    durability: "fsync",
    verify: "readback",
    sourceEvidence: { type: "none" },
    fileDigest: false,
    reconcile: false,
    delete: false,
    maxDelete: null,
    chunkBytes,
    s3: { endpoint: null, region: null, pathStyle: false, profile: null },
  };
}

/** With what follows from the rest: how a sync compares, and the traits that decide the way of a row. */
export function specOf(wishes: JobWishes): JobSpec {
  const { kind, sourceEvidence, reconcile, fileDigest, target } = wishes;
  const reads = sourceEvidence.type === "store" || sourceEvidence.type === "manifest";
  return {
    ...wishes,
    compare: wishes.compare ?? (kind === "sync" ? "mtime" : "content"),
    maxDelete: wishes.delete ? wishes.maxDelete : null,
    traits: {
      kind,
      prehash: sourceEvidence.type === "prehash",
      reconcile,
      wholeDigest: fileDigest || reads,
      publishFirst: target.startsWith("s3:") || isDatabase(target),
    },
  };
}

/** What was asked for in another way, by the names of the specification; what follows from the rest is not among it. */
export function differingOptions(had: JobSpec, wanted: JobSpec): readonly string[] {
  const names = Object.keys(wanted) as (keyof JobSpec)[];
  return names.filter((name) => name !== "traits" && JSON.stringify(had[name]) !== JSON.stringify(wanted[name]));
}
