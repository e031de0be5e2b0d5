/** Starts and stops a real PostgreSQL server on loopback and a free port, with a new data directory. It refuses root. */
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, join, relative } from "node:path";
import pg from "pg";
import { accountOf, type DatabaseServer, folderOf, runAs, startDatabaseServer } from "./database-server.ts";
import { absent, postgresPackage, postgresPrograms } from "./tools.ts";

export type PostgresServer = DatabaseServer;
export type PostgresMajor = 15 | 18;

export interface PostgresOptions {
  readonly dir: string;
  /** 15 is Debian's, 18 the one from npm, which brings no clients. Else the newest that the system has. */
  readonly major?: PostgresMajor;
  /** Lines of postgresql.conf. Else as shipped, with `fsync` on. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startPostgres({ dir, major, settings = {} }: PostgresOptions): Promise<PostgresServer> {
  const account = accountOf("postgres");
  const bin = major === 18 ? unpackServers(dir) : postgresPrograms(major);
  if (bin === null) throw new Error(absent(major === undefined ? "postgresql" : `postgresql${major}`));
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

/**
 * The package keeps a list of links that its installation makes, where scripts are allowed to run, and may lie where the
 * server's user cannot read. So it is copied: 60 MB, for as long as the folder lives. Answers where the programs are.
 */
function unpackServers(dir: string): string | null {
  const from = postgresPackage();
  if (from === null) return null;
  const to = join(dir, "postgres-programs");
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(join(to, "pg-symlinks.json"), "utf8")) as readonly PackageLink[];
  for (const { source, target } of links) {
    const link = join(to, relative("native", target));
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  chmodSync(to, 0o755);
  for (const entry of readdirSync(to, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
  return join(to, "bin");
}

/** Both paths from the package's root, in the same folder. */
interface PackageLink {
  readonly source: string;
  readonly target: string;
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
