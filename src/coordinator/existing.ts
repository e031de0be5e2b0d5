import type { Entry } from "../model/entry.ts";
import { orderKey } from "../model/path.ts";
import type { PlanPage, Source } from "../ports/source.ts";

/** The target's listing, a page at a time. Only the fetching of a page is waited for: not each entry. */
export class Existing implements AsyncDisposable {
  readonly #pages: AsyncIterator<PlanPage>;
  #entries: readonly Entry[] = [];
  #at = 0;
  /** Of the entry at which it stands; null when nothing is left of the page. */
  #key: string | null = null;
  #ended = false;

  constructor(source: Source, cursor: string | null, signal: AbortSignal) {
    this.#pages = source.plan(cursor, signal)[Symbol.asyncIterator]();
  }

  /** Nothing can be said before the next page is fetched. */
  get isUsedUp(): boolean {
    return this.#key === null && !this.#ended;
  }

  /** To be called when it is used up. */
  async fetch(): Promise<void> {
    while (this.isUsedUp) {
      const { value, done } = await this.#pages.next();
      if (done === true) {
        this.#ended = true;
        return;
      }
      this.#entries = value.entries;
      this.#stand(0);
    }
  }

  /** The next entry before the key, which nobody asked for; null when the page has none. */
  takeBefore(key: string): Entry | null {
    return this.#key !== null && this.#key < key ? this.#take() : null;
  }

  /** What stands under the key. To be asked when nothing is left before it. */
  take(key: string): Entry | null {
    return this.#key === key ? this.#take() : null;
  }

  /** What is left of the page. */
  *rest(): Generator<Entry> {
    while (this.#key !== null) yield this.#take();
  }

  /** Mostly nobody asks for the end of the listing: what it holds is let go of. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages.return?.();
  }

  #take(): Entry {
    const entry = this.#entries[this.#at] as Entry;
    this.#stand(this.#at + 1);
    return entry;
  }

  #stand(at: number): void {
    const entry = this.#entries[at];
    this.#at = at;
    this.#key = entry === undefined ? null : orderKey(entry.path, entry.kind === "directory");
  }
}
