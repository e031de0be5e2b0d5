/**
 * The threads that list for one walk. They begin when they are first asked, end with the pool, and keep no process
 * alive: only somebody who waits does.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { GodwitError } from "../../base/errors.ts";
import type { Answer, Ask, ListingThreadData } from "./listing-protocol.ts";

interface Member {
  readonly thread: Worker;
  readonly port: MessagePort;
  /** Asked and not answered. */
  open: number;
}

/** Above this each look waits for another machine, and threads that wait cost no core. */
const slowMsPerName = 0.2;
const threadsMaxSlow = 8;

/**
 * Two even on two cores: the walks of a sync wait for one another, and with one thread each a core idles while one of
 * them is behind (a tenth of the time on two cores).
 */
const threadsAtFirst = 2;

export class ListingPool {
  readonly #data: Omit<ListingThreadData, "port">;
  readonly #onAnswer: (answer: Answer) => void;
  readonly #members: Member[] = [];
  #wanted = threadsAtFirst;
  #dead: GodwitError | null = null;
  #closing = false;
  #wake: (() => void) | null = null;

  /** @param onAnswer  called from within `poll` and `answered` */
  constructor(data: Omit<ListingThreadData, "port">, onAnswer: (answer: Answer) => void) {
    this.#data = data;
    this.#onAnswer = onAnswer;
  }

  /** Hands all of it to the thread with the least to do. */
  ask(asks: readonly Ask[]): void {
    if (this.#members.length < this.#wanted) this.#members.push(this.#start());
    const [first, ...others] = this.#members;
    const free = others.reduce((least, member) => (member.open < least.open ? member : least), first as Member);
    free.open += asks.length;
    free.port.postMessage(asks);
  }

  /** Takes what has been answered, without waiting. */
  poll(): void {
    for (const member of this.#members) {
      for (let got = receiveMessageOnPort(member.port); got !== undefined; got = receiveMessageOnPort(member.port)) {
        this.#take(member, got.message as readonly Answer[]);
      }
    }
  }

  /**
   * Waits until something is answered.
   * @throws lane_died when a thread has ended by itself
   */
  async answered(signal: AbortSignal): Promise<void> {
    this.#throwIfOver(signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    for (const { port, thread } of this.#members) {
      port.ref();
      thread.ref();
    }
    try {
      await promise;
    } finally {
      this.#wake = null;
      signal.removeEventListener("abort", wake);
      for (const { port, thread } of this.#members) {
        port.unref();
        thread.unref();
      }
    }
    this.#throwIfOver(signal);
  }

  /** What is under way is given up. */
  async close(): Promise<void> {
    this.#closing = true;
    const members = this.#members.splice(0);
    for (const { port } of members) port.close();
    await Promise.all(members.map(({ thread }) => thread.terminate()));
  }

  #throwIfOver(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#dead !== null) throw this.#dead;
  }

  #start(): Member {
    const { port1: port, port2 } = new MessageChannel();
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const thread = new Worker(new URL(`./listing-thread.${extension}`, import.meta.url), {
      name: "listing",
      workerData: { ...this.#data, port: port2 } satisfies ListingThreadData,
      transferList: [port2],
    });
    const member: Member = { thread, port, open: 0 };
    port.on("message", (answers: readonly Answer[]) => {
      this.#take(member, answers);
      this.#wake?.();
    });
    thread.on("error", (error) => this.#fail(error));
    thread.on("exit", () => this.#fail(null));
    port.unref();
    thread.unref();
    return member;
  }

  #take(member: Member, answers: readonly Answer[]): void {
    member.open -= answers.length;
    for (const answer of answers) {
      if (answer.msPerName > slowMsPerName && this.#wanted < threadsMaxSlow) this.#wanted += 1;
      this.#onAnswer(answer);
    }
  }

  #fail(cause: Error | null): void {
    if (this.#closing) return;
    this.#dead ??= new GodwitError("lane_died", {
      disposition: "fatal",
      what: `a thread that lists ${this.#data.root} ended by itself${cause === null ? "" : `: ${cause.message}`}`,
      hint: "Run the same command again: it resumes the job. If it happens again, please report it with this line.",
      cause,
    });
    this.#wake?.();
  }
}
