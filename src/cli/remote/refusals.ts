/** What a server refused, or why it could not be asked, as errors of this program. */
import { STATUS_CODES } from "node:http";
import { errors as transport } from "undici";
import { z } from "zod";
import { type ErrorCode, errorCodes, GodwitError } from "../../base/errors.ts";

const problem = z.object({
  code: z.string(),
  detail: z.string(),
  hint: z.string(),
  request_id: z.string(),
  errors: z.array(z.object({ field: z.string(), detail: z.string() })),
});

export interface RefusedAnswer {
  readonly status: number;
  /** As it came. */
  readonly text: string;
  readonly url: string;
}

/** Passing: the same request may succeed in a moment. */
const passing = new Set([429, 502, 503, 504]);

export function isPassing(status: number): boolean {
  return passing.has(status);
}

export function refusalOf({ status, text, url }: RefusedAnswer): GodwitError {
  const parsed = problem.safeParse(jsonOf(text));
  if (!parsed.success) return noProblem(status, url);
  const { code, detail, hint, request_id: requestId, errors } = parsed.data;
  const unnamed = errors.map(({ field }) => field).filter((field) => !detail.includes(field));
  const fields = unnamed.length === 0 ? "" : ` (${unnamed.join(", ")})`;
  const known = (errorCodes as readonly string[]).includes(code);
  return new GodwitError(known ? (code as ErrorCode) : status < 500 ? "request_invalid" : "internal", {
    disposition: isPassing(status) ? "retry" : "rejected",
    what: `${known ? "" : `${code}: `}${detail}${fields}${status >= 500 ? ` (request ${requestId})` : ""}`,
    hint: code === "token_invalid" ? tokenHint : hint,
  });
}

const tokenHint = "Give a token by --token-file or GODWIT_TOKEN. `POST /tokens` of an admin makes one.";

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** A proxy answers in the server's place, or there is none. */
function noProblem(status: number, url: string): GodwitError {
  const what = `${url} answered ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  if (isPassing(status)) return unreachable(url, what);
  return new GodwitError("server_unknown", {
    disposition: "rejected",
    what: `${what}, and not as a Godwit server does`,
    hint: "Check the address, its port, and the proxy in between.",
  });
}

export function unreachable(url: string, why: string, cause?: unknown): GodwitError {
  return new GodwitError("server_unreachable", {
    disposition: "retry",
    what: `the server ${url} does not answer (${why})`,
    hint: "Check the address and the network. What runs on the server goes on; the same command again takes it up.",
    cause,
  });
}

/** Codes of OpenSSL and of Node.js for a certificate that does not prove whose it is. */
const untrusted =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_)/;

/** What came first was no record of TLS at all. */
const noRecords = /^(?:EPROTO|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL))$/;

const plainHint =
  "It seems to speak http. On this machine name it by http://; elsewhere it needs a certificate (`godwit serve --tls-cert --tls-key`).";

/** Trying again would bring the same answer. */
export function otherProtocol(
  url: string,
  what: string,
  { hint, cause }: { readonly hint: string; readonly cause: unknown },
): GodwitError {
  return new GodwitError("server_unknown", {
    disposition: "rejected",
    what: `what answers at ${url} ${what}`,
    hint,
    cause,
  });
}

/** Closed without an answer, as a server with TLS closes what is none. */
export function isClosedUnanswered(error: GodwitError): boolean {
  return error.cause instanceof transport.SocketError || codeOf(error.cause) === "ECONNRESET";
}

/** Of a request that brought no answer. Keeps what is an error of ours, such as an interruption. */
export function transportError(url: string, cause: unknown): GodwitError {
  if (cause instanceof GodwitError) return cause;
  const code = codeOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  if (untrusted.test(code))
    return new GodwitError("server_untrusted", {
      disposition: "rejected",
      what: `the certificate of ${url} is not trusted (${code}: ${text})`,
      hint: "Name the authority that signed it with --ca, and reach the server by a name that its certificate has.",
      cause,
    });
  if (cause instanceof transport.HTTPParserError)
    return otherProtocol(url, "speaks no HTTP", {
      hint: "Check the address and its port; a server with a certificate is named by https://.",
      cause,
    });
  if (code === "EPROTO" || code.startsWith("ERR_SSL_"))
    return otherProtocol(url, `speaks no TLS ${noRecords.test(code) ? "" : "that this program knows "}(${code})`, {
      hint: noRecords.test(code) ? plainHint : "Check the address, its port, and the proxy in between.",
      cause,
    });
  return unreachable(url, code === "" ? text : code, cause);
}

/** A name that is not known stays so for longer than anybody waits. */
export function isWorthAnotherTry(error: GodwitError): boolean {
  return error.disposition === "retry" && codeOf(error.cause) !== "ENOTFOUND";
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
