import type { Hint, Hints } from "../ports/hints.ts";

/** Among those who share one Store object. */
export class LocalHints implements Hints {
  readonly #listeners = new Set<(hint: Hint) => void>();

  say(hint: Hint): void {
    for (const tell of this.#listeners) tell(hint);
  }

  async listen(onHint: (hint: Hint) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listeners.add(onHint);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#listeners.delete(onHint);
  }
}
