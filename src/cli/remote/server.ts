/**
 * A server as a command speaks to it. Every request may be sent twice: what changes anything carries a key, or says what
 * is to be, not what is to be done. So whatever passes (a lost connection, 503) is tried again, for a bounded time. The
 * token goes over TLS or within this machine, and never to where an answer would lead elsewhere.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Dispatcher, Pool } from "undici";
import { z } from "zod";
import { GodwitError, toGodwitError } from "../../base/errors.ts";
import { apiVersion, serverShape } from "../../api/shapes.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ServerAddress } from "../server-options.ts";
import {
  isClosedUnanswered,
  isPassing,
  isWorthAnotherTry,
  otherProtocol,
  refusalOf,
  transportError,
} from "./refusals.ts";
import { speaksTls } from "./speaks-tls.ts";

export interface Asked {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly idempotencyKey?: string;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: T;
}

export interface Opened {
  readonly media: string;
  readonly body: AsyncIterable<Buffer>;
}

const connectMs = 10_000;
const answerMs = 30_000;
/** For how long a request is tried again; then the command gives up, and may be given again. */
const patienceMs = 15_000;
/** A machine that slept meanwhile has no patience left, and yet has hardly tried. */
const triesMin = 4;
const firstWaitMs = 250;
const waitMsMax = 5_000;
const answerBytesMax = 64 * 2 ** 20;

export interface ConnectOptions {
  readonly signal: AbortSignal;
  /** Told of a failure that is tried again. */
  readonly onRetry?: (error: GodwitError) => void;
  readonly clock?: Clock;
}

export class RemoteServer implements AsyncDisposable {
  /** As it was named, without a slash at its end. */
  readonly url: string;
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #prefix: string;
  readonly #options: ConnectOptions;
  readonly clock: Clock;

  /** @throws usage */
  constructor(address: ServerAddress, options: ConnectOptions) {
    const url = urlOf(address.url);
    this.url = url.href.replace(/\/+$/, "");
    this.clock = options.clock ?? systemClock;
    this.#options = options;
    this.#prefix = url.pathname.replace(/\/+$/, "");
    const token = tokenOf(address.tokenFile);
    this.#headers = { accept: "*/*", ...(token !== null && { authorization: `Bearer ${token}` }) };
    const tls = address.ca === null ? {} : { ca: readText("--ca", address.ca) };
    this.#pool = new Pool(url.origin, { connections: 2, connect: { timeout: connectMs, ...tls } });
  }

