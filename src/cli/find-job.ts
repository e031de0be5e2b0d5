import { GodwitError } from "../base/errors.ts";
import type { Job, JobSpec } from "../model/job.ts";
import { differingOptions } from "../model/job-spec.ts";
import type { Store } from "../ports/store.ts";

/** A job that the same command resumes: everything but what ended well or was given up by its owner. */
export function isResumable(job: Job): boolean {
  return job.status !== "complete" && job.status !== "cancelled";
}

/**
 * The unfinished job of the same places, or a new one.
 * @throws job_locked when another process runs it
 * @throws job_options_differ when there is one that was started with other options
 */
export async function findOrCreateJob(
  store: Store,
  spec: JobSpec,
  startNew: boolean,
): Promise<{ job: Job; resumed: boolean }> {
  const unfinished = (await store.jobs()).filter((job) => isResumable(job) && samePlaces(job.spec, spec));
  // Also with --new: two jobs that write the same names at once would prove each other's bytes.
  for (const job of unfinished) await refuseLed(store, job);
  const [job] = startNew ? [] : unfinished;
  if (job !== undefined) {
    refuseOtherOptions(job, spec);
    return { job: await withoutWish(store, job), resumed: true };
  }
  return { job: await store.createJob(spec), resumed: false };
}

/** Says so before anything is opened; the Store itself refuses a second leader. @throws job_locked */
export async function refuseLed(store: Store, { id }: Job): Promise<void> {
  const leader = await store.leader(id);
  if (leader === null) return;
  throw new GodwitError("job_locked", {
    disposition: "rejected",
    what: `job ${id} is being run by another process (${leader})`,
    hint: "Wait for it, or stop it with `godwit pause`; `godwit status` shows how far it is.",
  });
}

/** A wish that its job's last process did not live to obey would stop the next one at once. */
export async function withoutWish(store: Store, job: Job): Promise<Job> {
  if (job.wish === null) return job;
  await store.wish(job.id, null);
  return { ...job, wish: null };
}

/** @throws job_unknown, job_ambiguous */
export async function jobByName(store: Store, name: string): Promise<Job> {
  const jobs = await store.jobs();
  const exact = jobs.find((job) => job.id === name);
  if (exact !== undefined) return exact;
  const matching = jobs.filter((job) => job.id.startsWith(name));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  throw new GodwitError(only === undefined ? "job_unknown" : "job_ambiguous", {
    disposition: "fatal",
    what: only === undefined ? `no job is called ${name}` : `${matching.length} jobs begin with ${name}`,
    hint: "`godwit jobs` lists them; another state directory is named with --state.",
  });
}

function samePlaces(a: JobSpec, b: JobSpec): boolean {
  return a.kind === b.kind && a.source === b.source && a.target === b.target && a.s3.endpoint === b.s3.endpoint;
}

function refuseOtherOptions(job: Job, wanted: JobSpec): void {
  const differing = differingOptions(job.spec, wanted).map(flagOf);
  if (differing.length === 0) return;
  throw new GodwitError("job_options_differ", {
    disposition: "fatal",
    what: `the unfinished job ${job.id} was started with other options (${differing.join(", ")})`,
    hint: "Give the same options to resume it, or --new to start another job.",
  });
}

/** As it is typed: `maxDelete` is `--max-delete`. */
function flagOf(key: string): string {
  if (key === "chunkBytes") return "--chunk-size";
  if (key === "s3") return "one of --s3-endpoint, --s3-region, --s3-path-style and --s3-profile";
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
