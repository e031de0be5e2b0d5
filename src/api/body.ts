import type { IncomingMessage } from "node:http";
import type { Route } from "./route.ts";
import { invalid, Refusal } from "./problem.ts";

/** Far more than the longest list of patterns that makes sense. */
const bodyBytesMax = 256 * 1_024;

/** @returns what the JSON says; undefined where there is no body. @throws request_invalid, request_too_large */
export async function readBody(incoming: IncomingMessage, route: Pick<Route, "body">): Promise<unknown> {
  if (Number(incoming.headers["content-length"] ?? 0) > bodyBytesMax) throw tooLarge();
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > bodyBytesMax) throw tooLarge();
    parts.push(part);
  }
  if (size === 0) return undefined;
  const type = (incoming.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (route.body !== null && type !== "application/json")
    throw invalid([{ field: "header Content-Type", detail: "is not application/json" }], 415);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid([{ field: "body", detail: "is no JSON in UTF-8" }], 400);
  }
}

function tooLarge(): Refusal {
  return new Refusal("request_too_large", {
    status: 413,
    what: `the body has more than ${bodyBytesMax} bytes`,
    hint: "Ask for less at once, such as fewer patterns.",
    // What was not read would be taken for the next request.
    headers: { connection: "close" },
  });
}
