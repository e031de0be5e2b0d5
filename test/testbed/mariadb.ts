/** Starts and stops a real MariaDB server on loopback and a free port, with a new data directory. It refuses root. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Connection, createConnection, escapeId } from "mysql2/promise";
import { accountOf, type DatabaseServer, folderOf, runAs, startDatabaseServer } from "./database-server.ts";
import { absent, mariadbPrograms } from "./tools.ts";

export interface MariadbOptions {
  readonly dir: string;
  /** Lines of its section `[mariadbd]`, hyphens or underscores in their names. Else as Debian ships it. */
  readonly settings?: Readonly<Record<string, string>>;
}

const user = "godwit";
const password = "godwit-test-secret";

/** MariaDB runs it at each start. */
const makeUser = `create user if not exists ${user}@'127.0.0.1' identified by '${password}';
grant all on *.* to ${user}@'127.0.0.1' with grant option;
`;

/** What Debian's files of settings change; the rest of them are places. */
const asDebianHasIt = { "character-set-server": "utf8mb4", "collation-server": "utf8mb4_general_ci" };

export async function startMariadb({ dir, settings = {} }: MariadbOptions): Promise<DatabaseServer> {
  const programs = mariadbPrograms();
  if (programs === null) throw new Error(absent("mariadb"));
  const account = accountOf("mysql");
  const data = folderOf(account, dir, "mariadb-data");
  const users = join(dir, "mariadb-users.sql");
  writeFileSync(users, makeUser, { mode: 0o644 });
  const places = ["--no-defaults", `--datadir=${data}`, "--skip-name-resolve"];
  runAs(account, programs.install, [...places, "--auth-root-authentication-method=normal", "--skip-test-db"]);
  const given = Object.entries({
    "bind-address": "127.0.0.1",
    // Below the data directory: a longer path would not fit into a socket's address.
    socket: "mariadb.sock",
    "init-file": users,
    ...asDebianHasIt,
    ...settings,
  });
  const lines = given.map(([name, value]) => `--${name}=${value}`);
  return startDatabaseServer({
    name: "MariaDB",
    command: programs.server,
    args: (port) => [...places, `--port=${port}`, ...lines],
    account,
    stopSignals: { fast: "SIGTERM", immediate: "SIGKILL" },
    url: (port, database = "mysql") => `mysql://${user}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    ask: (url) => onMariadb(url, (client) => client.query("select 1")),
    createDatabase: (url, name) =>
      onMariadb(url, async (client) => {
        await client.query(`create database if not exists ${escapeId(name)}`);
      }),
  });
}

export async function onMariadb<T>(url: string, work: (client: Connection) => Promise<T>): Promise<T> {
  const client = await createConnection({ uri: url, connectTimeout: 5_000 });
  client.on("error", () => undefined);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
