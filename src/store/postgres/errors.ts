/** SQLSTATE codes (https://www.postgresql.org/docs/current/errcodes-appendix.html) in Godwit's words, once. */
import { GodwitError } from "../../base/errors.ts";
import { sqlStateOf } from "./dialect.ts";

/** A transaction that lost to another's, and may be begun again at once. */
export function isConflict(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === "40001" || state === "40P01";
}

/** Nobody knows here whether a worker meets it, which waits, or a command that ends with it. */
const passing = "What runs already tries again by itself; what has ended is to be started again.";

export function translate(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || error instanceof GodwitError) return error;
  const state = sqlStateOf(error);
  const text = error.message;
  if (state === null) {
    if (!isNetwork(error)) return error;
    return new GodwitError("store_busy", {
      disposition: "retry",
      what: `the store at ${where} does not answer (${text})`,
      hint: `Check that PostgreSQL is up and that this machine reaches it. ${passing}`,
      cause: error,
    });
  }
  const make = (name: "disk_full" | "store_busy" | "state_unusable", what: string, hint: string): GodwitError =>
    new GodwitError(name, { disposition: name === "store_busy" ? "retry" : "fatal", what, hint, cause: error });
  switch (state.slice(0, 2)) {
    case "08":
    case "57":
    case "40":
    case "55":
      return make(
        "store_busy",
        `the store at ${where} does not serve now (${text})`,
        `See what its log says. ${passing}`,
      );
    case "53":
      if (state === "53100")
        return make("disk_full", `no room for the state at ${where} (${text})`, "Free some space there: jobs go on.");
      return make(
        "store_busy",
        `the store at ${where} is at its limit (${text})`,
        `Check its connections (max_connections) and its memory. ${passing}`,
      );
    case "25":
      return make(
        "state_unusable",
        `the store at ${where} is read-only (${text})`,
        "Is it a standby? Name the primary, or an address that follows it.",
      );
    case "28":
      return make("state_unusable", `the store at ${where} refuses the login (${text})`, "Check user and password.");
    case "3D":
      return make("state_unusable", `${text} at ${where}`, "Create it with `createdb`, or correct the URL.");
    case "42":
      if (state === "42501")
        return make("state_unusable", `the store at ${where} refuses (${text})`, "The role needs to own its schema.");
      return error;
    default:
      return error;
  }
}

/** What Node.js says of sockets, and `pg` of connections that ended or did not come about. */
function isNetwork(error: Error): boolean {
  if ("code" in error && typeof error.code === "string" && /^E[A-Z_]+$/.test(error.code)) return true;
  return /connection terminated|timeout (?:exceeded|expired)|not queryable|connection error|query read timeout/i.test(
    error.message,
  );
}
