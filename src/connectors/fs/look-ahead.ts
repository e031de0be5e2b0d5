/**
 * What threads list ahead of one walk: which directory or slice comes next, in the order of the walk; how much may be
 * held; and what the walk finds of it. It judges nothing: whatever was not seen plainly is left to the walk. Before it
 * is started everything is left to the walk, and it holds no thread.
 */
import { must } from "../../base/assert.ts";
import { type BytePath, orderKey } from "../../model/path.ts";
import { Level, type Slice } from "./level.ts";
import { ListingPool } from "./listing-pool.ts";
import { type Answer, type Ask, type ListingThreadData, sliceNames } from "./listing-protocol.ts";
import { Rows } from "./rows.ts";

/** Names in hand or under way; a directory that the walk has not reached counts with all of its names. */
const heldNamesMax = 16 * sliceNames;
const asksAtOnce = 64;

/** A directory to list, or a slice of a level to look at. */
type Wish =
  | { readonly key: BytePath; readonly directory: BytePath }
  | { readonly key: BytePath; readonly level: Level; readonly slice: number };

/** The wishes of one level. */
interface Run {
  readonly rest: Iterator<Wish, undefined>;
  head: Wish;
}

interface Directory {
  /** Null while it is under way, and where the walk has to list by itself. */
  level: Level | null;
  isOpen: boolean;
}

/** What the walk does where there is nothing to take. */
export type Otherwise = "wait" | "by itself";

export interface LookAheadOptions {
  readonly data: Omit<ListingThreadData, "port">;
  /** A listing that continues: nothing up to here is asked for. */
  readonly after: string | null;
  /** False for directories that the walk will not enter. */
  readonly enters: (directory: BytePath) => boolean;
}

export class LookAhead implements AsyncDisposable {
  readonly #options: LookAheadOptions;
  readonly #pool: ListingPool;
  /** The one whose next wish comes first in the walk stands last. */
  #runs: Run[] = [];
  /** By key, from when they are asked for until the walk takes them. */
  readonly #directories = new Map<BytePath, Directory>();
  readonly #open = new Map<number, { readonly wish: Wish; readonly held: number }>();
  #isDue = false;
  #isRunning = false;
  #lastId = 0;
  #held = 0;
  /** Names of a directory, by those that came last: what one that is under way will hold. */
  #usualNames = 64;
  /** The key of the directory that the walk took last. */
  #reached = "";

  constructor(options: LookAheadOptions) {
    this.#options = options;
    this.#pool = new ListingPool(options.data, (answer) => this.#receive(answer));
  }

  /** The tree proves large: threads are worth their start. */
  get isDue(): boolean {
    return this.#isDue && !this.#isRunning;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  makeDue(): void {
    this.#isDue = true;
  }

  /** @param stack  where the walk stands */
  start(stack: readonly Level[]): void {
    this.#isRunning = true;
    for (const level of stack) this.expect(level);
  }

