/**
 * Single messages of the PostgreSQL protocol, version 3: what a client sends, and what is in the answers that matter to it
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 */

const lengthBytes = 4;

/** A message of this kind (one character) and body. */
export function message(kind: string, body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(1 + lengthBytes + body.length);
  bytes.write(kind, 0, "latin1");
  bytes.writeUInt32BE(lengthBytes + body.length, 1);
  bytes.set(body, 1 + lengthBytes);
  return bytes;
}

/** A text of one statement or several, by the simple protocol. */
export function query(text: string): Uint8Array {
  return message("Q", cstring(text));
}

/** The end of what is copied in. */
export const copyDone: Uint8Array = message("c", new Uint8Array(0));

function cstring(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "utf8");
}

/** The kinds of a server's messages that a COPY meets. */
export const answers = {
  copyData: "d",
  copyDone: "c",
  copyInResponse: "G",
  copyOutResponse: "H",
  commandComplete: "C",
  errorResponse: "E",
  noticeResponse: "N",
  parameterStatus: "S",
  readyForQuery: "Z",
} as const;

/** What a server says of a failure: https://www.postgresql.org/docs/current/protocol-error-fields.html */
export interface ServerError {
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  /** Such as `COPY orders, line 7, column total`. */
  readonly where: string | null;
  readonly table: string | null;
  readonly column: string | null;
  readonly constraint: string | null;
}

/** @param body of an ErrorResponse or a NoticeResponse */
export function serverError(body: Uint8Array): ServerError {
  const fields = new Map<string, string>();
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at < text.length && text[at] !== 0;) {
    const end = text.indexOf(0, at);
    const stop = end === -1 ? text.length : end;
    fields.set(String.fromCharCode(text[at] as number), text.toString("utf8", at + 1, stop));
    at = stop + 1;
  }
  const field = (kind: string): string | null => fields.get(kind) ?? null;
  return {
    // `V` is never translated; servers before 9.6 do not send it.
    severity: field("V") ?? field("S") ?? "ERROR",
    code: field("C") ?? "XX000",
    message: field("M") ?? "an error without a message",
    detail: field("D"),
    hint: field("H"),
    where: field("W"),
    table: field("t"),
    column: field("c"),
    constraint: field("n"),
  };
}

/** @param body of a CommandComplete, such as `COPY 1000` @returns the rows that it names, 0 where it names none */
export function rowsOf(body: Uint8Array): number {
  const tag = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  return Number(/ (\d+)\0?$/.exec(tag)?.[1] ?? 0);
}
