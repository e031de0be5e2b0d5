/** `jobs` and `status`: what this state directory knows, or a server. */
import type { Command } from "commander";
import { z } from "zod";
import { toGodwitError } from "../../base/errors.ts";
import { visible } from "../../base/visible.ts";
import { isFinal, type Job } from "../../model/job.ts";
import type { Store } from "../../ports/store.ts";
import { answer } from "../answer.ts";
import { addCommand } from "../command.ts";
import { discardStaged } from "../discard.ts";
import { parseDuration } from "../duration.ts";
import { jobByName } from "../find-job.ts";
import { type GeneralValues, generalOptions, option, optionOnlyWith } from "../job-options.ts";
import { columnsOf, jobDetails, jobTable, type ListedJob } from "../job-table.ts";
import type { JobsDocument } from "../json-shapes.ts";
import { jobJson } from "../outcome.ts";
import { serverOf, serverOptions } from "../server-options.ts";
import { openStateOf } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";

const { state, json } = generalOptions;
const jobsOptions = {
  prune: option(
    "--prune",
    "remove ended jobs with their reports and whatever they left staged",
    z.boolean().default(false),
  ),
  olderThan: optionOnlyWith(
    "prune",
    option(
      "--older-than <time>",
      "with --prune: only jobs that ended longer ago (default: 30d)",
      z.string().default("30d").transform(parseDuration),
    ),
  ),
  state,
  json,
  ...serverOptions,
};
const statusOptions = { state, json, ...serverOptions };

export function addJobsCommands(program: Command, surroundings: Surroundings): void {
  addCommand(
    program,
    {
      name: "jobs",
      summary: "list the jobs of this state directory, or of a server, newest first",
      description:
        "Lists the jobs of this state directory, or of a server, newest first. A job is `interrupted` when it was running and its process is gone: `godwit resume` takes it up again.",
      arguments: [],
      options: jobsOptions,
      examples: [
        { line: "godwit jobs" },
        { line: "godwit jobs --json" },
        { line: "godwit jobs --server https://godwit.example.org --token-file token" },
        { line: "godwit jobs --prune --older-than 90d", says: "forget what ended long ago" },
      ],
      run: async (_, values) => {
        const server = serverOf({ specs: jobsOptions, values, here: ["prune", "olderThan", "state"] });
        if (server !== null) {
          const { listOnServer } = await import("../remote/jobs.ts");
          return listOnServer(server, { values, surroundings });
        }
        await using store = await openStateOf(values, surroundings);
        const pruned = values.prune ? await prune(store, values.olderThan, surroundings) : [];
        const jobs = await withLeaders(store, await store.jobs());
        const document: JobsDocument = { jobs: jobs.map(({ job, leader }) => jobJson(job, leader)), pruned };
        if (values.json) answer(surroundings, document);
        else tellJobs(jobs, pruned, surroundings);
        return 0;
      },
    },
    surroundings,
  );
  addCommand(
    program,
    {
      name: "status",
      summary: "show one job in full",
      arguments: [{ name: "job", help: "its id, or the beginning of it" }],
      options: statusOptions,
      examples: [{ line: "godwit status 20260131-1200" }, { line: "godwit status 20260131-1200 --json" }],
      run: async ([name = ""], values) => {
        const server = serverOf({ specs: statusOptions, values, here: ["state"] });
        if (server !== null) {
          const { statusOnServer } = await import("../remote/jobs.ts");
          return statusOnServer(server, name, { values, surroundings });
        }
        await using store = await openStateOf(values, surroundings);
        await tellJob(store, await jobByName(store, name), { values, surroundings });
        return 0;
      },
    },
    surroundings,
  );
}

export interface Telling {
  readonly values: Pick<GeneralValues, "json">;
  readonly surroundings: Surroundings;
}

export async function tellJob(store: Store, job: Job, { values, surroundings }: Telling): Promise<void> {
  const leader = await store.leader(job.id);
  if (values.json) answer(surroundings, jobJson(job, leader));
  else surroundings.stdout.write(`${jobDetails({ job, leader }, Date.now())}\n`);
}

async function withLeaders(store: Store, jobs: readonly Job[]): Promise<readonly ListedJob[]> {
  const listed: ListedJob[] = [];
  for (const job of jobs) listed.push({ job, leader: await store.leader(job.id) });
  return listed;
}

function tellJobs(jobs: readonly ListedJob[], pruned: readonly string[], { stdout }: Surroundings): void {
  for (const id of pruned) stdout.write(`pruned ${id}\n`);
  stdout.write(jobs.length === 0 ? "no jobs yet\n" : `${jobTable(jobs, Date.now(), columnsOf(stdout))}\n`);
}

/** A job whose leftovers cannot be reached is kept, and named: once forgotten, nobody could find them. */
async function prune(store: Store, olderThanMs: number, surroundings: Surroundings): Promise<string[]> {
  const pruned: string[] = [];
  using interrupt = surroundings.onInterrupt();
  for (const job of await store.jobs()) {
    if (!isFinal(job.status) || Date.now() - (job.endedAt ?? job.createdAt) < olderThanMs) continue;
    try {
      await discardStaged(store, job, interrupt.signal);
      await store.removeJob(job.id);
      pruned.push(job.id);
    } catch (error) {
      interrupt.signal.throwIfAborted();
      const { code, what } = toGodwitError(error);
      surroundings.stderr.write(`kept ${job.id}, since what it staged cannot be removed: ${code}: ${visible(what)}\n`);
    }
  }
  return pruned;
}
