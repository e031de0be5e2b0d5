/**
 * A tree of files as a source. It gives bytes of the pinned version of an entry or says what became of it, and never
 * takes a directory that cannot be listed for an empty one.
 */
import { type Filter, makeFilter } from "../../model/filter.ts";
import type { Work } from "../../model/chunk.ts";
import type { Entry } from "../../model/entry.ts";
import { rootPath } from "../../model/path.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type { Cursor, Frame, Observed, PlanPage, Problem, Source } from "../../ports/source.ts";
import { listingError } from "./errors.ts";
import { readPathList, walkList } from "./files-from.ts";
import { HardLinks } from "./hard-links.ts";
import { type Listed, Lister } from "./lister.ts";
import { EntryReader } from "./read.ts";
import type { Root } from "./root.ts";
import { walk } from "./walk.ts";

/** Entries and problems of one page. */
const pageLength = 1_000;

export class FsSource implements Source {
  readonly location: string;
  readonly keepsDirectories = true;
  readonly #root: Root;
  readonly #options: OpenOptions;
  readonly #filter: Filter;
  readonly #reader: EntryReader;

  constructor(root: Root, options: OpenOptions) {
    this.location = root.location;
    this.#root = root;
    this.#options = options;
    this.#filter = makeFilter(options.include, options.exclude);
    this.#reader = new EntryReader(root, options.links === "follow");
  }

  async *plan(after: Cursor | null, signal: AbortSignal): AsyncGenerator<PlanPage> {
    let entries: Entry[] = [];
    let problems: Problem[] = [];
    let cursor: Cursor = after ?? "";
    for (const listed of this.#list(after)) {
      if ("entry" in listed) entries.push(listed.entry);
      else problems.push(listed.problem);
      cursor = listed.key;
      if (entries.length + problems.length < pageLength) continue;
      signal.throwIfAborted();
      yield { entries, problems, cursor };
      entries = [];
      problems = [];
    }
    signal.throwIfAborted();
    if (entries.length + problems.length > 0) yield { entries, problems, cursor };
  }

  read(work: Work, from: number, skip: ReadonlySet<number>, signal: AbortSignal): AsyncIterable<Frame> {
    return this.#reader.read(work, from, skip, signal);
  }

  observe(entry: Entry, signal: AbortSignal): Promise<Observed | null> {
    return new Promise((resolve) => {
      signal.throwIfAborted();
      resolve(this.#reader.observe(entry));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  *#list(after: Cursor | null): Generator<Listed> {
    const { filesFrom, listIsForeign } = this.#options;
    const list = filesFrom === null ? null : readPathList(filesFrom, listIsForeign);
    const from = (lister: Lister, cursor: Cursor | null): Generator<Listed> =>
      list === null ? walk(lister, cursor) : walkList(lister, list, cursor);
    const options = { root: this.#root, links: this.#options.links, filter: this.#filter };
    const links = new HardLinks(after === null ? null : () => seeEarlier(after));
    const lister = new Lister(options, (stat, path) => links.firstName(stat, path));
    const seeEarlier = (last: Cursor): void => {
      const early = new Lister(options, (stat, path) => (path <= last ? links.firstName(stat, path) : null));
      for (const { key } of from(early, null)) if (key >= last) return;
    };
    try {
      yield* from(lister, after);
    } catch (error) {
      throw listingError(error, rootPath);
    }
  }
}
