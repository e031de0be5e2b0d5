import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import type { LeaseTerm } from "../model/lease-term.ts";
import { Meter } from "../model/meter.ts";
import type { Progress, Task, TaskResult } from "../model/task.ts";
import type { Lane } from "../ports/lane.ts";
import type { FromLane, ThreadData, ToLane } from "./protocol.ts";
import type { LaneSetup } from "./setup.ts";

interface Pending {
  readonly onProgress: (progress: Progress) => void;
  readonly resolve: (result: TaskResult) => void;
  readonly reject: (error: GodwitError) => void;
}

/** A lane in a thread of its own. */
export class ThreadLane implements Lane {
  readonly name: string;
  readonly meter: Meter;
  /** Rejects with what opening the source or the target threw, or with `lane_died`. */
  readonly opened: Promise<void>;
  readonly #thread: Worker;
  #pending: Pending | null = null;
  #closing = false;
  /** Why the thread is gone. */
  #dead: GodwitError | null = null;
  readonly #exited: Promise<void>;

  /**
   * Starts the thread, which opens its own source and target meanwhile; tasks wait for `opened`.
   * @param limitBuffer what all lanes of the process share of the read limit
   */
  constructor(setup: LaneSetup, limitBuffer: SharedArrayBuffer) {
    const meterBuffer = new SharedArrayBuffer(Meter.byteLength);
    const data: ThreadData = { setup, meterBuffer, limitBuffer };
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const thread = new Worker(new URL(`./lane-thread.${extension}`, import.meta.url), {
      name: setup.name,
      workerData: data,
    });
    this.name = setup.name;
    this.meter = new Meter(meterBuffer);
    this.#thread = thread;
    this.#exited = new Promise((resolve) => thread.once("exit", () => resolve()));
    this.opened = new Promise<void>((resolve, reject) => {
      thread.once("message", (first: FromLane) => {
        if (first.type === "error") reject(GodwitError.fromJSON(first.error));
        else resolve();
      });
      thread.once("error", (error) => reject(died(setup.name, error)));
      thread.once("exit", () => reject(died(setup.name, null)));
    });
    // Whoever runs tasks asks; a lane that is closed before may fail unseen.
    this.opened.catch(() => undefined);
    thread.on("message", (message: FromLane) => this.#receive(message));
    thread.on("error", (error) => this.#fail(died(setup.name, error)));
    thread.on("exit", () => this.#fail(died(setup.name, null)));
  }

  run(
    task: Task,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
    term?: LeaseTerm,
  ): Promise<TaskResult> {
    assert(this.#pending === null, "a lane runs one task at a time");
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise<TaskResult>((resolve, reject) => {
      const abort = (): void => this.#send({ type: "abort", reason: toGodwitError(signal.reason).toJSON() });
      const settle = (): void => {
        this.#pending = null;
        signal.removeEventListener("abort", abort);
      };
      this.#pending = {
        onProgress,
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#send({ type: "run", task, termBuffer: term?.buffer ?? null });
      if (signal.aborted) abort();
    });
  }

  /** May be asked again, by whoever needs the thread gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closing) this.#send({ type: "close" });
    this.#closing = true;
    await this.#exited;
  }

  #send(message: ToLane): void {
    this.#thread.postMessage(message);
  }

  #receive(message: FromLane): void {
    const pending = this.#pending;
    if (pending === null) return;
    switch (message.type) {
      case "ready":
        return;
      case "progress":
        pending.onProgress(message.progress);
        return;
      case "result":
        pending.resolve(message.result);
        return;
      case "error":
        pending.reject(GodwitError.fromJSON(message.error));
        return;
    }
  }

  #fail(error: GodwitError): void {
    this.#dead ??= error;
    this.#pending?.reject(error);
  }
}

function died(name: string, cause: unknown): GodwitError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new GodwitError("lane_died", {
    disposition: "fatal",
    what: `the thread of ${name} ended by itself${why}`,
    hint: "Run the same command again: it resumes the job. If it happens again, please report it with this line.",
    cause,
  });
}
