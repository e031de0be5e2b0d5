/** What the program touches outside of its job: streams, signals, the exit code. A test may bring its own. */
import { GodwitError } from "../base/errors.ts";
import type { Store } from "../ports/store.ts";

export interface Surroundings {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborts at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
  onInterrupt(): Interrupt;
  /** A decorator around the Store: the fault tests crash the process at its calls. */
  wrapStore(store: Store): Store;
  exit(code: number): void;
}

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

export function processSurroundings(exit: (code: number) => void): Surroundings {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt: interruptSignal,
    wrapStore: (store) => store,
    exit,
  };
}

function interruptSignal(): Interrupt {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.kill(process.pid, "SIGKILL");
    controller.abort(
      new GodwitError("interrupted", {
        disposition: "cancelled",
        what: `stopped by ${name}`,
        hint: "What is confirmed is kept. The same command resumes the job.",
      }),
    );
  };
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, stop);
    },
  };
}
