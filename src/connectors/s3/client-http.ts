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
    try {
      return this.#answer(request, await Promise.race([this.#request(request, signal), aborted]), signal);
    } catch (error) {
      throw this.#fault(error, signal, { isAnswered: false, missingBytes: null });
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends whatever is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #request({ method, path, headers, body }: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const request = { method, path, signal, reset: false };
    if (body === null || body.length <= sliceBytes) return this.#pool.request({ ...request, headers, body });
    return this.#pool.request({
      ...request,
      headers: { ...headers, "content-length": String(body.length) },
      // Takes any iterable, which its types do not say.
      body: slices(body) as unknown as Buffer,
    });
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

/**
 * A large body piece by piece: undici's timeout begins anew with each, so that an upload is not taken for a stalled one
 * because it lasts longer than a store may be silent.
 */
function* slices(body: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < body.length; at += sliceBytes) yield body.subarray(at, at + sliceBytes);
}

function asMap(headers: Dispatcher.ResponseData["headers"]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) map.set(name, typeof value === "string" ? value : value.join(", "));
  }
  return map;
}
