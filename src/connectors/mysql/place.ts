/** A database of MySQL or MariaDB, as its URL names it: never with a password. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { GodwitError } from "../../base/errors.ts";

export interface DatabasePlace {
  /** As shown to people. */
  readonly location: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly tls: "off" | "required" | "verified";
}

const defaultPort = 3306;

/** `ssl-mode`, as MySQL's own programs know it. */
const tlsModes: Readonly<Record<string, DatabasePlace["tls"]>> = {
  DISABLED: "off",
  REQUIRED: "required",
  VERIFY_CA: "verified",
  VERIFY_IDENTITY: "verified",
};

/** @throws config_invalid */
export function placeOf(url: string): DatabasePlace {
  const parsed = new URL(url);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (database === "" || database.includes("/"))
    throw invalid("a URL of MySQL names one database", "Write mysql://user@host:3306/database.");
  for (const name of parsed.searchParams.keys()) {
    if (name !== "ssl-mode")
      throw invalid(`there is no setting ${name} of a MySQL URL`, "Only ssl-mode may follow the database.");
  }
  const mode = parsed.searchParams.get("ssl-mode") ?? "DISABLED";
  const tls = tlsModes[mode.toUpperCase()];
  if (tls === undefined)
    throw invalid(`there is no ssl-mode ${mode}`, `It is one of ${Object.keys(tlsModes).join(", ")}.`);
  return {
    location: `mysql://${parsed.host}${parsed.pathname}`,
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? defaultPort : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    database,
    tls,
  };
}

interface Login {
  readonly user: string;
  /** Null: none was given. */
  readonly password: string | null;
}

/**
 * As MySQL's own programs find them: MYSQL_PWD before the section `[client]` of `~/.my.cnf`. The URL's user goes first.
 * @throws config_invalid when the file is there and cannot be read
 */
export function loginOf(place: DatabasePlace, environment: NodeJS.ProcessEnv = process.env): Login {
  const file = clientSection(join(environment["HOME"] ?? homedir(), ".my.cnf"));
  const user = place.user === "" ? (file.get("user") ?? environment["USER"] ?? "") : place.user;
  return { user, password: environment["MYSQL_PWD"] ?? file.get("password") ?? null };
}

function clientSection(path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let isClient = false;
  for (const line of textOf(path).split(/\r?\n/)) {
    const section = /^\s*\[(.+)\]\s*$/.exec(line);
    if (section !== null) isClient = section[1] === "client";
    const [, name, value] = /^\s*([a-z][\w-]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (isClient && name !== undefined && value !== undefined) found.set(name, value.replace(/^(["'])(.*)\1$/, "$2"));
  }
  return found;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return "";
    throw new GodwitError("config_invalid", {
      disposition: "fatal",
      what: "~/.my.cnf cannot be read",
      hint: "Let its owner read it, or move it away and set MYSQL_PWD.",
      cause,
    });
  }
}

function invalid(what: string, hint: string): GodwitError {
  return new GodwitError("config_invalid", { disposition: "rejected", what, hint });
}
