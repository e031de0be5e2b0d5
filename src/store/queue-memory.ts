/**
 * What one process remembers of a job's queue. Nothing here decides what is true: it says where to begin to look, so
 * that a claim does not walk over what is gone (an engine that keeps old versions of rows keeps their index entries,
 * too, for as long as any transaction may look at them), and in which files this process writes.
 *
 * Looking from here may miss a row that another transaction makes visible late, or gives back. So whoever finds nothing
 * looks from where the queue begins for all (queue-floors.ts), once in a while.
 */
import type { ChunkId, Instant } from "../model/chunk.ts";
import type { ChunkRow } from "./schema.ts";

/** A transaction that took its time is seen by those that begin this much later. */
const settleMs = 250;
/** How often an idle process looks at all there is, from where the queue begins. */
const wholeLookMs = 5_000;
/** How often it asks where that is by now. */
const knowMs = 30_000;

/** A place in the order of the queue; rows at it or behind it may be there. */
export interface Floor {
  readonly queuedAt: Instant;
  readonly id: ChunkId;
}

export const start: Floor = { queuedAt: 0, id: 0 };

/** Where a job's queue begins, for all processes: no open row lies before. */
export interface Floors {
  readonly pending: readonly { readonly phase: number; readonly rank: number; readonly floor: Floor }[];
  /** No lease ended before this that nobody has taken again. */
  readonly expiredFrom: Instant;
}

export const noFloors: Floors = { pending: [], expiredFrom: 0 };

interface Seen {
  floor: Floor;
  /** Becomes the floor when others have had time to finish what they had begun. */
  next: Floor;
  nextAt: Instant;
}

export class QueueMemory {
  readonly #ranks = new Map<string, Seen>();
  readonly #written = new Map<ChunkId, ChunkId>();
  #expiredFrom: Instant = 0;
  #wholeAt: Instant = Number.NEGATIVE_INFINITY;
  #begins: ReadonlyMap<string, Floor> = new Map();
  #expiredBegins: Instant = 0;
  #knownAt: Instant = Number.NEGATIVE_INFINITY;

  /** Whether it is time to ask where the queue begins. */
  wantsFloors(now: Instant): boolean {
    return now >= this.#knownAt + knowMs || now < this.#knownAt;
  }

  know({ pending, expiredFrom }: Floors, now: Instant): void {
    this.#begins = new Map(pending.map(({ phase, rank, floor }) => [keyOf(phase, rank), floor]));
    this.#expiredBegins = expiredFrom;
    this.#expiredFrom = Math.max(this.#expiredFrom, expiredFrom);
    this.#knownAt = now;
  }

  /** Where rows of this rank begin. */
  floor(phase: number, rank: number): Floor {
    const key = keyOf(phase, rank);
    const begin = this.#begins.get(key) ?? start;
    const seen = this.#ranks.get(key)?.floor ?? start;
    return isBefore(seen, begin) ? begin : seen;
  }

  /** @param first what was found from the floor on: the first row, or undefined when there was none */
  looked(phase: number, rank: number, first: ChunkRow | undefined, now: Instant): void {
    const key = keyOf(phase, rank);
    const bound: Floor = { queuedAt: now - settleMs, id: 0 };
    const found: Floor = first === undefined ? bound : { queuedAt: first.queued_at, id: first.id };
    const next = isBefore(found, bound) ? found : bound;
    const seen = this.#ranks.get(key);
    if (seen === undefined) this.#ranks.set(key, { floor: start, next, nextAt: now + settleMs });
    else if (now >= seen.nextAt) this.#ranks.set(key, { floor: seen.next, next, nextAt: now + settleMs });
  }

  /** Leases that ended before this were looked at already. */
  get expiredFrom(): Instant {
    return this.#expiredFrom;
  }

  lookedForExpired(oldest: Instant): void {
    this.#expiredFrom = Math.max(this.#expiredBegins, oldest - settleMs);
  }

  /** Whether it is time to look at everything again; says yes once. */
  forgetFloors(now: Instant): boolean {
    if (now < this.#wholeAt + wholeLookMs && now >= this.#wholeAt) return false;
    this.#wholeAt = now;
    this.#ranks.clear();
    this.#expiredFrom = this.#expiredBegins;
    return true;
  }

  /** A lane of this process writes into the entry of that head. */
  writes(range: ChunkId, head: ChunkId): void {
    this.#written.set(range, head);
  }

  wrote(range: ChunkId): void {
    this.#written.delete(range);
  }

  isWritten(head: ChunkId): boolean {
    for (const each of this.#written.values()) if (each === head) return true;
    return false;
  }
}

function keyOf(phase: number, rank: number): string {
  return `${phase} ${rank}`;
}

function isBefore(a: Floor, b: Floor): boolean {
  return a.queuedAt < b.queuedAt || (a.queuedAt === b.queuedAt && a.id < b.id);
}
