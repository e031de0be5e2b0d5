/** Runs the built program as its own process, as a user does. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const executable = fileURLToPath(new URL("../../bin/godwit.mjs", import.meta.url));

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly end: Promise<ProgramEnd>;
}

export interface ProgramOptions {
  readonly state: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another script in place of bin/godwit.mjs, with its own first arguments. */
  readonly script?: readonly string[];
  /** Killed after this time: for what must not run for ever. */
  readonly timeoutMs?: number;
  /** A command that runs it, with its arguments: setpriv, unshare. */
  readonly through?: readonly string[];
}

/** Root writes and reads every file, unless it gives up the right to. For `through`. */
export const asPlainUser: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];

/** Starts it under the Node.js that runs the tests. */
export function startGodwit(args: readonly string[], options: ProgramOptions): RunningProgram {
  const script = options.script ?? [executable];
  const [command, ...before] = [...(options.through ?? []), process.execPath] as unknown as [string, ...string[]];
  const child = spawn(command, [...before, ...script, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env, GODWIT_STATE: options.state },
    ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const end = new Promise<ProgramEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  return { child, end };
}

export function godwit(args: readonly string[], options: ProgramOptions): Promise<ProgramEnd> {
  return startGodwit(args, options).end;
}