  /**
   * One request and its answer, tried again while what is in its way is passing.
   * @throws what the server refused it with; server_unreachable, server_untrusted, server_unknown
   */
  async ask<T>(asked: Asked, shape: z.ZodType<T>): Promise<Answer<T>> {
    const { signal, onRetry } = this.#options;
    const deadlineMs = this.clock.monotonicMs() + patienceMs;
    for (let [tries, waitMs] = [1, firstWaitMs]; ; [tries, waitMs] = [tries + 1, Math.min(waitMsMax, 2 * waitMs)]) {
      let error: GodwitError;
      let saidMs = 0;
      try {
        const { statusCode, headers, body } = await this.#send(asked, { bodyTimeout: answerMs, signal });
        const text = await this.#read(body);
        if (statusCode < 300) return { status: statusCode, headers, body: parsedAs(shape, text, this.url) };
        error = refusalOf({ status: statusCode, text, url: this.url });
        saidMs = isPassing(statusCode) ? 1_000 * (Number(headers["retry-after"]) || 0) : 0;
      } catch (cause) {
        signal.throwIfAborted();
        error = transportError(this.url, cause);
        if (tries === 1 && isClosedUnanswered(error) && (await this.#speaksTls()))
          throw otherProtocol(this.url, "speaks TLS", { hint: "Name the server by https://.", cause });
      }
      const nextMs = Math.max(waitMs, Math.min(waitMsMax, saidMs));
      const isLast = tries >= triesMin && this.clock.monotonicMs() + nextMs > deadlineMs;
      if (isLast || !isWorthAnotherTry(error)) throw error;
      onRetry?.(error);
      await this.clock.sleep(nextMs, signal);
    }
  }

  /**
   * An answer that comes bit by bit. Tried once: whoever takes it knows how to go on.
   * @param silentMs for how long nothing may come @throws as `ask`; also while the body is read
   */
  async open(asked: Asked, silentMs: number): Promise<Opened> {
    const { signal } = this.#options;
    try {
      const { statusCode, headers, body } = await this.#send(asked, { bodyTimeout: silentMs, signal });
      if (statusCode >= 300) throw refusalOf({ status: statusCode, text: await this.#read(body), url: this.url });
      const media = String(headers["content-type"] ?? "").split(";", 1)[0] ?? "";
      return { media, body: this.#told(body) };
    } catch (cause) {
      signal.throwIfAborted();
      throw transportError(this.url, cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was not read to its end is of no use to anybody.
    await this.#pool.destroy();
  }

  async #speaksTls(): Promise<boolean> {
    const url = new URL(this.url);
    return url.protocol === "http:" && (await speaksTls(url, this.#options.signal));
  }

  #send(
    { method, path, query, body, idempotencyKey }: Asked,
    times: Pick<Dispatcher.RequestOptions, "bodyTimeout" | "signal">,
  ): Promise<Dispatcher.ResponseData> {
    const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`;
    return this.#pool.request({
      method,
      path: `${this.#prefix}${path}${search}`,
      headers: {
        ...this.#headers,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: answerMs,
      ...times,
    });
  }

  async *#told(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* body;
    } catch (cause) {
      this.#options.signal.throwIfAborted();
      throw transportError(this.url, cause);
    }
  }

  async #read(body: AsyncIterable<Buffer>): Promise<string> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of body) {
      bytes += part.length;
      if (bytes > answerBytesMax) throw notUnderstood(this.url, "its answer has no end");
      parts.push(part);
    }
    return Buffer.concat(parts).toString("utf8");
  }
}

/**
 * The server, once it is known that both speak of the same things.
 * @throws server_version, token_invalid; as `RemoteServer.ask`
 */
export async function connectServer(address: ServerAddress, options: ConnectOptions): Promise<RemoteServer> {
  const server = new RemoteServer(address, options);
  try {
    const { body } = await server.ask({ method: "GET", path: "/server" }, z.object(serverShape.shape));
    if (body.api_version !== apiVersion) throw otherVersion(server.url, body);
    return server;
  } catch (error) {
    const known = toGodwitError(error);
    const told = known.code === "route_unknown" ? await withoutServerRoute(server) : error;
    await server[Symbol.asyncDispose]();
    throw told;
  }
}

/** It speaks as Godwit does: an API from before `/server`, or a process that offers its metrics alone. */
async function withoutServerRoute(server: RemoteServer): Promise<unknown> {
  try {
    await server.ask({ method: "GET", path: "/healthz" }, z.unknown());
    return otherVersion(server.url, { version: "an early one", api_version: 0 });
  } catch (error) {
    if (toGodwitError(error).code !== "route_unknown") return error;
    return new GodwitError("server_unknown", {
      disposition: "rejected",
      what: `what answers at ${server.url} is no API of Godwit: perhaps a worker's metrics`,
      hint: "Name the address at which `godwit serve` listens; --metrics-listen of a worker answers /metrics alone.",
      cause: error,
    });
  }
}

function urlOf(typed: string): URL {
  const refuse = (why: string): GodwitError =>
    new GodwitError("usage", {
      disposition: "fatal",
      what: `--server <url>: ${typed.replace(/\/\/[^/@]*@/, "//***@")} ${why}`,
      hint: "Such as https://godwit.example.org:7340, or http://127.0.0.1:7340 for a server on this machine.",
    });
  let url: URL;
  try {
    url = new URL(typed);
  } catch {
    throw refuse("is no URL");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse("is no URL of a server");
  if (url.username !== "" || url.password !== "") throw refuse("holds a user or a password");
  if (url.search !== "" || url.hash !== "") throw refuse("has a query or a fragment");
  if (url.protocol === "http:" && !/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname))
    throw refuse("would carry the token in the clear: beyond this machine only https:// is spoken");
  return url;
}

function tokenOf(file: string | null): string | null {
  const text = file === null ? (process.env["GODWIT_TOKEN"] ?? "") : readText("--token-file", file);
  const token = text.trim();
  if (token === "" && file === null) return null;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: `${file === null ? "GODWIT_TOKEN" : `--token-file <file>: ${file}`} holds no token`,
    hint: "It is one line that begins with godwit_.",
  });
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(resolve(file), "utf8");
  } catch (cause) {
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `${flag} <file>: ${file} cannot be read`,
      hint: "Name a file that is there and readable.",
      cause,
    });
  }
}

/** @throws server_unknown */
export function parsedAs<T>(shape: z.ZodType<T>, text: string, url: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notUnderstood(url, "its answer is no JSON");
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw notUnderstood(url, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is of another shape"}`);
}

function notUnderstood(url: string, why: string): GodwitError {
  return new GodwitError("server_unknown", {
    disposition: "rejected",
    what: `what answers at ${url} is not understood (${why})`,
    hint: "Check that a Godwit server is there, and which version it has.",
  });
}

function otherVersion(url: string, { version, api_version: spoken }: { version: string; api_version: number }) {
  const older = spoken < apiVersion ? "the server is too old for this program" : "this program is too old for it";
  return new GodwitError("server_version", {
    disposition: "rejected",
    what: `the server ${url} (version ${version}) speaks version ${spoken} of the API, and this program version ${apiVersion}: ${older}`,
    hint: "Use the program of the server's version.",
  });
}
