/** `copy`, `sync` and `check`: one job from the command line. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { must } from "../../base/assert.ts";
import { visible } from "../../base/visible.ts";
import { connectorFor } from "../../lane/connectors.ts";
import { GodwitError, toGodwitError } from "../../base/errors.ts";
import type { Job, JobSpec } from "../../model/job.ts";
import type { Store } from "../../ports/store.ts";
import type { Surroundings } from "../surroundings.ts";
import { traced } from "../tracing.ts";
import { answer } from "../answer.ts";
import { addCommand, type Example } from "../command.ts";
import { discardStaged, mayHaveLeft } from "../discard.ts";
import { Display } from "../display.ts";
import { findOrCreateJob } from "../find-job.ts";
import {
  chosenOptions,
  generalOptions,
  jobOptions,
  type JobValues,
  parseOptions,
  placeOptions,
  syncJobOptions,
  type SyncValues,
  transferOptions,
  type Values,
} from "../job-options.ts";
import { jobSpec } from "../job-spec.ts";
import { differencesOf, storedExceptions, tellExceptions } from "../exceptions.ts";
import { exitCodeOf, isClean, jobJson, jobText } from "../outcome.ts";
import { refuseReport, writeJobReport } from "../report-file.ts";
import { runJob } from "../run-job.ts";
import { refuseManyLanes } from "../lanes.ts";
import { serverJobOptions, serverOf } from "../server-options.ts";
import { openStateOf, stateDirectory } from "../state.ts";
import { tellDryRun } from "../tell-dry-run.ts";
import { tellError } from "../tell-error.ts";

const examples: Readonly<Record<JobSpec["kind"], readonly Example[]>> = {
  copy: [
    { line: "godwit copy /srv/share /mnt/new", says: "a directory, proven by read-back" },
    { line: "godwit copy /srv/share s3://bucket/share", says: "to a bucket; endpoint and keys as for the AWS CLI" },
    { line: "godwit copy s3://bucket/share /srv/share --limit 50MB/s" },
    { line: "godwit copy postgres://me@old/shop postgres://me@new/shop", says: "a whole database" },
    { line: "godwit copy /srv/share /mnt/new --dry-run", says: "what would happen, and what cannot be carried" },
    { line: "godwit copy /srv/share s3://bucket/share --server https://godwit.example.org", says: "by a fleet" },
  ],
  sync: [
    { line: "godwit sync /srv/share /mnt/new", says: "a later pass before the cutover" },
    { line: "godwit sync /srv/share /mnt/new --delete --max-delete 100" },
  ],
  check: [
    { line: "godwit check /srv/share /mnt/new", says: "by content; exit 1 when they differ" },
    { line: "godwit check /srv/share s3://bucket/share --json" },
    { line: "godwit check postgres://a/shop postgres://b/shop", says: "two databases: tables, columns and rows" },
  ],
};

const summaries: Readonly<Record<JobSpec["kind"], string>> = {
  copy: "copy a tree and prove that all of it arrived",
  sync: "bring the target up to date: what changed since the last pass, by size and time",
  check: "compare two trees or databases by content; writes nothing",
};

const descriptions: Readonly<Record<JobSpec["kind"], string>> = {
  copy: "Copies a tree and proves that all of it arrived. The same command again resumes an unfinished job. What is already there is compared by content.",
  sync: "Brings the target up to date. What is already there is compared by size and modification time, unless --compare content is given.",
  check:
    "Compares two trees or two databases by content, whoever copied them, and names what is missing, extra or different; of tables, the rows too. Writes nothing to either.",
};

const copyOptions = { ...transferOptions, ...serverJobOptions };
const syncOptions = { ...syncJobOptions, ...serverJobOptions };

/** What `check` can be told: it writes nothing, so nothing about writing. */
const checkOptions = {
  ...chosenOptions(jobOptions, [
    "include",
    "exclude",
    "filesFrom",
    "workers",
    "limit",
    "chunkSize",
    "links",
    "report",
    "new",
    "dryRun",
  ]),
  ...placeOptions,
  ...generalOptions,
  ...serverJobOptions,
};

/** What needs this machine: its files, its state. */
const notOnServers = ["state", "filesFrom", "dryRun"];

export function addTransferCommand(program: Command, kind: JobSpec["kind"], surroundings: Surroundings): void {
  const [first, second] = kind === "check" ? ["a", "b"] : ["source", "target"];
  const command = {
    name: kind,
    summary: summaries[kind],
    description: descriptions[kind],
    arguments: [
      { name: first, help: "a path or URL" },
      { name: second, help: "a path or URL" },
    ],
    examples: examples[kind],
  };
  const run = async (
    [source = "", target = ""]: readonly string[],
    values: (JobValues | SyncValues) & Values<typeof serverJobOptions>,
  ): Promise<number> => {
    const typed = { specs: syncOptions, values, here: notOnServers, there: ["detach", "priority"] };
    const server = serverOf(typed);
    if (server !== null) {
      refuseReport(values);
      const { transferOnServer } = await import("../remote/transfer.ts");
      return transferOnServer(server, { kind, source, target, values }, surroundings);
    }
    refuseManyLanes(values);
    const spec = jobSpec({ kind, source, target, values });
    await refuseBadList(spec);
    if (kind !== "check") await tellWithoutXattrs(spec, surroundings);
    if (!values.dryRun) return runTransfer(spec, values, surroundings);
    refuseReport(values);
    return tellDryRun(spec, values.json, surroundings);
  };
  if (kind === "copy") addCommand(program, { ...command, options: copyOptions, run }, surroundings);
  if (kind === "sync") addCommand(program, { ...command, options: syncOptions, run }, surroundings);
  if (kind === "check") {
    const all = parseOptions(transferOptions, {});
    addCommand(
      program,
      { ...command, options: checkOptions, run: (args, values) => run(args, { ...all, ...values }) },
      surroundings,
    );
  }
}

