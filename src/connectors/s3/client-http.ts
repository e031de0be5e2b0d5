import { setTimeout as delay } from "node:timers/promises";
import { type Dispatcher, Pool } from "undici";
import { AnswerBody } from "./client-http-body.ts";
import { faultOf, TransportError } from "./client-http-fault.ts";

/** Shorter than any server's own patience, so that a request rarely meets a socket that is just being closed. */
const reuseMsMax = 4000;
const headBytesMax = 64 * 1024;
const sliceBytes = 256 * 1024;
const keepAliveProbeMs = 30_000;

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** With its query; sent as it is. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /**
   * For so long the body waits for an answer to the head alone. A store that refuses without reading the body closes the
   * connection, and a client that is still writing then loses the answer to the reset.
   */
  readonly holdBodyMs: number;
  /** Where the body of a success goes; without it, into fresh memory. */
  readonly into: Buffer | null;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; repeated headers are joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: AnswerBody;
}

export interface TransportOptions {
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  readonly ca: string | undefined;
  readonly maxSockets: number;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

type Sent = Buffer | null;

/** HTTP/1.1 to one host over undici: at most `maxSockets` connections, more requests wait their turn. Each is sent once. */
export class HttpTransport {
  readonly #options: TransportOptions;
  readonly #pool: Pool;

  constructor(options: TransportOptions) {
    this.#options = options;
    const { isTls, host, port, ca, maxSockets, connectTimeoutMs, idleTimeoutMs } = options;
    this.#pool = new Pool(`${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`, {
      allowH2: false,
      pipelining: 1,
      connections: maxSockets,
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
      keepAliveTimeout: reuseMsMax,
      keepAliveMaxTimeout: reuseMsMax,
      maxHeaderSize: headBytesMax,
      connect: {
        timeout: connectTimeoutMs,
        keepAliveInitialDelay: keepAliveProbeMs,
        ...(ca !== undefined && { ca }),
      },
    });
  }

  /** Resolves with the head of the answer; its body follows. The signal ends a request at once, wherever it is. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    if (signal.aborted) throw stopped(signal);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    // undici tells a request that still waits for a socket only when it gets one.
    const onAbort = (): void => reject(stopped(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    const settled = new AbortController();
    try {
      const body = bodyOf(request, settled.signal);
      return this.#answer(request, await Promise.race([this.#request(request, body, signal), aborted]), signal);
    } catch (error) {
      throw this.#fault(error, signal, { isAnswered: false, missingBytes: null });
    } finally {
      settled.abort();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends whatever is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #request(
    { method, path, headers, body: whole }: HttpRequest,
    body: Sent,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const request = { method, path, signal, reset: false, body };
    if (whole === null || whole === body) return this.#pool.request({ ...request, headers });
    return this.#pool.request({ ...request, headers: { ...headers, "content-length": String(whole.length) } });
  }

  #answer({ method, into }: HttpRequest, answer: Dispatcher.ResponseData, signal: AbortSignal): HttpAnswer {
    const { statusCode: status, headers, body: stream } = answer;
    const length = headers["content-length"];
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    const bytes = hasBody && typeof length === "string" ? Number(length) : null;
    const target = status < 300 ? into : null;
    const body = new AnswerBody({
      stream,
      bytes,
      into: target,
      faultOf: (error, missingBytes) => this.#fault(error, signal, { isAnswered: true, missingBytes }),
    });
    if (target !== null && bytes !== null && bytes > target.length) {
      body.discard();
      throw new TransportError("invalid", `the body has ${bytes} bytes where at most ${target.length} were asked for`);
    }
    return { status, headers: asMap(headers), body };
  }

  #fault(
    error: unknown,
    signal: AbortSignal,
    at: { readonly isAnswered: boolean; readonly missingBytes: number | null },
  ): TransportError {
    return signal.aborted ? stopped(signal) : faultOf(error, { ...this.#options, ...at });
  }
}

function stopped(signal: AbortSignal): TransportError {
  return new TransportError("aborted", "stopped", signal.reason);
}

function bodyOf({ body, holdBodyMs }: HttpRequest, settled: AbortSignal): Sent {
  if (body === null || body.length <= sliceBytes) return body;
  // undici takes any iterable, which its types do not say.
  return (holdBodyMs > 0 ? heldSlices(body, holdBodyMs, settled) : slices(body)) as unknown as Buffer;
}

/**
 * A large body piece by piece: undici's timeout begins anew with each, so that an upload is not taken for a stalled one
 * because it lasts longer than a store may be silent.
 */
function* slices(body: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < body.length; at += sliceBytes) yield body.subarray(at, at + sliceBytes);
}

async function* heldSlices(body: Buffer, holdMs: number, settled: AbortSignal): AsyncGenerator<Buffer, void, void> {
  // undici sends the head with the first byte of the body.
  yield body.subarray(0, 1);
  // When it is cut short, the answer has come or the exchange is over: nobody takes the slices that follow.
  await delay(holdMs, undefined, { signal: settled }).catch(() => undefined);
  yield* slices(body.subarray(1));
}

function asMap(headers: Dispatcher.ResponseData["headers"]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) map.set(name, typeof value === "string" ? value : value.join(", "));
  }
  return map;
}
