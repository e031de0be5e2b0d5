/**
 * One process of the simulation: everything that its code asks of the outside passes here. A killed process gets no
 * answers any more; a stopped one (SIGSTOP) gets none until it goes on, and finds that time has passed.
 */
import type { Clock } from "../ports/clock.ts";
import type { SimTime } from "./sim-time.ts";

export class SimProcess {
  readonly owner: string;
  readonly clock: Clock;
  readonly #time: SimTime;
  #state: "running" | "stopped" | "dead" = "running";
  #waiting: (() => void)[] = [];

  constructor(owner: string, time: SimTime) {
    this.owner = owner;
    this.#time = time;
    this.clock = {
      now: () => time.now(),
      monotonicMs: () => time.monotonicMs(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** `kill -9`: nothing that it waits for ever comes. */
  kill(): void {
    this.#state = "dead";
    this.#waiting = [];
  }

  stop(ms: number): void {
    if (this.#state !== "running") return;
    this.#state = "stopped";
    this.#time.after(ms, () => {
      if (this.#state !== "stopped") return;
      this.#state = "running";
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    });
  }

  /** Settles while the process runs: at once, later, or never. */
  pass(): Promise<void> {
    if (this.#state === "running") return Promise.resolve();
    return new Promise((resolve) => this.#whenRunning(resolve));
  }

  #whenRunning(wake: () => void): void {
    if (this.#state === "running") wake();
    else if (this.#state === "stopped") this.#waiting.push(() => this.#whenRunning(wake));
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const abort = (): void => {
        takeBack();
        reject(signal?.reason as Error);
      };
      const takeBack = this.#time.after(ms, () =>
        this.#whenRunning(() => {
          signal?.removeEventListener("abort", abort);
          resolve();
        }),
      );
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}
