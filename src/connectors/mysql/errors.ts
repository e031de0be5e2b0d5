/** Error numbers of MySQL and MariaDB (https://mariadb.com/kb/en/mariadb-error-code-reference/) in Godwit's words. */
import { type Disposition, type ErrorCode, GodwitError } from "../../base/errors.ts";

type Words = readonly [code: ErrorCode, disposition: Disposition, what: string, hint: string];

const again = "It is tried again. See the server's log, and whether this machine reaches it.";
const login = "Check the user, MYSQL_PWD or ~/.my.cnf, and the grants for this host.";
const away: Words = ["store_unreachable", "retry", "does not answer, or broke the connection", again];

const byNumber: Readonly<Record<number, Words>> = {
  1045: ["credentials_rejected", "fatal", "refuses the login", login],
  1698: ["credentials_rejected", "fatal", "refuses the login", login],
  1130: ["credentials_rejected", "fatal", "refuses this host", login],
  1044: ["access_denied", "fatal", "refuses the database", "The user needs select and show view on it."],
  1142: ["access_denied", "fatal", "refuses", "The user needs select and show view on the database."],
  1143: ["access_denied", "fatal", "refuses a column", "The user needs select on each column."],
  1227: ["access_denied", "fatal", "refuses", "The user lacks a privilege that the server's words name."],
  1049: ["source_missing", "fatal", "has no such database", "Correct the URL."],
  1146: ["source_vanished", "rejected", "has no such table any more", "It was dropped or renamed meanwhile."],
  1054: ["source_changed", "retry", "has no such column any more", "The table was changed meanwhile: it is read anew."],
  1412: ["source_changed", "retry", "has changed a table since its snapshot", "The table is read anew."],
  1040: ["store_busy", "retry", "has too many connections", "Raise max_connections, or use fewer lanes."],
  1203: ["store_busy", "retry", "has too many connections of this user", "Raise its limit, or use fewer lanes."],
  1205: ["store_busy", "retry", "waited too long for a lock", again],
  1213: ["store_busy", "retry", "took the transaction back", again],
  1317: ["store_busy", "retry", "ended the statement", again],
  1927: ["store_unreachable", "retry", "ended the session", again],
  1053: ["store_unreachable", "retry", "is shutting down", again],
  1021: ["disk_full", "fatal", "has no room for its own files", "Make room there."],
  1969: ["store_busy", "retry", "ended the statement, which took too long", "Raise max_statement_time of the user."],
};

/** @param where as shown to people */
export function translate(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || error instanceof GodwitError) return error;
  const number = "errno" in error && typeof error.errno === "number" ? error.errno : 0;
  const words = number > 0 ? byNumber[number] : isNetwork(error) ? away : undefined;
  if (words !== undefined) return make(error, words, where);
  if (number <= 0) return error;
  return make(error, ["unreadable", "rejected", "refuses a statement", "See the server's words."], where);
}

function make(cause: Error, [code, disposition, what, hint]: Words, where: string): GodwitError {
  return new GodwitError(code, { disposition, what: `${where} ${what} (${cause.message})`, hint, cause });
}

/** What Node.js says of sockets, and `mysql2` of connections that ended or did not come about. */
function isNetwork(error: Error): boolean {
  if ("code" in error && typeof error.code === "string" && /^(E[A-Z_]+|PROTOCOL_\w+)$/.test(error.code)) return true;
  return /connection|closed state|timeout/i.test(error.message);
}
