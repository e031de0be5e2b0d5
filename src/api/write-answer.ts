import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Answered } from "./dispatch.ts";
import { type ProblemAnswer, problemMedia } from "./problem.ts";
import type { Streamed, Written } from "./route.ts";

const always = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

const types = {
  "application/json": "application/json",
  "text/html": "text/html; charset=utf-8",
  // The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/
  "text/plain": "text/plain; version=0.0.4; charset=utf-8",
} as const;

export async function writeAnswer(outgoing: ServerResponse, { route, status, headers, body }: Answered): Promise<void> {
  if (route.written !== undefined) return writeItself(outgoing, status, body as Written);
  const media = route.media ?? "application/json";
  if (media === "text/event-stream") return writeStream(outgoing, status, body as Streamed);
  const text = media === "application/json" ? JSON.stringify(body) : String(body);
  await writeText(outgoing, status, { ...headers, "content-type": types[media] }, text);
}

/** Where the answer has begun already, it is cut off: half of it must not look whole. */
export async function writeProblem(outgoing: ServerResponse, { status, headers, body }: ProblemAnswer): Promise<void> {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  await writeText(outgoing, status, { ...headers, "content-type": problemMedia }, JSON.stringify(body));
}

async function writeText(
  outgoing: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): Promise<void> {
  const length = String(Buffer.byteLength(text));
  outgoing.writeHead(status, { ...always, ...headers, "content-length": length });
  const { promise, resolve } = Promise.withResolvers<void>();
  outgoing.once("close", resolve);
  outgoing.end(text, resolve);
  await promise;
}

async function writeStream(outgoing: ServerResponse, status: number, stream: Streamed): Promise<void> {
  // Proxies that gather what they pass on would hold events back.
  outgoing.writeHead(status, { ...always, "content-type": "text/event-stream", "x-accel-buffering": "no" });
  for await (const text of stream) {
    if (outgoing.destroyed) break;
    if (!outgoing.write(text)) await Promise.race([once(outgoing, "drain"), once(outgoing, "close")]);
  }
  outgoing.end();
}

async function writeItself(outgoing: ServerResponse, status: number, { media, write }: Written): Promise<void> {
  const type = media === "text/html" ? "text/html; charset=utf-8" : media;
  outgoing.writeHead(status, { ...always, "content-type": type, "x-accel-buffering": "no" });
  // It may take a while until the first byte: whoever waits knows that it has begun.
  outgoing.flushHeaders();
  try {
    await write(outgoing);
  } catch (error) {
    // Whoever asked has gone: nothing has failed here.
    if (outgoing.destroyed) return;
    throw error;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  outgoing.once("close", resolve);
  outgoing.end(resolve);
  await promise;
}
