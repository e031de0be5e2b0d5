/**
 * The read limit of one worker: the product's own state machine decides what may be read and until when; instead of
 * booking read by read, its lanes flow at that rate.
 */
import { SharedLimit } from "../decorators/shared-limit.ts";
import type { GateUsage, ReadGate } from "../ports/budget.ts";
import type { SimTime } from "./sim-time.ts";

export interface SimGateOptions {
  readonly time: SimTime;
  /** What may be read has changed. */
  readonly onChange: () => void;
  readonly latencyMs: () => number | null;
  /** Counts what has flowed by now. */
  readonly settle: () => void;
  /** Lanes that would read now. */
  readonly wanting: () => number;
}

export class SimGate implements ReadGate {
  readonly #options: SimGateOptions;
  readonly #limit = new SharedLimit(new SharedArrayBuffer(SharedLimit.byteLength));
  #bytes = 0;
  #waitedBytes = 0;
  #hasRead = false;
  #takeBack: () => void = () => undefined;

  constructor(options: SimGateOptions) {
    this.#options = options;
  }

  open(bytesPerSecond: number | null, untilMs: number, nowMs: number): void {
    this.#limit.open(bytesPerSecond, untilMs, nowMs);
    this.#takeBack();
    this.#takeBack = this.#options.time.after(untilMs - nowMs, this.#options.onChange);
    this.#options.onChange();
  }

  close(nowMs: number): void {
    this.#limit.close(nowMs);
    this.#takeBack();
    this.#options.onChange();
  }

  holds(nowMs: number): number | null {
    return this.#limit.holds(nowMs);
  }

  heldLately(nowMs: number): number | null {
    return this.#limit.heldLately(nowMs);
  }

  /** @param isHeldUp the limit was what held it up */
  read(bytes: number, isHeldUp: boolean): void {
    this.#bytes += bytes;
    if (isHeldUp) this.#waitedBytes += bytes;
    this.#hasRead = true;
  }

  takeUsage(): GateUsage {
    this.#options.settle();
    const isClosed = this.holds(this.#options.time.monotonicMs()) === 0;
    const usage = {
      bytes: Math.round(this.#bytes),
      waitedBytes: Math.round(this.#waitedBytes),
      waiting: isClosed ? this.#options.wanting() : 0,
    };
    this.#bytes = 0;
    this.#waitedBytes = 0;
    return usage;
  }

  takeP95Ms(): number | null {
    const hasRead = this.#hasRead;
    this.#hasRead = false;
    return hasRead ? this.#options.latencyMs() : null;
  }
}
