/** `pause`, `resume` and `cancel`: a running job obeys at its next checkpoint; for one that nobody runs they act at once. */
import type { Command } from "commander";
import { GodwitError } from "../../base/errors.ts";
import type { Job, JobStatus } from "../../model/job.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Store } from "../../ports/store.ts";
import { addCommand } from "../command.ts";
import { discardStaged } from "../discard.ts";
import { isResumable, jobByName, refuseLed, withoutWish } from "../find-job.ts";
import { generalOptions, jobOptions } from "../job-options.ts";
import { refuseOtherLists } from "../job-spec.ts";
import { refuseManyLanes } from "../lanes.ts";
import { serverJobOptions, serverOf, serverOptions } from "../server-options.ts";
import { refuseReport } from "../report-file.ts";
import { openStateOf } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";
import { tellJob } from "./jobs.ts";
import { runToEnd } from "./transfer.ts";

const { state, json } = generalOptions;
const { workers, limit, report } = jobOptions;
const stopOptions = { state, json, ...serverOptions };
const resumeOptions = { workers, limit, report, ...generalOptions, ...serverJobOptions };
const jobArgument = { name: "job", help: "its id, or the beginning of it" };
/** A checkpoint comes every second; a lane may first have to end the block that it writes. */
const obeyMs = 60_000;
const pollMs = 200;

export function addControlCommands(program: Command, surroundings: Surroundings): void {
  addStopCommand(program, surroundings, {
    name: "pause",
    summary: "stop a job at its next checkpoint; it can be resumed",
    status: "paused",
    examples: [{ line: "godwit pause 20260131-1200" }],
  });
  addStopCommand(program, surroundings, {
    name: "cancel",
    summary: "stop a job for good and remove what it has staged; what it has published stays",
    status: "cancelled",
    examples: [{ line: "godwit cancel 20260131-1200" }],
  });
  addCommand(
    program,
    {
      name: "resume",
      summary: "go on with a job, in this process or on a server",
      description:
        "Goes on with a job in this process, as the command that started it would. Verified chunks are not sent again, confirmed blocks not read again. A server goes on with its own jobs, and this command follows.",
      arguments: [jobArgument],
      options: resumeOptions,
      examples: [{ line: "godwit resume 20260131-1200" }, { line: "godwit resume 20260131-1200 --limit 50MB/s" }],
      run: async ([name = ""], values) => {
        const server = serverOf({ specs: resumeOptions, values, here: ["state"], there: ["detach", "priority"] });
        if (server !== null) {
          refuseReport(values);
          const { resumeOnServer } = await import("../remote/control.ts");
          return resumeOnServer(server, { name, values }, surroundings);
        }
        refuseManyLanes(values);
        await using store = await openStateOf(values, surroundings);
        // Only now: the report may lie in the state directory, which was made when the store was opened.
        refuseReport({ report: values.report });
        const job = await jobByName(store, name);
        if (!isResumable(job)) throw wrongStatus(job, "resumed");
        await refuseLed(store, job);
        refuseOtherLists(job.spec);
        return await runToEnd({ store, job: await withoutWish(store, job), values, surroundings });
      },
    },
    surroundings,
  );
}

interface StopCommand {
  readonly name: "pause" | "cancel";
  readonly summary: string;
  readonly status: "paused" | "cancelled";
  readonly examples: readonly { readonly line: string }[];
}

function addStopCommand(
  program: Command,
  surroundings: Surroundings,
  { name, summary, status, examples }: StopCommand,
): void {
  addCommand(
    program,
    {
      name,
      summary,
      arguments: [jobArgument],
      options: stopOptions,
      examples,
      run: async ([typed = ""], values) => {
        const server = serverOf({ specs: stopOptions, values, here: ["state"] });
        if (server !== null) {
          const { stopOnServer } = await import("../remote/control.ts");
          return stopOnServer(server, { name: typed, verb: name, values }, surroundings);
        }
        await using store = await openStateOf(values, surroundings);
        using interrupt = surroundings.onInterrupt();
        const job = await jobByName(store, typed);
        const mayStop: readonly JobStatus[] = ["pending", "planning", "running", "reconciling", "paused"];
        // Cancelled twice is cancelled once, and removes what the first time could not.
        const again: readonly JobStatus[] = status === "cancelled" ? ["failed", "cancelled"] : [];
        if (![...mayStop, ...again].includes(job.status)) throw wrongStatus(job, status);
        await stopJob({ store, job, status, signal: interrupt.signal });
        if (status === "cancelled") await discardStaged(store, job, interrupt.signal);
        await tellJob(store, (await store.job(job.id)) ?? job, { values, surroundings });
        return 0;
      },
    },
    surroundings,
  );
}

interface Stop {
  readonly store: Store;
  readonly job: Job;
  readonly status: "paused" | "cancelled";
  readonly signal: AbortSignal;
}

/** Until the process that runs the job has obeyed or is gone; then, where that is still to do, sets the status itself. */
async function stopJob({ store, job, status, signal }: Stop): Promise<void> {
  if (await stopIdle({ store, job, status, signal })) return;
  await store.wish(job.id, status === "paused" ? "pause" : "cancel");
  const deadlineMs = systemClock.monotonicMs() + obeyMs;
  while (!(await stopIdle({ store, job, status, signal }))) {
    if (systemClock.monotonicMs() > deadlineMs) throw notObeyed(job, status);
    await systemClock.sleep(pollMs, signal);
  }
}

/** @returns true when nobody runs the job and it has that status, or ended by itself before it could be stopped */
async function stopIdle({ store, job, status }: Stop): Promise<boolean> {
  if ((await store.leader(job.id)) !== null) return false;
  const now = (await store.job(job.id))?.status;
  if (now === "complete" || now === status) return true;
  if (now === "failed" && status === "paused") return true;
  return store.stopIdle(job.id, status);
}

function notObeyed(job: Job, status: string): GodwitError {
  return new GodwitError("job_locked", {
    disposition: "retry",
    what: `the process that runs ${job.id} has not ${status} it within ${obeyMs / 1_000} s`,
    hint: "The wish stands: it stops at its next checkpoint. `godwit status` shows when; end the process if it hangs.",
  });
}

function wrongStatus(job: Job, verb: string): GodwitError {
  return new GodwitError("job_state", {
    disposition: "rejected",
    what: `job ${job.id} is ${job.status} and cannot be ${verb}`,
    hint: isResumable(job)
      ? "It may be resumed or cancelled."
      : `It has ended: \`godwit status ${job.id}\` says how. To copy once more, give the command that started it with --new.`,
  });
}
