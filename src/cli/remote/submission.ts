/** From what was typed to what a server is asked: the same words, under the names of the API. */
import type { z } from "zod";
import type { submitBody } from "../../api/routes/submit.ts";
import { gigabytesPerHourOf } from "../../api/units.ts";
import { GodwitError } from "../../base/errors.ts";
import type { JobSpec } from "../../model/job.ts";
import { placeUrl } from "../../model/place.ts";
import type { JobValues, SyncValues } from "../job-options.ts";
import type { Migration } from "./migration.ts";

export type NewMigration = z.input<typeof submitBody>;
type Evidence = NonNullable<NewMigration["source_evidence"]>;

/** What may change while a job runs, as far as it was typed. */
export type Terms = Partial<Pick<NewMigration, "throughput_limit_gb_per_hour" | "max_parallel_workers" | "priority">>;

export interface Typed {
  readonly kind: JobSpec["kind"];
  readonly source: string;
  readonly target: string;
  readonly values: (JobValues | SyncValues) & TypedTerms;
}

export interface TypedTerms {
  readonly limit: number | null;
  readonly workers: number | null;
  readonly priority: "low" | "normal" | "high" | null;
}

/** @throws usage */
export function submissionOf({ kind, source, target, values }: Typed): NewMigration {
  const deletes = "delete" in values && values.delete;
  return {
    kind,
    source_path: placeThere(source),
    target_path: placeThere(target),
    ...termsOf(values),
    include: [...values.include],
    exclude: [...values.exclude],
    compare: values.compare,
    links: values.links,
    durability: values.durability,
    verify: values.verify,
    source_evidence: evidenceOf(values.sourceEvidence),
    file_digest: values.fileDigest,
    reconcile: values.reconcile,
    ...(deletes && { delete: true, max_delete: values.maxDelete }),
    chunk_bytes: values.chunkSize,
    s3: {
      endpoint: values.s3Endpoint,
      region: values.s3Region,
      path_style: values.s3PathStyle,
      profile: values.s3Profile,
    },
    on_unfinished: values.new ? "refuse" : "attach",
  };
}

export function termsOf({ limit, workers, priority }: TypedTerms): Terms {
  return {
    ...(limit !== null && { throughput_limit_gb_per_hour: gigabytesPerHourOf(limit) }),
    ...(workers !== null && { max_parallel_workers: workers }),
    ...(priority !== null && { priority }),
  };
}

/** Of what was typed, what the job does not have yet. */
export function changesOf(wanted: Terms, told: Migration): Terms {
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => told[name as keyof Terms] !== value),
  ) as Terms;
}

/** Paths are those of the workers: what this machine's working directory is says nothing about them. */
function placeThere(typed: string): string {
  if (/^(?:\/|file:\/|s3:\/\/)/i.test(typed)) return placeUrl(typed);
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: `${typed} is no place for a server: it is opened by workers, on their machines`,
    hint: "Give an absolute path as the workers see it, or a file: or s3: URL.",
  });
}

function evidenceOf(typed: string): Evidence {
  if (typed === "none" || typed === "store" || typed === "prehash") return typed;
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: `--source-evidence <what>: a list of checksums has no meaning with a server`,
    hint: "Its workers would have to read that file: give none, store or prehash.",
  });
}
