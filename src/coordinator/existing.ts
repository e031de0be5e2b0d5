import type { Entry } from "../model/entry.ts";
import { orderKey } from "../model/path.ts";
import type { Source } from "../ports/source.ts";

/** The target's listing, one entry ahead of the walk. */
export class Existing {
  readonly #entries: AsyncIterator<Entry>;
  #ahead: Entry | null = null;
  #ended = false;

  constructor(source: Source, cursor: string | null, signal: AbortSignal) {
    this.#entries = entriesOf(source, cursor, signal);
  }

  /** The next entry before the key, which nobody asked for; null when there is none left. */
  async nextBefore(key: string): Promise<Entry | null> {
    this.#ahead ??= await this.#next();
    if (this.#ahead === null || keyOf(this.#ahead) >= key) return null;
    return this.#take();
  }

  /** What stands under the key. To be asked when nothing is left before it. */
  at(key: string): Entry | null {
    return this.#ahead !== null && keyOf(this.#ahead) === key ? this.#take() : null;
  }

  async *rest(): AsyncGenerator<Entry> {
    for (;;) {
      const entry = this.#ahead ?? (await this.#next());
      this.#ahead = null;
      if (entry === null) return;
      yield entry;
    }
  }

  #take(): Entry | null {
    const entry = this.#ahead;
    this.#ahead = null;
    return entry;
  }

  async #next(): Promise<Entry | null> {
    if (this.#ended) return null;
    const { value, done } = await this.#entries.next();
    if (done === true) {
      this.#ended = true;
      return null;
    }
    return value;
  }
}

function keyOf(entry: Entry): string {
  return orderKey(entry.path, entry.kind === "directory");
}

async function* entriesOf(source: Source, cursor: string | null, signal: AbortSignal): AsyncGenerator<Entry> {
  for await (const page of source.plan(cursor, signal)) yield* page.entries;
}
