/** From what was typed to what a job is. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { GodwitError } from "../base/errors.ts";
import type { JobSpec } from "../model/job.ts";
import type { OpenOptions } from "../ports/connector.ts";
import { sha256Of } from "../lane/evidence.ts";
import type { JobValues, PlaceValues, SyncValues } from "./job-options.ts";
import { refuseNested } from "./nested.ts";
import { placeUrl } from "./place.ts";

export interface JobRequest {
  readonly kind: JobSpec["kind"];
  readonly source: string;
  readonly target: string;
  readonly values: JobValues | SyncValues;
}

/** @throws usage, same_place, target_inside_source, evidence_missing */
export function jobSpec({ kind, source: from, target: to, values }: JobRequest): JobSpec {
  const source = placeUrl(from);
  const target = placeUrl(to);
  const deleting = "delete" in values && values.delete;
  if (kind !== "check") refuseNested({ source, target, deleting });
  const sourceEvidence = parseEvidence(values.sourceEvidence);
  const reads = sourceEvidence.type === "store" || sourceEvidence.type === "manifest";
  return {
    kind,
    source,
    target,
    include: values.include,
    exclude: values.exclude,
    filesFrom: values.filesFrom === null ? null : listFile(values.filesFrom),
    compare: values.compare ?? (kind === "sync" ? "mtime" : "content"),
    links: values.links,
    durability: values.durability,
    verify: values.verify,
    sourceEvidence,
    fileDigest: values.fileDigest,
    reconcile: values.reconcile,
    delete: deleting,
    maxDelete: deleting ? values.maxDelete : null,
    chunkBytes: values.chunkSize,
    s3: {
      endpoint: values.s3Endpoint,
      region: values.s3Region,
      pathStyle: values.s3PathStyle,
      profile: values.s3Profile,
    },
    traits: {
      kind,
      prehash: sourceEvidence.type === "prehash",
      reconcile: values.reconcile,
      wholeDigest: values.fileDigest || reads,
      publishFirst: target.startsWith("s3:"),
    },
  };
}

export function openOptions(jobId: string, spec: JobSpec): OpenOptions {
  return {
    jobId,
    links: spec.links,
    durability: spec.durability,
    verify: spec.verify,
    include: spec.include,
    exclude: spec.exclude,
    filesFrom: spec.filesFrom?.path ?? null,
    storeChecksums: spec.sourceEvidence.type === "store",
    s3: spec.s3,
    seals: !spec.source.startsWith("s3:"),
  };
}

/** For commands on a place that belong to no job. */
export function placeOpenOptions({ s3Endpoint, s3Region, s3PathStyle, s3Profile }: PlaceValues): OpenOptions {
  return {
    jobId: "",
    links: "preserve",
    durability: "fsync",
    verify: "readback",
    include: [],
    exclude: [],
    filesFrom: null,
    storeChecksums: false,
    s3: { endpoint: s3Endpoint, region: s3Region, pathStyle: s3PathStyle, profile: s3Profile },
  };
}

function parseEvidence(typed: string): JobSpec["sourceEvidence"] {
  if (typed === "none" || typed === "store" || typed === "prehash") return { type: typed };
  return { type: "manifest", ...listFile(typed) };
}

/** A job's own list of files or of checksums must still be what it was. @throws job_options_differ */
export function refuseOtherLists(spec: JobSpec): void {
  const lists = [spec.filesFrom, spec.sourceEvidence.type === "manifest" ? spec.sourceEvidence : null];
  const other = lists.find((list) => list !== null && listFile(list.path).sha256 !== list.sha256);
  if (other === undefined || other === null) return;
  throw new GodwitError("job_options_differ", {
    disposition: "fatal",
    what: `${other.path} is not what it was when the job began`,
    hint: "Restore it to resume the job, or start another one with --new.",
  });
}

function listFile(typed: string): { path: string; sha256: string } {
  const path = resolve(typed);
  try {
    return { path, sha256: sha256Of(readFileSync(path)) };
  } catch (cause) {
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `${path} cannot be read`,
      hint: "Name a file that is there and readable.",
      cause,
    });
  }
}
