/**
 * What one process remembers of a job's queue. Nothing here decides what is true: it says where to begin to look, so
 * that a claim does not walk over what is gone (an engine that keeps old versions of rows keeps their index entries,
 * too, for as long as any transaction may look at them), and in which files this process writes.
 *
 * Looking from here may miss a row that another transaction makes visible late, or gives back. So whoever finds nothing
 * looks from the start, once in a while.
 */
import type { ChunkId, Instant } from "../model/chunk.ts";
import type { ChunkRow } from "./schema.ts";

/** A transaction that took its time is seen by those that begin this much later. */
const settleMs = 250;
/** How often an idle process looks at all there is. */
const wholeLookMs = 5_000;

/** A place in the order of the queue; rows at it or behind it may be there. */
export interface Floor {
  readonly queuedAt: Instant;
  readonly id: ChunkId;
}

const start: Floor = { queuedAt: 0, id: 0 };

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

  /** Where rows of this rank begin. */
  floor(phase: number, rank: number): Floor {
    return this.#ranks.get(`${phase} ${rank}`)?.floor ?? start;
  }

  /** @param first what was found from the floor on: the first row, or undefined when there was none */
  looked(phase: number, rank: number, first: ChunkRow | undefined, now: Instant): void {
    const key = `${phase} ${rank}`;
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
    this.#expiredFrom = oldest - settleMs;
  }

  /** Whether it is time to look at everything again; says yes once. */
  forgetFloors(now: Instant): boolean {
    if (now < this.#wholeAt + wholeLookMs && now >= this.#wholeAt) return false;
    this.#wholeAt = now;
    this.#ranks.clear();
    this.#expiredFrom = 0;
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

function isBefore(a: Floor, b: Floor): boolean {
  return a.queuedAt < b.queuedAt || (a.queuedAt === b.queuedAt && a.id < b.id);
}
