/**
 * A proxy between a client and its S3 server that makes chosen requests fail and counts all of them. It streams both
 * ways and leaves every header of the client as it is, Host included, so that signatures stay valid. It invents no
 * fault of its own: a connection that breaks without a rule broke at the server.
 */
import { once } from "node:events";
import { createServer, request as openRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseExchange, type S3Exchange } from "./s3-exchange.ts";
import { RuleState, type ActiveRule, type Fault, type FaultRule } from "./s3-fault.ts";
import type { S3Access } from "./signed-request.ts";

export interface ExchangeFilter {
  readonly operation?: string;
  readonly key?: string;
  readonly where?: (exchange: S3Exchange) => boolean;
}

export interface ExchangeTotal {
  readonly requests: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface S3Proxy extends S3Access, AsyncDisposable {
  /** Every request so far, in order of arrival; `done` is false while it is under way. */
  readonly exchanges: readonly S3Exchange[];
  /** The first rule added that takes a request decides it. */
  fail(rule: FaultRule): ActiveRule;
  /** The requests that match, and their sums: `proxy.total({ operation: "UploadPart", key }).requests`. */
  find(filter: ExchangeFilter): readonly S3Exchange[];
  total(filter?: ExchangeFilter): ExchangeTotal;
  /** Waits until the server has answered, or given up, every request that the proxy took. */
  settled(): Promise<void>;
  /** Removes every rule and forgets every count. */
  clear(): void;
  stop(): Promise<void>;
}

/** One request under way. */
interface Passage {
  readonly exchange: S3Exchange;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: URL;
  readonly rule: RuleState | null;
}

const hopByHop = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding"]);

export async function startS3Proxy(server: S3Access): Promise<S3Proxy> {
  const exchanges: S3Exchange[] = [];
  const rules: RuleState[] = [];
  const passages = new Set<Promise<void>>();
  const target = new URL(server.endpoint);
  const remove = (state: RuleState): void => {
    const index = rules.indexOf(state);
    if (index >= 0) rules.splice(index, 1);
  };
  const proxy = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const exchange = parseExchange(request);
    exchanges.push(exchange);
    // Every rule counts, also those behind the one that decides.
    const taking = rules.filter((state) => state.takes(exchange));
    const rule = taking.at(0) ?? null;
    const passage: Promise<void> = pass({ exchange, request, response, target, rule })
      .catch(() => void response.destroy())
      .finally(() => {
        exchange.done = true;
        passages.delete(passage);
      });
    passages.add(passage);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const find = (filter: ExchangeFilter): readonly S3Exchange[] =>
    exchanges.filter((exchange) => fits(filter, exchange));
  const stop = async (): Promise<void> => {
    for (const rule of rules.slice()) rule.release();
    proxy.closeAllConnections();
    if (!proxy.listening) return;
    proxy.close();
    await once(proxy, "close");
  };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    region: server.region,
    accessKeyId: server.accessKeyId,
    secretAccessKey: server.secretAccessKey,
    exchanges,
    fail: (rule) => {
      const state = new RuleState(rule, remove);
      rules.push(state);
      return state;
    },
    find,
    total: (filter = {}) => sum(find(filter)),
    settled: async () => {
      while (passages.size > 0) await Promise.all(passages);
    },
    clear: () => {
      for (const rule of rules.slice()) rule.release();
      exchanges.length = 0;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function fits(filter: ExchangeFilter, exchange: S3Exchange): boolean {
  return (
    (filter.operation === undefined || filter.operation === exchange.operation) &&
    (filter.key === undefined || filter.key === exchange.key) &&
    (filter.where === undefined || filter.where(exchange))
  );
}

function sum(exchanges: readonly S3Exchange[]): ExchangeTotal {
  let requestBytes = 0;
  let responseBytes = 0;
  for (const exchange of exchanges) {
    requestBytes += exchange.requestBytes;
    responseBytes += exchange.responseBytes;
  }
  return { requests: exchanges.length, requestBytes, responseBytes };
}

async function pass(passage: Passage): Promise<void> {
  const { exchange, rule } = passage;
  if (rule === null) return relay(passage, await forward(passage));
  const { fault } = rule.rule;
  exchange.fault = fault.kind;
  switch (fault.kind) {
    case "corrupt":
    case "truncate":
      rule.strike();
      return relay(passage, await forward(passage));
    case "stall":
      return stall(passage, rule, fault.forwarded);
    case "reset":
      await lose(passage, fault.forwarded);
      rule.strike();
      passage.request.socket.resetAndDestroy();
      return undefined;
    case "status":
      await lose(passage, fault.forwarded === true);
      rule.strike();
      return answerError(passage, fault.status, fault.code);
    case "answer":
      await lose(passage, false);
      rule.strike();
      return answerXml(passage, 200, fault.xml(exchange));
    case "error_in_200":
      await lose(passage, fault.forwarded);
      rule.strike();
      return answerError(passage, 200, fault.code);
  }
}

async function stall(passage: Passage, rule: RuleState, isForwarded: boolean): Promise<void> {
  const answer = isForwarded ? await forward(passage) : null;
  rule.strike();
  const gone = once(passage.response, "close");
  await Promise.race([rule.released, gone]);
  if (passage.response.destroyed) answer?.destroy();
  else return relay(passage, answer ?? (await forward(passage)));
}

/** Takes the request off the client; the server does the work or never hears of it; the answer is thrown away. */
async function lose(passage: Passage, isForwarded: boolean): Promise<void> {
  if (isForwarded) {
    const answer = await forward(passage);
    await pipeline(answer, new Transform({ transform: (_part, _encoding, next) => next() }).resume());
    return;
  }
  if (passage.rule?.rule.fault.kind === "reset") return;
  for await (const part of passage.request) passage.exchange.requestBytes += (part as Buffer).length;
}

function answerError(passage: Passage, status: number, code: string): void {
  const error = `<Error><Code>${code}</Code><Message>planted by the test</Message><RequestId>planted</RequestId></Error>`;
  answerXml(passage, status, error);
}

function answerXml({ exchange, response }: Passage, status: number, root: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n${root}`;
  exchange.status = status;
  exchange.responseBytes = body.length;
  response.writeHead(status, { "content-type": "application/xml", "content-length": String(body.length) });
  response.end(exchange.method === "HEAD" ? undefined : body);
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!hopByHop.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] ?? "");
  }
  return kept;
}

/** Sends the request on and answers with the head of the server's answer. */
async function forward({ exchange, request, response, target, rule }: Passage): Promise<IncomingMessage> {
  const outgoing = openRequest({
    host: target.hostname,
    port: target.port,
    method: request.method,
    path: request.url,
    headers: endToEnd(request.rawHeaders),
    setHost: false,
    agent: false,
  });
  // A request that came whole is carried out, whatever becomes of its client: so do stores, other than s3s-fs alone.
  response.once("close", () => {
    if (!response.writableFinished && !request.complete) outgoing.destroy();
  });
  const answered = Promise.withResolvers<IncomingMessage>();
  outgoing.once("response", answered.resolve);
  outgoing.once("error", answered.reject);
  const fault = rule?.rule.fault ?? null;
  const tap = tapBody("request", fault, (bytes) => (exchange.requestBytes += bytes));
  // A server may answer and close before it has read the whole body: then its answer counts, not the broken pipe.
  pipeline(request, tap, outgoing).catch((error: unknown) => answered.reject(error));
  const answer = await answered.promise;
  exchange.serverStatus = answer.statusCode ?? 0;
  return answer;
}

/** Hands the server's answer to the client. */
async function relay({ exchange, response, rule }: Passage, answer: IncomingMessage): Promise<void> {
  exchange.status = answer.statusCode ?? 0;
  response.sendDate = false;
  response.writeHead(exchange.status, answer.statusMessage ?? "", endToEnd(answer.rawHeaders));
  const fault = rule?.rule.fault ?? null;
  const tap = tapBody("response", fault, (bytes) => (exchange.responseBytes += bytes));
  if (fault?.kind !== "truncate") return pipeline(answer, tap, response);
  await sendFirst(answer.pipe(tap), response, fault.afterBytes);
  exchange.responseBytes = Math.min(exchange.responseBytes, fault.afterBytes);
  answer.destroy();
  response.destroy();
}

async function sendFirst(body: Transform, response: ServerResponse, bytesMax: number): Promise<void> {
  let left = bytesMax;
  response.flushHeaders();
  for await (const part of body) {
    const piece = (part as Buffer).subarray(0, left);
    left -= piece.length;
    await new Promise((resolve) => response.write(piece, resolve));
    if (left === 0) return;
  }
}

/** Counts what passes, and flips one bit when the fault says so. */
function tapBody(side: "request" | "response", fault: Fault | null, count: (bytes: number) => void): Transform {
  let seen = 0;
  const damaged = fault?.kind === "corrupt" && fault.body === side ? fault.offset : -1;
  return new Transform({
    transform(part: Buffer, _encoding, next) {
      const at = damaged - seen;
      seen += part.length;
      count(part.length);
      if (at < 0 || at >= part.length) return next(null, part);
      const copy = Buffer.from(part);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return next(null, copy);
    },
  });
}
