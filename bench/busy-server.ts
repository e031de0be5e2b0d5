/** A proxy before a real S3 server that gets slower the more objects are asked for at once. */
import { once } from "node:events";
import { createServer, request as openRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { pipeline } from "node:stream/promises";

export interface BusyServer extends AsyncDisposable {
  readonly endpoint: string;
  /** Of objects, so far. */
  readonly servedBytes: () => number;
  /** It answers so many at a time as quickly as one; twice as many take twice as long. */
  quickFor: number;
}

/** @param baseMs how long an answer takes at least */
export async function startBusyServer(endpoint: string, baseMs: number, quickFor: number): Promise<BusyServer> {
  const target = new URL(endpoint);
  let active = 0;
  let bytes = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const isObject = request.method === "GET" && !(request.url ?? "").includes("list-type");
    if (isObject) active += 1;
    try {
      if (isObject) await sleep(baseMs * Math.max(1, active / server.quickFor));
      const { method, url, rawHeaders } = request;
      const { hostname, port } = target;
      const outgoing = openRequest({ hostname, port, method, path: url, headers: rawHeaders, setHost: false });
      const [head] = (await Promise.all([once(outgoing, "response"), pipeline(request, outgoing)]))[0] as [
        IncomingMessage,
      ];
      response.writeHead(head.statusCode ?? 502, head.rawHeaders);
      if (isObject) head.on("data", (part: Buffer) => (bytes += part.length));
      await pipeline(head, response);
    } finally {
      if (isObject) active -= 1;
    }
  };
  const http = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const server: BusyServer = {
    endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    servedBytes: () => bytes,
    quickFor,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
  return server;
}
