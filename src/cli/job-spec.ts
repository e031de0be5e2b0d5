/** From what was typed to what a job is. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { GodwitError } from "../base/errors.ts";
import type { JobSpec } from "../model/job.ts";
import { databaseObjection } from "../model/database-wishes.ts";
import { type JobWishes, specOf } from "../model/job-spec.ts";
import type { OpenOptions } from "../ports/connector.ts";
import { type GivenList, identify, refuseOtherList } from "../lane/lists.ts";
import { parseManifest } from "../lane/manifest.ts";
import type { JobValues, PlaceValues, SyncValues } from "./job-options.ts";
import { refuseNested } from "../coordinator/nested.ts";
import { isDatabase, placeUrl } from "../model/place.ts";

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
  const sourceEvidence = parseEvidence(values.sourceEvidence, source);
  const wishes: JobWishes = {
    kind,
    source,
    target,
    include: values.include,
    exclude: values.exclude,
    filesFrom: values.filesFrom === null ? null : listFile(values.filesFrom),
    compare: values.compare,
    links: values.links,
    durability: values.durability,
    verify: values.verify,
    sourceEvidence,
    fileDigest: values.fileDigest,
    reconcile: values.reconcile ?? false,
    delete: deleting,
    maxDelete: deleting ? values.maxDelete : null,
    chunkBytes: values.chunkSize,
    s3: {
      endpoint: values.s3Endpoint,
      region: values.s3Region,
      pathStyle: values.s3PathStyle,
      profile: values.s3Profile,
    },
  };
  refuseForDatabases(wishes, values);
  return specOf(wishes);
}

/** What has no meaning for rows, or is not there for them yet: refused with its name. @throws usage */
function refuseForDatabases(wishes: JobWishes, { dryRun }: Pick<JobValues, "dryRun">): void {
  if (dryRun && isDatabase(wishes.source))
    throw usage("--dry-run says nothing about databases", "Leave out --dry-run.");
  const objection = databaseObjection(wishes);
  if (objection === null) return;
  const { wish, what, hint } = objection;
  const isOption = wish !== "kind" && wish !== "target";
  throw usage(isOption ? `--${kebabCase(wish)} ${what}` : what, hint);
}

function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
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
    s3: spec.s3,
    seals: !spec.source.startsWith("s3:"),
    momentOfEach: spec.kind === "check",
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
    s3: { endpoint: s3Endpoint, region: s3Region, pathStyle: s3PathStyle, profile: s3Profile },
  };
}

function parseEvidence(typed: string, source: string): JobSpec["sourceEvidence"] {
  if (typed === "store" && !source.startsWith("s3:")) {
    throw new GodwitError("evidence_missing", {
      disposition: "fatal",
      what: `a directory keeps no checksums to compare with: ${source}`,
      hint: "Give a list of sha256sum to --source-evidence, or use --source-evidence prehash.",
    });
  }
  if (typed === "none" || typed === "store" || typed === "prehash") return { type: typed };
  const path = resolve(typed);
  const bytes = readList(path);
  // Each lane reads it when the job runs; what is wrong with it is said before a job begins.
  parseManifest(bytes, path);
  return { type: "manifest", ...identify(path, bytes) };
}

/** A job's own list of files or of checksums must still be what it was. @throws job_options_differ */
export function refuseOtherLists(spec: JobSpec): void {
  for (const list of [spec.filesFrom, spec.sourceEvidence.type === "manifest" ? spec.sourceEvidence : null]) {
    if (list !== null) refuseOtherList(list, readList(list.path));
  }
}

function listFile(typed: string): GivenList {
  const path = resolve(typed);
  return identify(path, readList(path));
}

function readList(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `${path} cannot be read`,
      hint: "Name a file that is there and readable.",
      cause,
    });
  }
}

function usage(what: string, hint: string): GodwitError {
  return new GodwitError("usage", { disposition: "fatal", what, hint });
}
