/**
 * Wakes everyone who waits, each time it rings. Whoever looks for something first notes how often it has rung, then looks,
 * then waits from that number on: so nobody misses what happens between the look and the wait, however many wait.
 */
export class Bell {
  #rings = 0;
  readonly #waiting = new Set<() => void>();

  /** How often it has rung. */
  get rings(): number {
    return this.#rings;
  }

  ring(): void {
    this.#rings += 1;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves once it has rung more often than `heard` (at once, if it has already), or when the signal aborts. */
  async wait(heard: number, signal: AbortSignal): Promise<void> {
    if (this.#rings > heard || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#waiting.add(wake);
    signal.addEventListener("abort", wake);
    await promise;
    this.#waiting.delete(wake);
    signal.removeEventListener("abort", wake);
  }

  /** The same; or until the timer that it starts has run out. That one ends when the bell was first. */
  async waitAtMost(timer: (until: AbortSignal) => Promise<void>, heard: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const until = AbortSignal.any([signal, woken.signal]);
    // A timer that is ended early rejects.
    await Promise.race([timer(until).catch(() => undefined), this.wait(heard, until)]);
    woken.abort();
  }
}
