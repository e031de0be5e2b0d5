/** `pause`, `cancel` and `resume` on a server. */
import { GodwitError } from "../../base/errors.ts";
import type { Surroundings } from "../surroundings.ts";
import type { ServerAddress } from "../server-options.ts";
import { type FollowValues, followToEnd, goOn, tellSubmitted } from "./follow-to-end.ts";
import { tellRemoteJob } from "./jobs.ts";
import { isUnfinished, jobNamed, jobPath, type Migration, migrationOf, migrationShape } from "./migration.ts";
import { type Session, withServer } from "./session.ts";
import { termsOf, type TypedTerms } from "./submission.ts";

/** As for a local job: a checkpoint comes every second; a lane may first have to end the block that it writes. */
const obeyMs = 60_000;
const pollMs = 500;

export interface RemoteStop {
  readonly name: string;
  readonly verb: "pause" | "cancel";
  readonly values: { readonly json: boolean };
}

/** Until it is obeyed. @returns the exit code. @throws job_state, job_locked when nobody obeys within a minute */
export async function stopOnServer(
  address: ServerAddress,
  { name, verb, values }: RemoteStop,
  surroundings: Surroundings,
): Promise<number> {
  return withServer(address, surroundings, async (session) => {
    const { server } = session;
    const { job_id: id } = await jobNamed(server, name);
    const asked = await server.ask({ method: "POST", path: jobPath(id, `/${verb}`) }, migrationShape);
    const stopped = asked.status === 202 ? await obeyed(session, asked.body, verb) : asked.body;
    tellRemoteJob(stopped, server.url, { values, surroundings });
    return 0;
  });
}

async function obeyed({ server, signal }: Session, asked: Migration, verb: RemoteStop["verb"]): Promise<Migration> {
  const deadlineMs = server.clock.monotonicMs() + obeyMs;
  const path = jobPath(asked.job_id, `/${verb}`);
  let now = asked;
  // Once it is obeyed, its leader lets go of it within a moment.
  while (now.wish === verb || (!isUnfinished(now) && now.led_by !== null)) {
    if (server.clock.monotonicMs() > deadlineMs) throw notObeyed(now.job_id, verb);
    await server.clock.sleep(pollMs, signal);
    now = await migrationOf(server, now.job_id);
    // Its leader stopped before it knew: nobody is left to obey, so that the server may do it.
    const isLeft = now.wish === verb && now.status === "paused" && now.led_by === null;
    if (isLeft) now = (await server.ask({ method: "POST", path }, migrationShape)).body;
  }
  return now;
}

function notObeyed(id: string, verb: string): GodwitError {
  return new GodwitError("job_locked", {
    disposition: "retry",
    what: `job ${id} did not ${verb} within ${obeyMs / 1_000} s`,
    hint: "The wish stands: it stops at its next checkpoint. `godwit status` shows when, and who leads it.",
  });
}

export interface RemoteResume {
  readonly name: string;
  readonly values: FollowValues & TypedTerms & { readonly detach: boolean };
}

/** @returns the exit code of the job */
export async function resumeOnServer(
  address: ServerAddress,
  { name, values }: RemoteResume,
  surroundings: Surroundings,
): Promise<number> {
  return withServer(address, surroundings, async (session) => {
    const told = await jobNamed(session.server, name);
    const isOver = told.status === "complete" || told.status === "cancelled";
    if (isOver) throw wrongStatus(told, session.server.url);
    const first = await goOn(session, told, termsOf(values));
    const request = { ...session, first, values, surroundings };
    return values.detach ? tellSubmitted(request) : followToEnd(request);
  });
}

function wrongStatus({ job_id: id, status }: Migration, url: string): GodwitError {
  return new GodwitError("job_state", {
    disposition: "rejected",
    what: `job ${id} is ${status} and cannot be resumed`,
    hint: `It has ended: \`godwit status ${id} --server ${url}\` says how. To copy once more, give the command that started it with --new.`,
  });
}
