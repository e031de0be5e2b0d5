/**
 * What the database servers of the tests have in common: they refuse root, own their data directory, listen on a free
 * port of loopback, and are asked until they answer.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort, type ServerProcess, startProcess, until } from "./server-process.ts";

/** As the operator does it: sessions are ended, the data stays. In haste it is recovered at the next start. */
type Restart = "fast" | "immediate";

export interface DatabaseServer extends AsyncDisposable {
  /** Its own pid: `process.kill(pid, "SIGSTOP")` stalls it. */
  readonly pid: number;
  readonly port: number;
  /** Of a database of that name. */
  url(database?: string): string;
  /** Creates it when it is absent; answers its URL. */
  database(name: string): Promise<string>;
  restart(mode?: Restart): Promise<void>;
  stop(): Promise<void>;
}

/** Whom a server runs as: nobody else than now, unless this is root. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export interface DatabaseKind {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  args(port: number): readonly string[];
  readonly account: Account;
  readonly stopSignals: Readonly<Record<Restart, NodeJS.Signals>>;
  url(port: number, database?: string): string;
  /** Connects and asks something; fails as long as the server is not ready. */
  ask(url: string): Promise<unknown>;
  createDatabase(url: string, name: string): Promise<void>;
}

/** The user that Debian's package makes, when this is root. */
export function accountOf(user: string): Account {
  const idOf = (flag: "-u" | "-g"): number => {
    const { status, stdout } = spawnSync("id", [flag, user], { encoding: "utf8" });
    if (status !== 0) throw new Error(`there is no user ${user}`);
    return Number(stdout.trim());
  };
  return process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {};
}

/** A folder below `dir` that belongs to the account and that it can reach; answers its path. */
export function folderOf({ uid, gid }: Account, dir: string, name: string): string {
  const path = join(dir, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (uid !== undefined && gid !== undefined) {
    chownSync(path, uid, gid);
    for (let above = dir; above.length > tmpdir().length; above = dirname(above)) chmodSync(above, 0o755);
    chmodSync(tmpdir(), 0o1777);
  }
  return path;
}

/** Runs a program that makes the data directory. */
export function runAs(account: Account, command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { ...account, encoding: "utf8", cwd: "/" });
  if (status !== 0) throw new Error(`${command} failed: ${stdout}${stderr}`, { cause: error });
}

export async function startDatabaseServer(kind: DatabaseKind): Promise<DatabaseServer> {
  const [first, port] = await startWhereFree(kind);
  let server = first;
  const url = (database?: string): string => kind.url(port, database);
  const stop = (): Promise<void> => server.stop(kind.stopSignals.fast);
  return {
    get pid() {
      return server.pid;
    },
    port,
    url,
    database: async (name) => {
      await kind.createDatabase(url(), name);
      return url(name);
    },
    restart: async (mode = "fast") => {
      await server.stop(kind.stopSignals[mode]);
      server = await start(kind, port);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Another process may take the free port first: then the next one is tried. */
async function startWhereFree(kind: DatabaseKind): Promise<readonly [ServerProcess, number]> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      return [await start(kind, port), port];
    } catch (error) {
      if (tries === 3 || !String(error).includes("in use")) throw error;
    }
  }
}

async function start(kind: DatabaseKind, port: number): Promise<ServerProcess> {
  const { command, account } = kind;
  const server = await startProcess({ command, args: kind.args(port), cwd: "/", ...account });
  const answers = async (): Promise<boolean> => {
    try {
      await kind.ask(kind.url(port));
    } catch {
      if (server.ended() === null) return false;
    }
    // Whoever won the port may have answered in its place.
    const end = server.ended();
    if (end !== null) throw new Error(`it ended: ${end}`);
    return true;
  };
  try {
    await until(answers, () => server.output(), 60_000);
    return server;
  } catch (error) {
    await server.stop();
    throw new Error(`${kind.name} did not start: ${server.output()}`, { cause: error });
  }
}
