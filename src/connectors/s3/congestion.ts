/**
 * How many requests of one client may be under way: additive increase, multiplicative decrease. A store that says
 * SlowDown halves the number; as many successes as it allows add one.
 */
export class Congestion {
  readonly #max: number;
  #limit: number;
  #inFlight = 0;
  #successes = 0;
  #cutAtMs = Number.NEGATIVE_INFINITY;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Waits for a place among those under way. Each must be left. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#inFlight < this.#limit) {
      this.#inFlight += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(wake);
    });
  }

  leave(): void {
    this.#inFlight -= 1;
    this.#admit();
  }

  succeeded(): void {
    if (this.#limit >= this.#max) return;
    this.#successes += 1;
    if (this.#successes < this.#limit) return;
    this.#successes = 0;
    this.#limit += 1;
    this.#admit();
  }

  /** @param sentAtMs when the refused request was sent: those that were under way at the last cut count as one sign */
  slowDown(sentAtMs: number, nowMs: number): void {
    if (sentAtMs <= this.#cutAtMs) return;
    this.#cutAtMs = nowMs;
    this.#successes = 0;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  #admit(): void {
    while (this.#inFlight < this.#limit) {
      const wake = this.#waiting.shift();
      if (wake === undefined) return;
      this.#inFlight += 1;
      wake();
    }
  }
}
