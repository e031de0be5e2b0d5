/** Between a simulated process and the ports that it uses: the one place where faults happen to it. */
import { type ErrorCode, GodwitError } from "../../src/base/errors.ts";
import type { Source } from "../../src/ports/source.ts";
import type { Store } from "../../src/ports/store.ts";
import type { Target } from "../../src/ports/target.ts";
import type { Chaos, Fault } from "./chaos.ts";
import type { SimProcess } from "../../src/simulate/sim-process.ts";

export type PortName = "store" | "source" | "target" | "existing";
export interface Call {
  readonly port: PortName;
  readonly method: string;
  /** One step of a stream, rather than a call of its own. */
  readonly isStep: boolean;
}

const never = new Promise<never>(() => {});

export class Gate {
  readonly process: SimProcess;
  readonly #chaos: Chaos;

  constructor(process: SimProcess, chaos: Chaos) {
    this.process = process;
    this.#chaos = chaos;
  }

  store(store: Store): Store {
    return this.#wrap(store, "store", new Set());
  }

  source(source: Source, port: "source" | "existing"): Source {
    return this.#wrap(source, port, new Set(["plan", "read"]));
  }

  target(target: Target): Target {
    return this.#wrap(target, "target", new Set(["readBack"]));
  }

  /** Every method that answers with a promise or a stream passes the gate; what is pure does not. */
  #wrap<P extends object>(port: P, name: PortName, streams: ReadonlySet<string>): P {
    return new Proxy(port, {
      get: (inner, key) => {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== "function" || typeof key !== "string" || pure.has(key)) {
          return typeof value === "function" ? (value.bind(inner) as unknown) : value;
        }
        const call: Call = { port: name, method: key, isStep: false };
        const method = value.bind(inner) as (...args: unknown[]) => unknown;
        if (streams.has(key)) {
          return (...args: unknown[]) => this.#stream(call, () => method(...args) as AsyncIterable<unknown>);
        }
        return (...args: unknown[]) => this.#call(call, () => method(...args) as Promise<unknown>);
      },
    });
  }

  async #call<T>(call: Call, work: () => Promise<T>, see?: (answer: T, fault: Fault | null) => T): Promise<T> {
    const { process } = this;
    await process.pass();
    const { fault, latencyMs, isLate } = this.#chaos.next(call, process);
    if (latencyMs > 0 && !isLate) await process.clock.sleep(latencyMs);
    await this.#happen(fault, "before", call);
    let answer: T | null = null;
    let failure: { readonly error: unknown } | null = null;
    try {
      answer = await work();
    } catch (error) {
      failure = { error };
    }
    await this.#happen(fault, "after", call);
    if (latencyMs > 0 && isLate) await process.clock.sleep(latencyMs);
    await process.pass();
    if (failure !== null) throw failure.error;
    return see === undefined ? (answer as T) : see(answer as T, fault);
  }

  async #happen(fault: Fault | null, when: "before" | "after", { port, method }: Call): Promise<void> {
    if (fault?.when !== when) return;
    switch (fault.type) {
      case "kill":
        this.#chaos.kill(this.process);
        return never;
      case "crash":
        this.#chaos.crash();
        return never;
      case "stop":
        this.process.stop(fault.ms);
        return this.process.pass();
      case "error":
        throw new GodwitError(codeOf(port, method), {
          disposition: "retry",
          what: `${port}.${method} ${when === "before" ? "was not done" : "was done, but its answer was lost"}`,
          hint: "Injected.",
        });
      case "disk_full":
        throw new GodwitError("disk_full", { disposition: "fatal", what: `${port}.${method}`, hint: "Injected." });
      case "damage":
        this.#chaos.damage();
        return;
      case "flip":
        return;
    }
  }

  async *#stream<T>(call: Call, open: () => AsyncIterable<T>): AsyncGenerator<T> {
    const step: Call = { ...call, isStep: true };
    const items = await this.#call(call, async () => open()[Symbol.asyncIterator]());
    try {
      for (;;) {
        const { value, done } = await this.#call(
          step,
          () => items.next(),
          (next, fault) => (fault?.type === "flip" && next.done !== true ? this.#flipped(next) : next),
        );
        if (done === true) return;
        yield value;
      }
    } finally {
      await items.return?.();
    }
  }

  /** One byte on its way is another one. What is stored stays as it is. */
  #flipped<T>(next: IteratorYieldResult<T>): IteratorYieldResult<T> {
    const frame = next.value as { readonly bytes?: Uint8Array };
    if (frame.bytes === undefined || frame.bytes.length === 0) return next;
    const bytes = Uint8Array.from(frame.bytes);
    this.#chaos.flip(bytes);
    return { done: false, value: { ...frame, bytes } as T };
  }
}

function codeOf(port: PortName, method: string): ErrorCode {
  if (port === "store") return "store_busy";
  return method === "plan" ? "listing_failed" : "store_unreachable";
}

const pure = new Set(["accepts", "blockBytes"]);
