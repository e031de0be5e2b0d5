import { once } from "node:events";
import net from "node:net";
import { afterEach, expect, test } from "vitest";
import { HttpTransport, type HttpAnswer, type HttpRequest } from "./client-http.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});
const signal = new AbortController().signal;
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";

interface Served {
  readonly send: (request: Partial<HttpRequest>, stop?: AbortSignal) => Promise<HttpAnswer>;
  readonly sockets: net.Socket[];
  readonly transport: HttpTransport;
}

async function serve(onConnection: (socket: net.Socket) => void, idleTimeoutMs = 2000): Promise<Served> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const place = { isTls: false, host: "127.0.0.1", port, ca: undefined };
  const transport = new HttpTransport({ ...place, maxSockets: 1, connectTimeoutMs: 2000, idleTimeoutMs });
  cleanups.push(async () => {
    await transport.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const request: HttpRequest = {
    method: "GET",
    path: "/",
    headers: { host: "h" },
    body: null,
    holdBodyMs: 0,
    into: null,
  };
  return { sockets, transport, send: (given, stop = signal) => transport.send({ ...request, ...given }, stop) };
}

/** Answers each whole head; requests have no body. */
function answering(play: (head: string, socket: net.Socket) => void): (socket: net.Socket) => void {
  return (socket) => socket.on("data", (bytes) => play(bytes.toString("latin1"), socket));
}

const textOf = async ({ body }: HttpAnswer): Promise<string> => Buffer.concat(await Array.fromAsync(body)).toString();

test.each(["/b//a//", "/b/./x", "/b/../../x", "/b/%2E%2E/%2F", "//b", "/b/a%20b%2B%25%0A?prefix=a%20b&x="])(
  "the path %s is sent as it is",
  async (path) => {
    const heads: string[] = [];
    const { send } = await serve(answering((head, socket) => (heads.push(head), socket.write(ok))));
    expect(await textOf(await send({ path }))).toBe("x");
    expect(heads[0]).toMatch(/^GET (\S+) HTTP/);
    expect(heads[0]?.split(" ")[1]).toBe(path);
  },
);

test("an upload may last longer than the other side may be silent", async () => {
  const body = Buffer.alloc(16 * 1024 * 1024, 1);
  let got = 0;
  const { send } = await serve((socket) => {
    socket.on("data", (bytes) => {
      got += bytes.length;
      socket.pause();
      setTimeout(() => socket.resume(), 2);
      if (got > body.length) socket.write(ok);
    });
  }, 400);
  const startedMs = performance.now();
  const answer = await send({ method: "PUT", body });
  expect(answer.status).toBe(200);
  expect(performance.now() - startedMs).toBeGreaterThan(400);
});

test("a HEAD keeps its connection, whatever length it states", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n";
  const { send, sockets } = await serve(answering((_, socket) => socket.write(head)));
  for (let i = 0; i < 3; i++) {
    const answer = await send({ method: "HEAD" });
    expect(answer.headers.get("content-length")).toBe("300");
    expect(await textOf(answer)).toBe("");
  }
  expect(sockets.length).toBe(1);
});

test.each([
  ["Connection: close\r\nTransfer-Encoding: chunked", "5\r\nhel"],
  ["Connection: close\r\nContent-Length: 9", "hel"],
  ["Transfer-Encoding: chunked", "5\r\nhello\r\n"],
])("an answer with %j that ends early is truncated", async (headers, sent) => {
  const { send } = await serve(answering((_, socket) => socket.end(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${sent}`)));
  await expect(textOf(await send({}))).rejects.toMatchObject({ fault: "truncated" });
});

test("a request that was stopped while it waited is never sent, and its place is free", async () => {
  const heads: string[] = [];
  const { send, sockets } = await serve(answering((head) => heads.push(head.split(" ")[1] ?? "")));
  const first = send({ path: "/first" });
  const stop = new AbortController();
  const second = send({ path: "/second" }, stop.signal);
  stop.abort(new Error("enough"));
  await expect(second).rejects.toMatchObject({ fault: "aborted", cause: { message: "enough" } });
  const third = send({ path: "/third" });
  await expect.poll(() => heads).toEqual(["/first"]);
  sockets[0]?.write(ok);
  await textOf(await first);
  await expect.poll(() => heads).toEqual(["/first", "/third"]);
  // undici gives up the connection that the stopped request was to have.
  sockets.at(-1)?.write(ok);
  expect(await textOf(await third)).toBe("x");
});

test("closing ends what is under way, and what comes after", async () => {
  const { send, sockets, transport } = await serve(() => {});
  const outcome = send({}).catch((error: unknown) => error);
  await expect.poll(() => sockets.length).toBe(1);
  await transport.close();
  expect(await outcome).toMatchObject({ fault: "aborted", message: "the client was closed" });
  await expect(send({})).rejects.toMatchObject({ fault: "aborted" });
});

test("a refusal that comes before the body has been read reaches a sender that holds the body back", async () => {
  const refusal = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
  const { send } = await serve((socket) => {
    let got = "";
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      const bodyBytes = got.length - got.indexOf("\r\n\r\n") - 4;
      if (bodyBytes > 1024) socket.resetAndDestroy();
      else socket.write(refusal);
    });
  });
  const request = { method: "PUT", body: Buffer.alloc(16 * 1024 * 1024, 1) } as const;
  const answer = await send({ ...request, holdBodyMs: 60_000 });
  expect([answer.status, await textOf(answer)]).toEqual([404, "no"]);
});
