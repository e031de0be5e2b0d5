/** `godwit serve` as a process, until it listens. */
import { onTestFinished } from "vitest";
import { type ProgramEnd, type RunningProgram, startGodwit } from "./program.ts";
import { until } from "./server-process.ts";

export interface Served {
  readonly running: RunningProgram;
  readonly address: string;
  /** The first admin's, where it was told now. */
  token(): string;
  /** What stands on its stdout. */
  said(): string;
  /** What stands in its log. */
  log(): string;
  end(signal?: NodeJS.Signals): Promise<ProgramEnd>;
}

export interface ServeOptions {
  readonly args?: readonly string[];
  /** `host:port` to listen on; a free port of this machine where none is given. */
  readonly listen?: string;
}

/** Ends with the test at the latest. */
export async function startServe(
  state: string,
  { args = [], listen = "127.0.0.1:0" }: ServeOptions = {},
): Promise<Served> {
  const running = startGodwit(["serve", "--listen", listen, ...args], { state });
  onTestFinished(async () => {
    running.child.kill("SIGKILL");
    await running.end;
  });
  let [out, log] = ["", ""];
  running.child.stdout?.on("data", (text: string) => (out += text));
  running.child.stderr?.on("data", (text: string) => (log += text));
  const address = (): string | undefined => /"address":"([^"]+)"/.exec(log)?.[1];
  await until(
    () => address() !== undefined,
    () => `it does not listen: ${log}`,
  );
  return {
    running,
    address: address() ?? "",
    token: () => /told once: (\S+)/.exec(out)?.[1] ?? "none",
    said: () => out,
    log: () => log,
    end: (signal = "SIGTERM") => {
      running.child.kill(signal);
      return running.end;
    },
  };
}