/** Lanes read the list when the job runs; what is wrong with it is said before there is one. @throws config_invalid */
async function refuseBadList({ source, filesFrom }: JobSpec): Promise<void> {
  if (filesFrom !== null) (await connectorFor(source)).checkList?.(filesFrom.path);
}

/** Attributes that cannot be read are not missed later: no entry is reported for them. So it is said once, here. */
async function tellWithoutXattrs({ source }: JobSpec, { stderr }: Pick<Surroundings, "stderr">): Promise<void> {
  if (!source.startsWith("file:")) return;
  const { xattrsSupported } = await import("../../connectors/fs/xattrs.ts");
  if (!xattrsSupported)
    stderr.write(
      "extended attributes, and ACLs with them, are not copied: the optional package koffi does not run here; `npm ci` installs it\n",
    );
}

async function runTransfer(spec: JobSpec, values: JobValues | SyncValues, surroundings: Surroundings): Promise<number> {
  await using store = await openStateOf(values, surroundings);
  // Only now: the report may lie in the state directory, which was made when the store was opened.
  refuseReport({ report: values.report });
  const { job, resumed } = await findOrCreateJob(store, spec, values.new);
  if (resumed && !values.json) surroundings.stderr.write(`resuming ${job.id}\n`);
  try {
    return await runToEnd({ store, job, values, surroundings });
  } catch (error) {
    if (!resumed) await forgetUnlessBegun(store, job);
    throw error;
  }
}

/** A place that could not be opened: nothing was listed or written, so that there is nothing to resume. */
async function forgetUnlessBegun(store: Store, { id }: Job): Promise<void> {
  const job = await store.job(id);
  if (job?.runs === 0 && (await store.stopIdle(id, "cancelled"))) await store.removeJob(id);
}

export interface RunToEnd {
  readonly store: Store;
  readonly job: Job;
  readonly values: Pick<JobValues, "workers" | "limit" | "json" | "plain" | "report" | "state">;
  readonly surroundings: Surroundings;
}

/** Runs the job in this process, and tells how it ended. */
export async function runToEnd({ store, job, values, surroundings }: RunToEnd): Promise<number> {
  const { stdout, stderr } = surroundings;
  const startedMs = performance.now();
  using display = new Display({
    output: stderr,
    live: stderr.isTTY && !values.plain,
    quiet: values.json,
    limitBytesPerSecond: values.limit,
  });
  using interrupt = surroundings.onInterrupt();
  await using traces = await traced(store, (message) => void stderr.write(`godwit: ${visible(message)}\n`));
  const end = await runJob({
    store: traces.store,
    job,
    lanes: values.workers,
    limitBytesPerSecond: values.limit,
    observer: display,
    signal: interrupt.signal,
  });
  display[Symbol.dispose]();
  if (end.status === "complete" && mayHaveLeft(end))
    await discardAfter({ store, job: end, surroundings }, interrupt.signal);
  if (!isClean(end)) await tellExceptions(end, storedExceptions(store, end.id), stderr);
  if (!values.json) stdout.write(`${jobText(end, performance.now() - startedMs)}\n`);
  const report = values.report === null ? null : await writeReportAfter({ store, job: end, values });
  const reportFailure = report instanceof GodwitError ? report : null;
  if (values.json)
    answer(surroundings, {
      ...jobJson(end, null, reportFailure),
      ...(await differencesOf(end, storedExceptions(store, end.id))),
    });
  else stdout.write(`${typeof report === "string" ? report : whereText(end, values.state)}\n`);
  if (end.failure !== null) tellError(end.failure, stderr);
  if (reportFailure !== null) tellError(reportFailure, stderr);
  return exitCodeOf(end, reportFailure);
}

/** The job has its end, and keeps it: what cannot be removed now is named, and `jobs --prune` tries again. */
async function discardAfter(
  { store, job, surroundings }: Pick<RunToEnd, "store" | "job" | "surroundings">,
  signal: AbortSignal,
): Promise<void> {
  try {
    await discardStaged(store, job, signal);
  } catch (error) {
    const { code, what } = toGodwitError(error);
    const hint = "jobs --prune tries it again";
    surroundings.stderr.write(`what failed entries had staged cannot be removed now: ${code}: ${what} (${hint})\n`);
  }
}

/** @returns what is to be said of it, or why it could not be written: the job has its end either way */
async function writeReportAfter({
  store,
  job,
  values,
}: Pick<RunToEnd, "store" | "job" | "values">): Promise<string | GodwitError> {
  const file = resolve(must(values.report, "asked for"));
  try {
    const { body, signature } = await writeJobReport({
      store,
      job,
      file,
      stateDirectory: stateDirectory(values.state),
    });
    return `  report ${visible(file)}: ${body.overall_status}, signed by ${signature.key_id}`;
  } catch (error) {
    return toGodwitError(error);
  }
}

function whereText(job: Job, state: string | null): string {
  const option = state === null ? "" : ` --state ${state}`;
  return `  report: godwit report ${job.id}${visible(option)}\n  state: ${visible(resolve(stateDirectory(state)))}`;
}
