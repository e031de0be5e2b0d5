/**
 * Runs one server for tests. It ends by its own pid: on `stop()`, when this process exits, and, by a watchdog that reads
 * a pipe which only this process holds, also when this process is killed. What it wrote to stderr is kept for messages.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

const stderrBytesMax = 64 * 1024;
const pollMs = 20;

export interface ServerProcess {
  readonly pid: number;
  /** The last 64 KiB that the server wrote. */
  output(): string;
  /** Null while it runs; afterwards how it ended. */
  ended(): string | null;
  /** Ends it, by SIGKILL unless another signal is named, and waits for its end; twice is once. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whom it runs as, when this is root. */
  readonly uid?: number;
  readonly gid?: number;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startProcess(what: ServerCommand): Promise<ServerProcess> {
  const child = spawn(what.command, what.args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...what.env },
    cwd: what.cwd,
    ...(what.uid !== undefined && { uid: what.uid }),
    ...(what.gid !== undefined && { gid: what.gid }),
  });
  let output = "";
  let end: string | null = null;
  const keep = (text: string): void => {
    output = (output + text).slice(-stderrBytesMax);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  const closed = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      end = signal ?? `exit code ${String(code)}`;
      running.delete(child);
      resolve();
    });
  });
  await once(child, "spawn");
  running.add(child);
  const pid = child.pid ?? 0;
  const watchdog = watch(pid);
  return {
    pid,
    output: () => output,
    ended: () => end,
    stop: async (signal = "SIGKILL") => {
      child.kill(signal);
      await closed;
      watchdog.kill("SIGKILL");
    },
  };
}

/** `read` returns when the write end of its stdin closes, which the kernel does for a killed process, too. */
function watch(pid: number): ChildProcess {
  const script = 'read -r _; kill -KILL "$1" 2>/dev/null';
  const watchdog = spawn("sh", ["-c", script, "godwit-watchdog", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watchdog.unref();
  watchdog.on("error", () => process.kill(pid, "SIGKILL"));
  return watchdog;
}

/** A loopback port that was free a moment ago; whoever binds it must be ready to lose the race and ask again. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no TCP port was given");
  return address.port;
}

/** Asks again and again until the answer is true, at most `timeoutMs`; `describe` tells what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  describe: () => string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
