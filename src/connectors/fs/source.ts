/**
 * A tree of files as a source. It gives bytes of the pinned version of an entry or says what became of it, and never
 * takes a directory that cannot be listed for an empty one.
 */
import { type Filter, makeFilter } from "../../model/filter.ts";
import type { Entry } from "../../model/entry.ts";
import { rootPath } from "../../model/path.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type { Cursor, Frame, Observed, PlanPage, Problem, ReadRequest, Source } from "../../ports/source.ts";
import { listingError } from "./errors.ts";
import { readPathList, walkList } from "./files-from.ts";
import { HardLinks } from "./hard-links.ts";
import { type Listed, Lister } from "./lister.ts";
import { LookAhead } from "./look-ahead.ts";
import { EntryReader } from "./read.ts";
import type { Root } from "./root.ts";
import { walk } from "./walk.ts";

/** Entries and problems of one page. */
const pageLength = 250;
/** Two threads take about as long to begin. On a local disk some 20,000 entries are listed in that time, or 100 over a slow network. */
const usualThreadsAfterMs = 100;
/** Entries between two looks at the clock. */
const askTimeEvery = 50;

export class FsSource implements Source {
  readonly location: string;
  readonly keepsDirectories = true;
  readonly #root: Root;
  readonly #options: OpenOptions;
  readonly #filter: Filter;
  readonly #reader: EntryReader;
  readonly #threadsAfterMs: number;
  readonly #ahead = new Set<LookAhead>();

  /**
   * @param threadsAfterMs how long a listing takes before threads help it; a small one is over before they have begun
   */
  constructor(root: Root, options: OpenOptions, threadsAfterMs = usualThreadsAfterMs) {
    this.location = root.location;
    this.#root = root;
    this.#options = options;
    this.#threadsAfterMs = threadsAfterMs;
    this.#filter = makeFilter(options.include, options.exclude);
    this.#reader = new EntryReader(root, options.links === "follow");
  }

  async *plan(after: Cursor | null, signal: AbortSignal): AsyncGenerator<PlanPage> {
    const ahead = this.#lookAhead(after);
    try {
      yield* this.#pages(after, ahead, signal);
    } finally {
      if (ahead !== null) await this.#close(ahead);
    }
  }

  read(request: ReadRequest, signal: AbortSignal): AsyncIterable<Frame> {
    return this.#reader.read(request, signal);
  }

  observe(entry: Entry, signal: AbortSignal): Promise<Observed | null> {
    return new Promise((resolve) => {
      signal.throwIfAborted();
      resolve(this.#reader.observe(entry));
    });
  }

  /** Also ends the threads of listings that were given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#ahead, (ahead) => this.#close(ahead)));
  }

  /** A list of paths names what it wants: there is nothing to find out ahead of it. */
  #lookAhead(after: Cursor | null): LookAhead | null {
    const { links, include, exclude, filesFrom } = this.#options;
    if (filesFrom !== null) return null;
    const data = { root: this.#root.bytes, links, include, exclude };
    const ahead = new LookAhead({ data, after, enters: (path) => this.#filter.keeps(path, true) });
    if (this.#threadsAfterMs <= 0) ahead.makeDue();
    this.#ahead.add(ahead);
    return ahead;
  }

  async #close(ahead: LookAhead): Promise<void> {
    this.#ahead.delete(ahead);
    await ahead[Symbol.asyncDispose]();
  }

  async *#pages(after: Cursor | null, ahead: LookAhead | null, signal: AbortSignal): AsyncGenerator<PlanPage> {
    let entries: Entry[] = [];
    let problems: Problem[] = [];
    let cursor: Cursor = after ?? "";
    let walkedMs = 0;
    let sinceMs = performance.now();
    for (const listed of this.#list(after, ahead)) {
      if (listed === null) {
        await ahead?.answered(signal);
        continue;
      }
      if ("entry" in listed) entries.push(listed.entry);
      else problems.push(listed.problem);
      cursor = listed.key;
      const length = entries.length + problems.length;
      if (length % askTimeEvery === 0 && walkedMs + performance.now() - sinceMs >= this.#threadsAfterMs)
        ahead?.makeDue();
      if (length < pageLength) continue;
      signal.throwIfAborted();
      walkedMs += performance.now() - sinceMs;
      yield { entries, problems, cursor };
      sinceMs = performance.now();
      entries = [];
      problems = [];
    }
    signal.throwIfAborted();
    if (entries.length + problems.length > 0) yield { entries, problems, cursor };
  }

  *#list(after: Cursor | null, ahead: LookAhead | null): Generator<Listed | null> {
    const { filesFrom, listIsForeign } = this.#options;
    const list = filesFrom === null ? null : readPathList(filesFrom, listIsForeign);
    const from = (lister: Lister, cursor: Cursor | null, by: LookAhead | null): Generator<Listed | null> =>
      list === null ? walk(lister, cursor, by) : walkList(lister, list, cursor);
    const options = { root: this.#root, links: this.#options.links, filter: this.#filter };
    const links = new HardLinks(after === null ? null : () => seeEarlier(after));
    const lister = new Lister(options, (stat, path) => links.firstName(stat, path));
    const seeEarlier = (last: Cursor): void => {
      const early = new Lister(options, (stat, path) => (path <= last ? links.firstName(stat, path) : null));
      for (const listed of from(early, null, null)) if (listed !== null && listed.key >= last) return;
    };
    try {
      yield* from(lister, after, ahead);
    } catch (error) {
      throw listingError(error, rootPath);
    }
  }
}
