/**
 * The HTTP server over the Store. It owns the listener: whom it may serve, how long a request may take, and that nothing
 * is cut off when it ends. It refuses to listen beyond this machine without TLS and tokens.
 */
import { readFileSync } from "node:fs";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type ErrorCode, GodwitError } from "../base/errors.ts";
import type { JobId } from "../model/chunk.ts";
import { type AllowLists, canonicalLists } from "./allow-list.ts";
import { Dispatcher } from "./dispatch.ts";
import { MapCache } from "./map-cache.ts";
import { problemAnswer, problemMedia, Refusal } from "./problem.ts";
import type { Api, ApiParts } from "./route.ts";
import { apiRoutes } from "./routes/all.ts";
import { Seats } from "./seats.ts";
import { writeAnswer, writeProblem } from "./write-answer.ts";

/** PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ListenOptions extends ApiParts {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls: TlsFiles | null;
  /** `open`: no token is asked for. Only on this machine's own addresses. */
  readonly auth: "tokens" | "open";
  readonly allowLists: AllowLists;
  /** `metrics`: nothing else is answered. `all` when absent. */
  readonly offers?: "all" | "metrics";
  /** A job was cancelled and nobody leads it: what it has staged may be removed. */
  readonly onCancelled?: (jobId: string) => void;
  /** A defect, or a store that is down: for the log. The client was told the request's id. */
  readonly onError?: (error: unknown, requestId: string) => void;
  /** Each request, once it was answered. */
  readonly onAnswered?: (request: AnsweredRequest) => void;
}

export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  /** Null of a success. */
  readonly code: ErrorCode | null;
  /** Of the job that the answer is about; null where it is about none. */
  readonly jobId: JobId | null;
}

export interface ApiServer extends AsyncDisposable {
  /** Where it listens, such as `https://127.0.0.1:8443`. */
  readonly address: string;
  /** Takes no new request, ends streams of events, and waits for what is under way, at most 10 s. */
  close(): Promise<void>;
}

const headersMs = 10_000;
const requestMs = 30_000;
const idleMs = 20_000;
const drainMs = 10_000;
const headerBytesMax = 16_384;
const connectionsMax = 2_000;
const requestIdBytes = 8;
const streamsMax = 200;
/** Each reads all of a job from the store. */
const reportsMax = 4;
const pathShownMax = 200;

/** @throws listen_refused, usage (of an allow-list) */
export async function listen(options: ListenOptions): Promise<ApiServer> {
  const { host, port, tls, auth } = options;
  if (!isLoopback(host) && (tls === null || auth === "open")) throw exposed(host, tls, auth);
  const server = newServer(tls);
  const serving = new Serving(options, server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(notListening(host, port, cause)));
    server.listen({ host, port }, resolve);
  });
  const { address, port: taken, family } = server.address() as AddressInfo;
  const shown = family === "IPv6" ? `[${address}]` : address;
  const close = (): Promise<void> => serving.close();
  return { address: `${tls === null ? "http" : "https"}://${shown}:${taken}`, close, [Symbol.asyncDispose]: close };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function newServer(tls: TlsFiles | null): Server {
  const limits = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    maxHeaderSize: headerBytesMax,
  };
  const server =
    tls === null
      ? createHttpServer(limits)
      : createHttpsServer({
          ...limits,
          cert: readPem(tls.certFile),
          key: readPem(tls.keyFile),
          minVersion: "TLSv1.2",
        });
  server.maxConnections = connectionsMax;
  return server;
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new GodwitError("listen_refused", {
      disposition: "fatal",
      what: `${file} cannot be read`,
      hint: "Name a certificate with its chain, and its key, in PEM.",
      cause,
    });
  }
}

interface Served {
  readonly incoming: IncomingMessage;
  readonly requestId: string;
  /** Monotonic. */
  readonly began: number;
}

