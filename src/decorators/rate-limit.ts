/** A source that is read no faster than a limit, which its lanes share. */
import type { Clock } from "../ports/clock.ts";
import type { Pending, PlanPage, ReadBudget, Source } from "../ports/source.ts";
import type { SharedLimit } from "./shared-limit.ts";

/** A read is a hundredth of a second's worth, so that the rate holds over any second. */
const stepMs = 10;
const stepBytesMin = 16 * 1024;
/** So many a second at least, however small the limit: small reads go on beside large ones. */
const stepsMin = 8;

/** What an entry costs that is listed: its inode and its part of a directory, or an object's part of a page. */
const listedEntryBytes = 512;

/**
 * The same source, read no faster than the shared limit. What is read ahead is booked ahead, one read of a lane behind
 * the other. A page of a listing is paid for before the next one is asked for.
 */
export function limitReads(source: Source, limit: SharedLimit, clock: Clock): Source {
  const budget = new LaneBudget(limit, clock);
  return {
    location: source.location,
    keepsDirectories: source.keepsDirectories,
    plan: (after, signal) => limitListing(source.plan(after, signal), budget, signal),
    observe: (entry, signal) => source.observe(entry, signal),
    ...(source.partBytes !== undefined && {
      partBytes: (entry, parts, signal) => source.partBytes?.(entry, parts, signal) ?? Promise.resolve(null),
    }),
    ...(source.cut !== undefined && { cut: source.cut.bind(source) }),
    ...(source.openTable !== undefined && {
      openTable: (entry, signal) => source.openTable?.(entry, signal, budget) ?? Promise.resolve(null),
    }),
    ...(source.definition !== undefined && { definition: source.definition.bind(source) }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
    read: (request, signal) => source.read({ ...request, budget }, signal),
  };
}

class LaneBudget implements ReadBudget {
  readonly #limit: SharedLimit;
  readonly #clock: Clock;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(limit: SharedLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  request(bytes: number, signal: AbortSignal): Pending | Promise<Pending> {
    if (this.#waiting === 0 && this.#limit.passes(bytes, this.#clock.monotonicMs())) return this.#pending(bytes);
    return this.#inTurn(bytes, signal);
  }

  #inTurn(bytes: number, signal: AbortSignal): Promise<Pending> {
    this.#waiting += 1;
    const turn = this.#last
      .then(() => this.#limit.wait(bytes, { clock: this.#clock, signal }))
      .finally(() => (this.#waiting -= 1));
    this.#last = turn.catch(() => undefined);
    return turn.then(() => this.#pending(bytes));
  }

  #pending(bytes: number): Pending {
    const startedMs = this.#clock.monotonicMs();
    return {
      answered: () => this.#limit.answered(this.#clock.monotonicMs() - startedMs),
      [Symbol.dispose]: () => this.#limit.given(bytes, this.#clock.monotonicMs()),
    };
  }

  stepBytes(mostBytes: number, leastBytes = stepBytesMin): number {
    if (this.#limit.holds(this.#clock.monotonicMs()) === null) return mostBytes;
    const { bytesPerSecond } = this.#limit;
    // A closed one may not have been open yet.
    if (bytesPerSecond === 0) return Math.min(mostBytes, leastBytes);
    const wanted = Math.max((bytesPerSecond * stepMs) / 1_000, Math.min(leastBytes, bytesPerSecond / stepsMin));
    // A whole number of them makes up a second's worth: what is left of it would be lost.
    return Math.min(mostBytes, Math.max(1, Math.floor(bytesPerSecond / Math.ceil(bytesPerSecond / wanted))));
  }
}

async function* limitListing(
  pages: AsyncIterable<PlanPage>,
  budget: ReadBudget,
  signal: AbortSignal,
): AsyncGenerator<PlanPage> {
  for await (const page of pages) {
    yield page;
    const listed = page.entries.length + page.problems.length;
    using _listed = await budget.request(listed * listedEntryBytes, signal);
  }
}
