/** The API of `serve`: whom it serves and from where, by its options, and the first token. */
import { randomBytes } from "node:crypto";
import { firstAdminToken } from "../api/tokens.ts";
import { type ApiServer, isLoopback, listen, type ListenOptions } from "../api/server.ts";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { systemClock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { State } from "../store/state.ts";
import { discardLogged } from "./discard-logged.ts";
import type { apiOptions } from "./fleet-options.ts";
import type { Values } from "./job-options.ts";
import { reportSigner } from "./report-signer.ts";

export interface RunApiOptions {
  readonly state: State;
  readonly values: Values<typeof apiOptions> & { readonly state: string | null };
  readonly version: string;
  readonly log: Log;
  readonly metrics: () => Promise<string>;
  /** Is told the first admin's token, once. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

const bytes = (count: number): Uint8Array => randomBytes(count);

/** @throws listen_refused, usage, key_invalid */
export async function startApi(options: RunApiOptions): Promise<ApiServer> {
  const { state, values, version, log, metrics, tell, signal } = options;
  const { store, access, overview, budget, signers } = state;
  const signingKey = reportSigner({ signers, keyFile: values.signingKey, state: values.state });
  // What is wrong with it is said now, not with the first report.
  const { keyId } = await signingKey();
  const { host, port } = hostAndPort("--listen", values.listen);
  const server = await listen({
    store,
    access,
    overview,
    budget,
    signers,
    signingKey,
    clock: systemClock,
    randomBytes: bytes,
    version,
    metrics,
    host,
    port,
    tls: tlsOf(values),
    auth: values.withoutTokens ? "open" : "tokens",
    allowLists: {
      sources: listOf(values.allowSource),
      targets: listOf(values.allowTarget),
      s3Endpoints: listOf(values.allowS3Endpoint),
    },
    // Nobody leads it: what it has staged is removed here.
    onCancelled: (jobId) => void discardLogged(jobId, { store, log, signal }),
    ...requestLog(log),
  });
  log.info("the API listens", { address: server.address, signs_with: keyId });
  const token = values.withoutTokens ? null : await firstAdminToken(access, bytes);
  if (token !== null) tell(`first admin token, told once: ${token}`);
  return server;
}

export interface MetricsApiOptions {
  readonly state: State;
  readonly listenAt: string;
  readonly values: TlsValues;
  readonly version: string;
  readonly log: Log;
  readonly metrics: () => Promise<string>;
}

/**
 * Nothing but GET /metrics. This machine's own addresses are open: numbers are no secrets. Elsewhere it asks for what the
 * API asks for: TLS, and a token of the fleet's.
 * @throws listen_refused, usage
 */
export function startMetricsApi({ state, listenAt, values, log, ...rest }: MetricsApiOptions): Promise<ApiServer> {
  const { host, port } = hostAndPort("--metrics-listen", listenAt);
  return listen({
    ...state,
    ...rest,
    host,
    port,
    clock: systemClock,
    randomBytes: bytes,
    tls: tlsOf(values),
    auth: isLoopback(host) ? "open" : "tokens",
    allowLists: { sources: null, targets: null, s3Endpoints: null },
    offers: "metrics",
    // No route of these asks for it.
    signingKey: () => Promise.reject(new Error("a worker signs nothing")),
    ...requestLog(log),
  });
}

/** Scrapes and looks are not told, unless they fail. */
function requestLog(log: Log): Pick<ListenOptions, "onError" | "onAnswered"> {
  return {
    onError: (error, requestId) =>
      log.error("a request failed", { request_id: requestId, error: toGodwitError(error).toJSON() }),
    onAnswered: ({ requestId, jobId, method, path, status, code, ms }) => {
      if (code === null && (method === "GET" || method === "HEAD")) return;
      const about = { request_id: requestId, ...(jobId !== null && { job_id: jobId }), method, path, status };
      const told = { ...about, duration_ms: Math.round(ms) };
      if (code === null) log.info("a request was answered", told);
      else log.warn("a request was refused", { ...told, code });
    },
  };
}

function hostAndPort(option: string, typed: string): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[(?<six>[0-9a-f:]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/i.exec(typed)?.groups;
  const port = Number(parts?.["port"]);
  const host = parts?.["six"] ?? parts?.["name"];
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: `${option} takes host:port, not ${typed}`,
    hint: "Such as 127.0.0.1:7340, [::1]:7340 or 0.0.0.0:443. Port 0 takes a free one.",
  });
}

type TlsValues = Pick<Values<typeof apiOptions>, "tlsCert" | "tlsKey">;

function tlsOf({ tlsCert, tlsKey }: TlsValues): { certFile: string; keyFile: string } | null {
  if (tlsCert === null && tlsKey === null) return null;
  if (tlsCert !== null && tlsKey !== null) return { certFile: tlsCert, keyFile: tlsKey };
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: "--tls-cert and --tls-key belong together",
    hint: "Give both, or neither to listen on this machine alone.",
  });
}

function listOf(places: readonly string[]): readonly string[] | null {
  return places.length === 0 ? null : places;
}
