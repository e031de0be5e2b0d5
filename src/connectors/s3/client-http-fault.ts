import { errors } from "undici";

/** What can go wrong below S3: between the socket and a whole answer. `client-errors.ts` translates it, once. */
export type TransportFault =
  | "refused"
  | "name_unknown"
  | "tls"
  | "connect_timeout"
  | "idle_timeout"
  | "reset"
  | "closed_unanswered"
  | "truncated"
  | "invalid"
  | "aborted";

export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly fault: TransportFault;

  constructor(fault: TransportFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

/** How far the exchange had come. */
export interface Progress {
  readonly isAnswered: boolean;
  /** Of the body that was announced; null where no length was. */
  readonly missingBytes: number | null;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** What undici or a socket reports, in our words. */
export function faultOf(error: unknown, progress: Progress): TransportError {
  if (error instanceof TransportError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const text = message || code || "the connection failed";
  if (error instanceof errors.HTTPParserError)
    return message.includes("EOF") ? closed(progress, error) : new TransportError("invalid", text, error);
  switch (code) {
    case "UND_ERR_CONNECT_TIMEOUT":
      return new TransportError("connect_timeout", `no connection within ${progress.connectTimeoutMs} ms`, error);
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return new TransportError("idle_timeout", `no byte within ${progress.idleTimeoutMs} ms`, error);
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return new TransportError("aborted", "the client was closed", error);
    case "UND_ERR_ABORTED":
      return new TransportError("aborted", "the body was not read to its end", error);
    case "UND_ERR_HEADERS_OVERFLOW":
      return new TransportError("invalid", "the headers are too long", error);
    case "UND_ERR_SOCKET":
      return message.startsWith("bad ") ? new TransportError("invalid", text, error) : closed(progress, error);
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      // Before the end of the head, it is how undici reports that the head states no one length.
      return progress.isAnswered ? closed(progress, error) : new TransportError("invalid", text, error);
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new TransportError("name_unknown", text, error);
    case "ETIMEDOUT":
      return new TransportError("connect_timeout", text, error);
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return new TransportError("refused", text, error);
    default:
      if (/CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|UNABLE_TO_/.test(code)) return new TransportError("tls", text, error);
      return new TransportError("reset", text, error);
  }
}

function closed({ isAnswered, missingBytes }: Progress, cause: unknown): TransportError {
  if (!isAnswered) return new TransportError("closed_unanswered", "the connection was closed without an answer", cause);
  const missing = missingBytes === null || missingBytes === 0 ? "" : `, ${missingBytes} bytes are missing`;
  return new TransportError("truncated", `the answer was cut short${missing}`, cause);
}
