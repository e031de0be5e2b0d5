/** Follows a server's job to its end and tells it as a local command tells its own. */
import { randomUUID } from "node:crypto";
import { GodwitError, toGodwitError } from "../../base/errors.ts";
import { visible } from "../../base/visible.ts";
import { answer } from "../answer.ts";
import { Display } from "../display.ts";
import { differencesOf, tellExceptions } from "../exceptions.ts";
import type { CounterName } from "../../model/job.ts";
import { exitCodeOf, isClean, jobJson, jobText, whereOption } from "../outcome.ts";
import { formatOf } from "../report-file.ts";
import type { Surroundings } from "../surroundings.ts";
import { tellError } from "../tell-error.ts";
import { follow } from "./follow.ts";
import { jobPath, limitOf, type Migration, migrationShape, remoteExceptions, toldJob } from "./migration.ts";
import { fetchReportFile } from "./report-file.ts";
import type { Session } from "./session.ts";
import { changesOf, type Terms } from "./submission.ts";

export interface FollowValues {
  readonly json: boolean;
  readonly plain: boolean;
  readonly report: string | null;
}

export interface FollowToEnd extends Session {
  readonly first: Migration;
  readonly values: FollowValues;
  readonly surroundings: Surroundings;
}

/** @returns the exit code; 3 when somebody interrupts the command: the job goes on */
export async function followToEnd(request: FollowToEnd): Promise<number> {
  const { server, signal, first } = request;
  const startedMs = performance.now();
  let last = first;
  using display = newDisplay(request);
  const meter = { read: (name: CounterName): number => toldJob(last, server.url).job.counters[name] ?? 0 };
  display.started(toldJob(first, server.url).job, [meter]);
  try {
    const onLost = display.taskFailed.bind(display);
    for await (const told of follow({ server, jobId: first.job_id, clock: server.clock, signal, onLost })) {
      last = told;
      display.checkpoint(toldJob(told, server.url).job, endOf(told));
    }
  } catch (error) {
    display[Symbol.dispose]();
    if (!signal.aborted) throw error;
    return tellDetached(request, last);
  }
  display[Symbol.dispose]();
  return tellEnd(request, last, startedMs);
}

function newDisplay({ first, values, surroundings: { stderr } }: FollowToEnd): Display {
  return new Display({
    output: stderr,
    live: stderr.isTTY && !values.plain,
    quiet: values.json,
    limitBytesPerSecond: limitOf(first),
  });
}

async function tellEnd(request: FollowToEnd, last: Migration, startedMs: number): Promise<number> {
  const { server, values, surroundings } = request;
  const { stdout, stderr } = surroundings;
  const { job } = toldJob(last, server.url);
  if (!isClean(job)) await tellExceptions(job, remoteExceptions(server, job.id), stderr);
  // Whoever led it lets go of it in these moments.
  if (!values.json) stdout.write(`${jobText(job, elapsedMs(last) ?? performance.now() - startedMs)}\n`);
  const report = values.report === null ? null : await reportAfter(request, job.id, values.report);
  const reportFailure = report instanceof GodwitError ? report : null;
  if (values.json)
    answer(surroundings, {
      ...jobJson(job, null, reportFailure),
      ...(await differencesOf(job, remoteExceptions(server, job.id))),
    });
  else
    stdout.write(
      `${typeof report === "string" ? report : `  report: godwit report ${job.id}${visible(whereOption(job))}`}\n`,
    );
  if (job.failure !== null) tellError(job.failure, stderr);
  if (reportFailure !== null) tellError(reportFailure, stderr);
  return exitCodeOf(job, reportFailure);
}

/** @returns what is to be said of it, or why it is not there: the job has its end either way */
async function reportAfter(
  { server, signal, surroundings }: FollowToEnd,
  jobId: string,
  wanted: string,
): Promise<string | GodwitError> {
  try {
    const { file, overallStatus } = await fetchReportFile(server, {
      jobId,
      file: wanted,
      format: formatOf(wanted),
      without: surroundings.stderr,
    });
    return `  report ${visible(file)}: ${overallStatus}`;
  } catch (error) {
    signal.throwIfAborted();
    return toGodwitError(error);
  }
}

function endOf({ estimated_completion_at: end }: Migration): number | null {
  return end === null ? null : Date.parse(end);
}

/** Of the job, not of whoever looked: it may have run for long before. */
function elapsedMs({ started_at: from, ended_at: to }: Migration): number | null {
  return from === null || to === null ? null : Date.parse(to) - Date.parse(from);
}

function tellDetached({ server, values, surroundings }: FollowToEnd, last: Migration): number {
  const { job, leader } = toldJob(last, server.url);
  const where = visible(whereOption(job));
  surroundings.stderr.write(
    `detached: job ${job.id} goes on without you\n  godwit status ${job.id}${where} shows it, godwit pause ${job.id}${where} stops it; the same command follows it again\n`,
  );
  if (values.json) answer(surroundings, jobJson(job, leader));
  return 3;
}

/** For those who do not wait: its id alone, so that a script can take it. */
export function tellSubmitted({ server, first, values, surroundings }: FollowToEnd): number {
  const { job, leader } = toldJob(first, server.url);
  if (values.json) answer(surroundings, jobJson(job, leader));
  else surroundings.stdout.write(`${job.id}\n`);
  return 0;
}

/** So that the job goes on, under the terms that were typed. @returns the job after it. @throws job_state */
export async function goOn(session: Session, told: Migration, terms: Terms): Promise<Migration> {
  const { server } = session;
  const changes = changesOf(terms, told);
  const path = jobPath(told.job_id);
  let now = told;
  if (Object.keys(changes).length > 0)
    now = (await server.ask({ method: "PATCH", path, body: changes }, migrationShape)).body;
  const stands = now.status === "paused" || now.status === "failed" || now.wish === "pause";
  if (!stands) return now;
  return (await server.ask({ method: "POST", path: `${path}/resume` }, migrationShape)).body;
}

export function newKey(): string {
  return `cli-${randomUUID()}`;
}
