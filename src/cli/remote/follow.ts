/**
 * A server's job as it goes on, by server-sent events. Each event tells everything, so a stream that breaks is opened
 * again and nothing was missed; where the server has no room for a stream, it is asked from time to time. Gives up only
 * when nothing was heard for long: the job goes on without anybody who looks.
 */
import { createParser } from "eventsource-parser";
import type { GodwitError } from "../../base/errors.ts";
import { toGodwitError } from "../../base/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { isUnfinished, jobPath, type Migration, migrationOf, migrationShape } from "./migration.ts";
import { isWorthAnotherTry, unreachable } from "./refusals.ts";
import { parsedAs, type RemoteServer } from "./server.ts";

/** The server says that it is there every 15 s. */
const silentMs = 45_000;
const pollMs = 5_000;
const firstWaitMs = 500;
const waitMsMax = 15_000;
/** A server that is upgraded, or a laptop that slept. */
const usualPatienceMs = 10 * 60_000;
const eventBytesMax = 2 ** 20;

export interface Following {
  readonly server: RemoteServer;
  readonly jobId: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of each loss of the connection. */
  readonly onLost: (error: GodwitError) => void;
  readonly patienceMs?: number;
}

/** Until the job has ended or is paused. @throws server_unreachable after ten minutes of silence */
export async function* follow(following: Following): AsyncGenerator<Migration> {
  const { clock, signal, onLost, patienceMs = usualPatienceMs } = following;
  let heardMs = clock.monotonicMs();
  let waitMs = firstWaitMs;
  for (;;) {
    try {
      for await (const told of look(following)) {
        heardMs = clock.monotonicMs();
        waitMs = firstWaitMs;
        yield told;
        if (!isUnfinished(told)) return;
      }
    } catch (cause) {
      signal.throwIfAborted();
      const error = toGodwitError(cause);
      if (!isWorthAnotherTry(error)) throw error;
      if (clock.monotonicMs() - heardMs > patienceMs) throw error;
      onLost(error);
    }
    await clock.sleep(waitMs, signal);
    waitMs = Math.min(waitMsMax, 2 * waitMs);
  }
}

/** One stream to its end, or one answer where the server has no room for a stream. */
async function* look(following: Following): AsyncGenerator<Migration> {
  const { server, jobId, clock, signal } = following;
  const opened = await openEvents(following);
  if (opened === null) {
    yield await migrationOf(server, jobId);
    await clock.sleep(pollMs, signal);
    return;
  }
  const told: Migration[] = [];
  const parser = createParser({
    maxBufferSize: eventBytesMax,
    onEvent: ({ data }) => void told.push(parsedAs(migrationShape, data, server.url)),
    onError: (error) => {
      // Fields that a later server may send are passed over, as the standard has it.
      if (error.type === "max-buffer-size-exceeded") throw unreachable(server.url, error.message, error);
    },
  });
  const decoder = new TextDecoder();
  for await (const bytes of opened) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* told.splice(0);
  }
}

/** @returns null where all seats for streams are taken */
async function openEvents({ server, jobId }: Following): Promise<AsyncIterable<Buffer> | null> {
  try {
    const { body } = await server.open({ method: "GET", path: jobPath(jobId, "/events") }, silentMs);
    return body;
  } catch (error) {
    if (toGodwitError(error).code === "server_busy") return null;
    throw error;
  }
}
