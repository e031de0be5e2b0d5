import type { Lease, WorkerId } from "../model/chunk.ts";

/** What is known of each lease that lanes of this process hold. */
export class HeldLeases<T> {
  readonly #held = new Map<string, { readonly lease: Lease; readonly value: T }>();

  add(lease: Lease, value: T): void {
    this.#held.set(keyOf(lease), { lease, value });
  }

  get(lease: Lease): T | null {
    return this.#held.get(keyOf(lease))?.value ?? null;
  }

  /** @returns what was known of it; null where it was not held */
  take(lease: Lease): T | null {
    const value = this.get(lease);
    this.#held.delete(keyOf(lease));
    return value;
  }

  /**
   * What a lane that asks for more cannot be busy with any more, though nobody was told: it runs one task at a time, and
   * may still record the end of the one before.
   */
  forgottenBy(worker: WorkerId): readonly Lease[] {
    const own = [...this.#held.values()].filter(({ lease }) => lease.worker === worker);
    return own.slice(0, -1).map(({ lease }) => lease);
  }
}

/** A renewal gives a lease another end, and leaves it what it is. */
function keyOf({ worker, chunkId, epoch }: Lease): string {
  return `${chunkId} ${epoch} ${worker}`;
}
