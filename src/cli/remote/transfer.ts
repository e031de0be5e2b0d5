/** `copy`, `sync` and `check` on a server: the job is submitted, or the one that is there is taken up, and followed. */
import { submitted } from "../../api/shapes.ts";
import { z } from "zod";
import type { ServerAddress } from "../server-options.ts";
import type { Surroundings } from "../surroundings.ts";
import { type FollowValues, followToEnd, goOn, newKey, tellSubmitted } from "./follow-to-end.ts";
import { migrationOf } from "./migration.ts";
import { withServer } from "./session.ts";
import { submissionOf, termsOf, type Typed } from "./submission.ts";

export interface RemoteTransfer extends Typed {
  readonly values: Typed["values"] & FollowValues & { readonly detach: boolean };
}

/** @returns the exit code */
export async function transferOnServer(
  address: ServerAddress,
  transfer: RemoteTransfer,
  surroundings: Surroundings,
): Promise<number> {
  const { values } = transfer;
  const body = submissionOf(transfer);
  return withServer(address, surroundings, async (session) => {
    const { server } = session;
    // However often the request is sent, it makes one job.
    const {
      status,
      headers,
      body: made,
    } = await server.ask(
      { method: "POST", path: "/migrations", body, idempotencyKey: newKey() },
      z.object(submitted.shape),
    );
    let first = await migrationOf(server, made.job_id);
    if (status === 200 && headers["idempotency-replayed"] === undefined) {
      const stood = first.status === "paused" || first.status === "failed";
      first = await goOn(session, first, termsOf(values));
      if (!values.json) surroundings.stderr.write(`${stood ? "resuming" : "following"} ${made.job_id}\n`);
    }
    const request = { ...session, first, values, surroundings };
    return values.detach ? tellSubmitted(request) : followToEnd(request);
  });
}