  /** The walk has listed a directory by itself: what is in it is still to be looked at. */
  expect(level: Level): void {
    if (!this.#isRunning) return;
    level.sliced = level.next;
    this.#wishFor(level, true);
    this.#askMore();
  }

  /** What is known of a directory, which the walk now enters. */
  directory(path: BytePath): { readonly level: Level; readonly own: Rows } | Otherwise {
    if (!this.#isRunning) return "by itself";
    const key = orderKey(path, true);
    const known = this.#directories.get(key);
    if (known === undefined) {
      this.#send([this.#ask({ key, directory: path })]);
      return "wait";
    }
    if (known.isOpen) this.#pool.poll();
    if (known.isOpen) return "wait";
    this.#directories.delete(key);
    this.#reached = key;
    const { level } = known;
    if (level !== null) this.#held -= level.count + 1;
    this.#askMore();
    if (level === null) return "by itself";
    const own = must(level.own, "a listed directory was looked at");
    own.at = 0;
    return { level, own };
  }

  /** What is known of the name at which a level stands. The row is valid until the next call. */
  row(level: Level): Rows | Otherwise {
    if (!this.#isRunning) return "by itself";
    const offset = level.next - level.sliced;
    const number = Math.floor(offset / sliceNames);
    const slice = level.slices[number];
    if (slice === undefined) {
      this.#send([this.#ask({ key: level.keyAt(level.next), level, slice: number })]);
      return "wait";
    }
    if (slice.isOpen) this.#pool.poll();
    if (slice.isOpen) return "wait";
    if (slice.held > 0) this.#enter(level, number, slice);
    const { rows } = slice;
    if (rows === null) return "by itself";
    rows.at = (offset % sliceNames) + level.rowsBefore;
    return rows;
  }

  /** The walk will not go where it was expected to: a loop of links. */
  leave(directory: BytePath): void {
    const key = orderKey(directory, true);
    this.#runs = this.#runs.filter(({ head }) => !head.key.startsWith(key));
    for (const [below, { level }] of this.#directories) {
      if (!below.startsWith(key)) continue;
      this.#directories.delete(below);
      if (level !== null) this.#held -= level.count + 1 + heldBySlices(level);
    }
  }

  /**
   * Returns when there may be something to take.
   * @throws lane_died when a thread has ended by itself
   */
  async answered(signal: AbortSignal): Promise<void> {
    await this.#pool.answered(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }

  #enter(level: Level, number: number, slice: Slice): void {
    this.#held -= slice.held;
    slice.held = 0;
    // Also before the last one: a slice of directories alone is never entered.
    for (const passed of level.slices.slice(0, number)) {
      passed?.rows?.release();
      if (passed !== undefined) passed.rows = null;
    }
    this.#askMore();
  }

  #wishFor(level: Level, withSlices: boolean): void {
    const rest = this.#wishesOf(level, withSlices);
    const { value: head } = rest.next();
    if (head !== undefined) this.#insert({ rest, head });
  }

  *#wishesOf(level: Level, withSlices: boolean): Generator<Wish, undefined> {
    const { after, enters } = this.#options;
    if (!withSlices && !level.mayHaveDirectories) return undefined;
    let last = -1;
    for (let index = level.sliced; index < level.count; index += 1) {
      const key = level.keyAt(index);
      const isPast = after !== null && key <= after;
      if (key.endsWith("/")) {
        const directory = key.slice(0, -1) as BytePath;
        if (!isPast && enters(directory)) yield { key, directory };
      } else if (withSlices && !isPast) {
        const slice = Math.floor((index - level.sliced) / sliceNames);
        if (slice !== last) yield { key, level, slice };
        last = slice;
      }
    }
    return undefined;
  }

  #insert(run: Run): void {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as Run).head.key > run.head.key) low = middle + 1;
      else high = middle;
    }
    this.#runs.splice(low, 0, run);
  }

  /** What the walk reaches first, of all that nobody has asked for yet. */
  #nextWish(): Wish | null {
    for (let run = this.#runs.pop(); run !== undefined; run = this.#runs.pop()) {
      const { head: wish, rest } = run;
      const { value: next } = rest.next();
      if (next !== undefined) this.#insert({ rest, head: next });
      if ("level" in wish) {
        if (wish.level.slices[wish.slice] === undefined) return wish;
      } else if (wish.key > this.#reached && !this.#directories.has(wish.key)) {
        return wish;
      }
    }
    return null;
  }

  /** Not at every step: a message for each directory would cost more than it saves where they are small. */
  #askMore(): void {
    if (this.#held > (heldNamesMax * 3) / 4) return;
    while (this.#held < heldNamesMax) {
      const asks: Ask[] = [];
      const until = Math.min(heldNamesMax, this.#held + 2 * sliceNames);
      while (this.#held < until && asks.length < asksAtOnce) {
        const wish = this.#nextWish();
        if (wish === null) break;
        asks.push(this.#ask(wish));
      }
      if (asks.length === 0) return;
      this.#send(asks);
    }
  }

  #ask(wish: Wish): Ask {
    this.#lastId += 1;
    const id = this.#lastId;
    let held = this.#usualNames;
    let names: string | null = null;
    if ("level" in wish) {
      const { level, slice } = wish;
      const from = level.sliced + slice * sliceNames;
      const to = Math.min(from + sliceNames, level.count);
      held = to - from;
      names = Array.from({ length: held }, (_, index) => level.keyAt(from + index)).join("\0");
      level.slices[slice] = { rows: null, isOpen: true, held };
    } else {
      this.#directories.set(wish.key, { level: null, isOpen: true });
    }
    this.#open.set(id, { wish, held });
    this.#held += held;
    return { id, directory: "level" in wish ? wish.level.path : wish.directory, names };
  }

  #send(asks: readonly Ask[]): void {
    this.#pool.ask(asks);
  }

  #receive({ id, names, count, rows }: Answer): void {
    const { wish, held } = must(this.#open.get(id), "an answer to what was asked");
    this.#open.delete(id);
    const seen = rows === null ? null : new Rows(rows);
    if ("level" in wish) {
      const slice = must(wish.level.slices[wish.slice], "a slice that was asked for");
      slice.rows = seen;
      slice.isOpen = false;
      return;
    }
    this.#held -= held;
    const directory = this.#directories.get(wish.key);
    // The walk has left it out since.
    if (directory === undefined) return;
    directory.isOpen = false;
    if (seen === null) return;
    const level = new Level(wish.directory, { text: names, count });
    const isWhole = count <= sliceNames;
    level.own = seen;
    if (isWhole) {
      level.slices.push({ rows: seen, isOpen: false, held: 0 });
      level.rowsBefore = 1;
    }
    directory.level = level;
    this.#held += count + 1;
    this.#usualNames = Math.ceil((this.#usualNames * 7 + count) / 8);
    this.#wishFor(level, !isWhole);
  }
}

/** What was asked of a long level that the walk will not enter. */
function heldBySlices({ slices }: Level): number {
  return slices.reduce((sum, slice) => sum + (slice?.held ?? 0), 0);
}
