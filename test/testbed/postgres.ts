/** Starts and stops a real PostgreSQL server on loopback and a free port, with a new data directory. It refuses root. */
import { join } from "node:path";
import pg from "pg";
import { accountOf, type DatabaseServer, folderOf, runAs, startDatabaseServer } from "./database-server.ts";
import { absent, postgresPrograms } from "./tools.ts";

export type PostgresServer = DatabaseServer;

export interface PostgresOptions {
  readonly dir: string;
  /** Lines of postgresql.conf. Else as shipped, with `fsync` on. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startPostgres({ dir, settings = {} }: PostgresOptions): Promise<PostgresServer> {
  const bin = postgresPrograms();
  if (bin === null) throw new Error(absent("postgresql"));
  const account = accountOf("postgres");
  const data = folderOf(account, dir, "postgres-data");
  const flags = ["--auth=trust", "--username=godwit", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D", data];
  runAs(account, join(bin, "initdb"), flags);
  const given = Object.entries({ listen_addresses: "127.0.0.1", unix_socket_directories: "", ...settings });
  const lines = given.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return startDatabaseServer({
    name: "PostgreSQL",
    command: join(bin, "postgres"),
    args: (port) => ["-D", data, "-p", String(port), ...lines],
    account,
    stopSignals: { fast: "SIGINT", immediate: "SIGQUIT" },
    url: (port, database = "postgres") => `postgres://godwit@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    ask: (url) => onDatabase(url, (client) => client.query("select 1")),
    createDatabase: (url, name) =>
      onDatabase(url, async (client) => {
        const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [name]);
        if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
      }),
  });
}

export async function onDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
