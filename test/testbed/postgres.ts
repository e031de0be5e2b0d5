/** Starts and stops a real PostgreSQL server on loopback and a free port, with a new data directory. It refuses root. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { freePort, type ServerProcess, startProcess, until } from "./server-process.ts";
import { absent, postgresPrograms } from "./tools.ts";

export interface PostgresServer extends AsyncDisposable {
  /** Its own pid: `process.kill(pid, "SIGSTOP")` stalls it (not its sessions). */
  readonly pid: number;
  readonly port: number;
  /** Of a database of that name. */
  url(database?: string): string;
  /** Creates it when it is absent; answers its URL. */
  database(name: string): Promise<string>;
  /** As the operator does it: sessions are ended, the data stays. */
  restart(mode?: "fast" | "immediate"): Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  readonly dir: string;
  /** Lines of postgresql.conf. Else as shipped, with `fsync` on. */
  readonly settings?: Readonly<Record<string, string>>;
}

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** Who runs the server: the user that Debian's package makes, when this is root. */
function owner(): Owner {
  return process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {};
}

function idOf(flag: "-u" | "-g"): number {
  return Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout.trim());
}

/** Another process may take the free port first: then the next one is tried. */
export async function startPostgres({ dir, settings = {} }: PostgresOptions): Promise<PostgresServer> {
  const bin = postgresPrograms();
  if (bin === null) throw new Error(absent("postgresql"));
  const user = owner();
  const data = join(dir, "postgres-data");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (user.uid !== undefined && user.gid !== undefined) {
    chownSync(data, user.uid, user.gid);
    // The server's user must come through to it.
    for (let path = dir; path.length > tmpdir().length; path = dirname(path)) chmodSync(path, 0o755);
    chmodSync(tmpdir(), 0o1777);
  }
  const flags = ["--auth=trust", "--username=godwit", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D", data];
  const made = spawnSync(join(bin, "initdb"), flags, { ...user, encoding: "utf8", cwd: "/" });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stdout}${made.stderr}`);
  const given = Object.entries({ listen_addresses: "127.0.0.1", unix_socket_directories: "", ...settings });
  const args = (port: number): string[] => [
    "-D",
    data,
    "-p",
    String(port),
    ...given.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const start = async (port: number): Promise<ServerProcess> => {
    const server = await startProcess({ command: join(bin, "postgres"), args: args(port), cwd: "/", ...user });
    try {
      await until(
        () => answers(port, server),
        () => server.output(),
        60_000,
      );
      return server;
    } catch (error) {
      await server.stop();
      throw new Error(`PostgreSQL did not start: ${server.output()}`, { cause: error });
    }
  };
  const startSomewhere = async (): Promise<readonly [ServerProcess, number]> => {
    for (let tries = 1; ; tries += 1) {
      const port = await freePort();
      try {
        return [await start(port), port];
      } catch (error) {
        if (tries === 3 || !String(error).includes("in use")) throw error;
      }
    }
  };
  const [first, port] = await startSomewhere();
  let server = first;
  const url = (database = "postgres"): string => `postgres://godwit@127.0.0.1:${port}/${database}`;
  const stop = (): Promise<void> => server.stop("SIGINT");
  return {
    get pid() {
      return server.pid;
    },
    port,
    url,
    database: async (name) => {
      await onDatabase(url(), async (client) => {
        const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [name]);
        if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
      });
      return url(name);
    },
    restart: async (mode = "fast") => {
      await server.stop(mode === "fast" ? "SIGINT" : "SIGQUIT");
      server = await start(port);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function answers(port: number, server: ServerProcess): Promise<boolean> {
  const end = server.ended();
  if (end !== null) throw new Error(`it ended: ${end}`);
  try {
    await onDatabase(`postgres://godwit@127.0.0.1:${port}/postgres`, (client) => client.query("select 1"));
    return true;
  } catch {
    return false;
  }
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
