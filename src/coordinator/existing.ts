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

  /** What stands under the key, and what comes before it that nobody asked for. */
  async advance(key: string, keep: boolean): Promise<{ at: Entry | null; before: readonly Entry[] }> {
    const before: Entry[] = [];
    while (!this.#ended) {
      this.#ahead ??= await this.#next();
      if (this.#ahead === null) break;
      const theirs = orderKey(this.#ahead.path, this.#ahead.kind === "directory") as string;
      if (theirs > key) break;
      const entry = this.#ahead;
      this.#ahead = null;
      if (theirs === key) return { at: entry, before };
      if (keep) before.push(entry);
    }
    return { at: null, before };
  }

  async *rest(): AsyncGenerator<Entry> {
    for (;;) {
      const entry = this.#ahead ?? (await this.#next());
      this.#ahead = null;
      if (entry === null) return;
      yield entry;
    }
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

async function* entriesOf(source: Source, cursor: string | null, signal: AbortSignal): AsyncGenerator<Entry> {
  for await (const page of source.plan(cursor, signal)) yield* page.entries;
}