class Serving {
  readonly #options: ListenOptions;
  readonly #server: Server;
  readonly #dispatcher: Dispatcher;
  readonly #ending = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ListenOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    const { routes } = apiRoutes(options.version, options.offers);
    this.#dispatcher = new Dispatcher({ api: apiOf(options), routes, auth: options.auth });
    server.on("request", (incoming, outgoing) => {
      const served = this.#serve(incoming, outgoing).catch((error: unknown) => {
        // The answer could not be written: whoever asked is gone.
        outgoing.destroy();
        this.#options.onError?.(error, "");
      });
      this.#underWay.add(served);
      void served.finally(() => this.#underWay.delete(served));
    });
    server.on("clientError", (error, socket) => refuseRaw(error, socket as Socket));
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const over = new AbortController();
    const patience = this.#options.clock.sleep(drainMs, over.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#underWay), patience]);
    over.abort();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const requestId = Buffer.from(this.#options.randomBytes(requestIdBytes)).toString("hex");
    const began = this.#options.clock.monotonicMs();
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    outgoing.setHeader("x-request-id", requestId);
    try {
      if (this.#ending.signal.aborted) throw ends();
      const signal = AbortSignal.any([gone.signal, this.#ending.signal]);
      const answer = await this.#dispatcher.answer({ incoming, requestId, signal });
      await writeAnswer(outgoing, answer);
      const { job_id: jobId = null } = (answer.body ?? {}) as { readonly job_id?: JobId };
      this.#tell({ incoming, requestId, began }, { status: answer.status, code: null, jobId });
    } catch (error) {
      // Whoever has gone before the request was whole hears nothing, and nothing has failed here.
      if (incoming.destroyed && !incoming.complete) return;
      const problem = problemAnswer(error, requestId);
      if (problem.status >= 500) this.#options.onError?.(error, requestId);
      await writeProblem(outgoing, problem);
      this.#tell({ incoming, requestId, began }, { status: problem.status, code: problem.body.code, jobId: null });
    }
  }

  #tell({ incoming, requestId, began }: Served, end: Pick<AnsweredRequest, "status" | "code" | "jobId">): void {
    const { clock, onAnswered } = this.#options;
    const [path = ""] = (incoming.url ?? "").split("?");
    const method = incoming.method ?? "";
    onAnswered?.({ requestId, method, path: path.slice(0, pathShownMax), ms: clock.monotonicMs() - began, ...end });
  }
}

function apiOf(options: ListenOptions): Api {
  const { store, access, overview, budget, signers, signingKey, clock, randomBytes, version, metrics } = options;
  return {
    store,
    access,
    overview,
    budget,
    signers,
    signingKey,
    clock,
    randomBytes,
    version,
    metrics,
    allowLists: canonicalLists(options.allowLists),
    maps: new MapCache(overview, clock),
    seats: new Seats(streamsMax, "streams of events"),
    reportSeats: new Seats(reportsMax, "signed reports"),
    onCancelled: (jobId) => options.onCancelled?.(jobId),
  };
}

/** What is no HTTP, or takes too long to become one, has no request to be answered. */
function refuseRaw(error: Error, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const isLate = "code" in error && error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const why = isLate
    ? { status: 408, what: "the request did not arrive in time", hint: "Send it again, without pauses." }
    : { status: 400, what: "this is no HTTP request", hint: "Speak HTTP/1.1." };
  const { body } = problemAnswer(new Refusal("request_invalid", why), "");
  const text = JSON.stringify(body);
  const head = `content-type: ${problemMedia}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${why.status} ${STATUS_CODES[why.status] ?? ""}\r\n${head}\r\n\r\n${text}`);
}

function ends(): Refusal {
  return new Refusal("server_busy", {
    status: 503,
    what: "the server is ending",
    hint: "Send the request again, to another server or a little later.",
    headers: { connection: "close" },
  });
}

function exposed(host: string, tls: TlsFiles | null, auth: string): GodwitError {
  const lacking = [tls === null ? "TLS" : "", auth === "open" ? "tokens" : ""].filter(Boolean).join(" and ");
  return new GodwitError("listen_refused", {
    disposition: "fatal",
    what: `to listen on ${host} would let others reach this server, and it has no ${lacking}`,
    hint: "Give a certificate and its key, and let it ask for tokens; or listen on 127.0.0.1.",
  });
}

function notListening(host: string, port: number, cause: Error): GodwitError {
  return new GodwitError("listen_refused", {
    disposition: "fatal",
    what: `the server cannot listen on ${host}:${port} (${cause.message})`,
    hint: "Choose another address, or stop what listens there.",
    cause,
  });
}
