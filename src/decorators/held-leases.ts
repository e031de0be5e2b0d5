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

  /** A lane that asks for more has ended what it had. */
  of(worker: WorkerId): readonly Lease[] {
    return [...this.#held.values()].filter(({ lease }) => lease.worker === worker).map(({ lease }) => lease);
  }
}

/** A renewal gives a lease another end, and leaves it what it is. */
function keyOf({ worker, chunkId, epoch }: Lease): string {
  return `${chunkId} ${epoch} ${worker}`;
}
