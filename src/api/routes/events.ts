/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): a job as it goes on. */
import { z } from "zod";
import { toGodwitError } from "../../base/errors.ts";
import { type Api, type Call, type Reply, route, type Streamed } from "../route.ts";
import { jobParams } from "../shapes.ts";
import { migrationNow } from "./migrations.ts";

const lookEveryMs = 1_000;
/** Proxies close what is silent; a token that was revoked meanwhile sees no more. */
const aliveEveryMs = 15_000;
/** How long a client waits before it comes back. */
const retryMs = 3_000;
const ended: ReadonlySet<string> = new Set(["complete", "failed", "cancelled"]);

type EventsCall = Call<z.output<typeof jobParams>, unknown, unknown>;

async function open(call: EventsCall): Promise<Reply<Streamed>> {
  // What is wrong is answered before the stream begins.
  const first = JSON.stringify(await migrationNow(call.api, call.params.job_id));
  const seat = call.api.seats.take();
  return { body: events(call, first, seat) };
}

async function* events(call: EventsCall, first: string, seat: Disposable): AsyncGenerator<string> {
  using _ = seat;
  const { api, params, signal } = call;
  yield `retry: ${retryMs}\n\n`;
  let [told, number, toldAt] = ["", 0, api.clock.monotonicMs()];
  for (let now = first; ; now = JSON.stringify(await migrationNow(api, params.job_id))) {
    if (now !== told) {
      number += 1;
      told = now;
      const name = ended.has((JSON.parse(now) as { status: string }).status) ? "end" : "progress";
      yield `id: ${number}\nevent: ${name}\ndata: ${now}\n\n`;
      if (name === "end") return;
      toldAt = api.clock.monotonicMs();
    } else if (api.clock.monotonicMs() - toldAt >= aliveEveryMs) {
      await call.stillAllowed();
      toldAt = api.clock.monotonicMs();
      yield ": still here\n\n";
    }
    if (!(await slept(api, signal))) return;
  }
}

/** @returns false when nobody waits any more */
async function slept({ clock }: Api, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(lookEveryMs, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw toGodwitError(error);
  }
}

export const eventsRoute = route({
  id: "watchMigration",
  method: "GET",
  path: "/migrations/{job_id}/events",
  tag: "Migrations",
  summary: "Watch a migration as server-sent events",
  description:
    "An event `progress` with the same document as GET /migrations/{job_id} whenever it has changed, looked at once a second; a last event `end` when the job has ended, after which the server closes the stream. Each event tells all, so nothing is missed by coming back.",
  role: "viewer",
  media: "text/event-stream",
  statuses: { 200: "The stream: its `data` is a Migration." },
  params: jobParams,
  query: null,
  body: null,
  answer: z.string(),
  handle: open,
});
