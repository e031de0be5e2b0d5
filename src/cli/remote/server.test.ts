import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { selfSigned } from "../../../test/testbed/certificate.ts";
import { tempDir } from "../../../test/testbed/temp-dir.ts";
import type { GodwitError } from "../../base/errors.ts";
import { connectServer } from "./server.ts";

/** @returns `host:port` */
async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The error of a connection, and how many tries came before it. */
async function refusal(url: string): Promise<{ readonly error: unknown; readonly retries: number }> {
  const retried: GodwitError[] = [];
  const { signal } = new AbortController();
  const options = { signal, onRetry: (error: GodwitError) => void retried.push(error) };
  const error: unknown = await connectServer({ url, tokenFile: null, ca: null }, options).catch((cause) => cause);
  return { error, retries: retried.length };
}

function answering(answers: Readonly<Record<string, object>>): RequestListener {
  return ({ url = "" }, outgoing) => {
    const absent = { code: "route_unknown", detail: "nothing here", hint: "Look.", request_id: "r", errors: [] };
    const answer = answers[url];
    outgoing.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify(answer ?? absent));
  };
}

function https(): Server {
  const { certFile, keyFile } = selfSigned(tempDir("tls"));
  return createHttps({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, answering({}));
}

test("https:// where http is spoken is told at once", async () => {
  const { error, retries } = await refusal(`https://${await listening(createHttp(answering({})))}`);
  expect(error).toMatchObject({
    code: "server_unknown",
    disposition: "rejected",
    what: expect.stringMatching(/^what answers at https:.* speaks no TLS \(ERR_SSL_WRONG_VERSION_NUMBER\)$/),
    hint: expect.stringContaining("seems to speak http"),
  });
  expect(retries).toBe(0);
});

test("http:// where TLS is spoken is told at once", async () => {
  const { error, retries } = await refusal(`http://${await listening(https())}`);
  expect(error).toMatchObject({
    code: "server_unknown",
    disposition: "rejected",
    what: expect.stringMatching(/^what answers at http:.* speaks TLS$/),
    hint: expect.stringContaining("https://"),
  });
  expect(retries).toBe(0);
});

test.each(["http", "https"])("what speaks neither is told at once, asked by %s", async (scheme) => {
  const talks = createServer((socket) => socket.once("data", () => socket.end("SSH-2.0-OpenSSH_9.6\r\n")));
  const { error, retries } = await refusal(`${scheme}://${await listening(talks)}`);
  expect(error).toMatchObject({ code: "server_unknown", disposition: "rejected" });
  expect(retries).toBe(0);
});

test("a connection that breaks is tried again, and taken for no TLS", async () => {
  let broken = 0;
  const answers = answering({ "/server": { version: "1", api_version: 1, role: "viewer" } });
  const server = createHttp((incoming, outgoing) => {
    broken += 1;
    if (broken < 3) incoming.socket.destroy();
    else answers(incoming, outgoing);
  });
  const { error, retries } = await refusal(`http://${await listening(server)}`);
  await (error as AsyncDisposable)[Symbol.asyncDispose]();
  expect([broken, retries]).toEqual([3, 2]);
});

test("a process of Godwit without an API is told as one, and not as an early version", async () => {
  const metrics = await refusal(`http://${await listening(createHttp(answering({})))}`);
  expect(metrics.error).toMatchObject({
    code: "server_unknown",
    what: expect.stringMatching(/^what answers at http:\S+ is no API of Godwit: perhaps a worker's metrics$/),
    hint: expect.stringContaining("`godwit serve`"),
  });
  const early = { "/healthz": { status: "ok", version: "0.0.9", store: "ok" } };
  const older = await refusal(`http://${await listening(createHttp(answering(early)))}`);
  expect(older.error).toMatchObject({ code: "server_version", what: expect.stringContaining("an early one") });
});
