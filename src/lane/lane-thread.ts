/** The thread of a lane: opens its own connections, runs one task at a time, and never sends data out. */
import { parentPort, workerData } from "node:worker_threads";
import { must } from "../base/assert.ts";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { SharedLimit } from "../decorators/shared-limit.ts";
import { LeaseTerm } from "../model/lease-term.ts";
import { Meter } from "../model/meter.ts";
import { systemClock } from "../platform/clock.ts";
import { execute } from "./execute.ts";
import type { FromLane, ThreadData, ToLane } from "./protocol.ts";
import { termSignal } from "./term-signal.ts";
import { closePlaces, openPlaces, rolesOf } from "./setup.ts";

const port = must(parentPort, "a lane runs in a worker thread");
const { setup, meterBuffer, limitBuffer } = workerData as ThreadData;

async function serve(): Promise<void> {
  const meter = new Meter(meterBuffer);
  const places = await openPlaces(setup.spec, setup.open, meter);
  const limit = new SharedLimit(limitBuffer);
  const roles = await rolesOf({ setup, places, clock: systemClock, meter, limit });
  let running: AbortController | null = null;

  port.on("message", (message: ToLane) => {
    switch (message.type) {
      case "run": {
        const controller = new AbortController();
        running = controller;
        const { task, termBuffer } = message;
        const signal =
          termBuffer === null ? controller.signal : termSignal(controller, new LeaseTerm(termBuffer), systemClock);
        const onProgress = (progress: Extract<FromLane, { type: "progress" }>["progress"]): void =>
          send({ type: "progress", progress });
        void execute(roles, task, { onProgress, signal }).then(
          (result) => send({ type: "result", result }),
          (error: unknown) =>
            send({
              type: "error",
              error: toGodwitError(signal.aborted ? signal.reason : error).toJSON(),
            }),
        );
        return;
      }
      case "abort":
        running?.abort(GodwitError.fromJSON(message.reason));
        return;
      case "close":
        void closePlaces(places).finally(() => port.close());
        return;
    }
  });
  send({ type: "ready" });
}

function send(message: FromLane): void {
  port.postMessage(message);
}

serve().catch((error: unknown) => {
  send({ type: "error", error: toGodwitError(error).toJSON() });
  port.close();
});
