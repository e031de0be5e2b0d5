/** SQLSTATE codes (https://www.postgresql.org/docs/current/errcodes-appendix.html) of a source or target, in Godwit's words. */
import { type ErrorCode, type Disposition, GodwitError } from "../../base/errors.ts";
import { CopyError } from "./copy.ts";

/** @returns null where the error is none of a server */
export function sqlStateOf(error: unknown): string | null {
  if (error instanceof CopyError) return error.server.code;
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return /^[0-9A-Z]{5}$/.test(error.code) && "severity" in error ? error.code : null;
}

type Words = readonly [code: ErrorCode, disposition: Disposition, what: string, hint: string];

const again = "It is tried again. See the server's log, and whether this machine reaches it.";

/** By the whole code, else by its class. */
const byState: Readonly<Record<string, Words>> = {
  "08": ["store_unreachable", "retry", "does not answer, or broke the connection", again],
  "57": ["store_busy", "retry", "ends or starts, or ended the session", again],
  "53": ["store_busy", "retry", "is at its limit", "Check max_connections, its memory and its disk."],
  "40": ["store_busy", "retry", "took the transaction back", again],
  "55": ["store_busy", "retry", "is busy with the same object", again],
  "53100": [
    "disk_full",
    "fatal",
    "has no room",
    "Make room there, then run the same command again: it goes on where it stopped.",
  ],
  "28": [
    "credentials_rejected",
    "fatal",
    "refuses the login",
    "Check the user, ~/.pgpass or PGPASSWORD, and pg_hba.conf.",
  ],
  "3D": ["source_missing", "fatal", "has no such database", "Create it with createdb, or correct the URL."],
  "42501": [
    "access_denied",
    "fatal",
    "refuses",
    "The role needs to read each table of a source, and to own the database of a target.",
  ],
  "25006": ["target_unwritable", "fatal", "is read-only", "Is it a standby? Name the primary."],
  "42P07": [
    "target_conflict",
    "fatal",
    "has something of that name already",
    "Name an empty database: nothing is dropped or overwritten.",
  ],
  "42P06": [
    "target_conflict",
    "fatal",
    "has a schema of that name already",
    "Name an empty database: nothing is dropped or overwritten.",
  ],
  "42710": [
    "target_conflict",
    "fatal",
    "has something of that name already",
    "Name an empty database: nothing is dropped or overwritten.",
  ],
  "42723": [
    "target_conflict",
    "fatal",
    "has a function of that name already",
    "Name an empty database: nothing is dropped or overwritten.",
  ],
  "42704": [
    "target_unwritable",
    "fatal",
    "lacks what the schema needs",
    "Make the role, collation or type there first; godwit doctor names all of them.",
  ],
  "0A000": [
    "target_unwritable",
    "fatal",
    "cannot do what the schema needs",
    "Install the extension there, or use a later version; godwit doctor names what is missing.",
  ],
};

/** @param where as shown to people */
export function translate(error: unknown, where: string, role: "source" | "target" = "source"): unknown {
  if (!(error instanceof Error) || error instanceof GodwitError) return error;
  const state = sqlStateOf(error);
  const words = state === null ? ofConnection(error) : (byState[state] ?? byState[state.slice(0, 2)]);
  if (words === undefined) {
    if (state === null) return error;
    return make(error, ["target_unwritable", "rejected", "refuses a statement", "See the server's words."], where);
  }
  const [code, ...rest] = words;
  return make(error, [code === "source_missing" && role === "target" ? "target_missing" : code, ...rest], where);
}

function make(error: Error, [code, disposition, what, hint]: Words, where: string): GodwitError {
  return new GodwitError(code, { disposition, what: `${where} ${what} (${error.message})`, hint, cause: error });
}

const untrusted: Words = [
  "server_untrusted",
  "fatal",
  "has a certificate that this machine does not trust",
  "Name the authority's certificate in the URL (sslrootcert=FILE), or have the server's renewed for the name by which you reach it.",
];

function ofConnection(error: Error): Words | undefined {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (/CERT|^ERR_TLS/.test(code) || /certificate/i.test(error.message)) return untrusted;
  return isNetwork(error) ? byState["08"] : undefined;
}

/** What Node.js says of sockets, and `pg` of connections that ended or did not come about. */
function isNetwork(error: Error): boolean {
  if ("code" in error && typeof error.code === "string" && /^E[A-Z_]+$/.test(error.code)) return true;
  return /connection|terminated|timeout|not queryable/i.test(error.message);
}
