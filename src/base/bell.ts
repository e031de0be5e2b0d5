/**
 * Wakes everyone who waits, each time it rings. A ring while nobody waits is remembered for the next one who does, so
 * that "look, then wait" cannot miss what happened in between.
 */
export class Bell {
  #waiting: (() => void)[] = [];
  #rang = false;

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) this.#rang = true;
    for (const wake of waiting) wake();
  }

  /** Resolves at the next ring. */
  wait(): Promise<void> {
    if (this.#rang) {
      this.#rang = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
