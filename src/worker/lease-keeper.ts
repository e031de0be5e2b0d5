import { GodwitError } from "../base/errors.ts";
import type { ChunkId, Lease } from "../model/chunk.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";

/** A worker that is silent for this long is lost. */
export const leaseMs = 30_000;
const heartbeatMs = 10_000;

interface Held {
  lease: Lease;
  /** By this worker's own monotonic clock, counted from the moment it asked. */
  untilMs: number;
  readonly lost: AbortController;
}

/** Renews the leases of a process with one heartbeat, and stops the tasks of those that are lost. */
export class LeaseKeeper {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #held = new Map<ChunkId, Held>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The signal aborts when the task must stop: the lease is lost, or `stop` aborts. */
  hold(lease: Lease, stop: AbortSignal): { readonly signal: AbortSignal; readonly release: () => void } {
    const held: Held = { lease, untilMs: this.#clock.monotonicMs() + leaseMs, lost: new AbortController() };
    this.#held.set(lease.chunkId, held);
    const release = (): void => {
      if (this.#held.get(lease.chunkId) === held) this.#held.delete(lease.chunkId);
    };
    return { signal: AbortSignal.any([stop, held.lost.signal]), release };
  }

  /** Runs until the signal aborts. */
  async beat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(heartbeatMs, signal);
      } catch {
        return;
      }
      await this.#renew();
    }
  }

  async #renew(): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    const asked = [...this.#held.values()];
    if (asked.length === 0) return;
    try {
      const renewed = await this.#store.renew(
        asked.map((held) => held.lease),
        leaseMs,
      );
      const alive = new Map(renewed.map((lease) => [lease.chunkId, lease]));
      for (const held of asked) {
        const lease = alive.get(held.lease.chunkId);
        if (lease === undefined) {
          held.lost.abort(lost(held.lease));
          continue;
        }
        held.lease = lease;
        held.untilMs = askedAtMs + leaseMs;
      }
    } catch {
      // The Store did not answer. The lease still runs; past its end this worker must not go on.
      const now = this.#clock.monotonicMs();
      for (const held of asked) if (held.untilMs <= now) held.lost.abort(lost(held.lease));
    }
  }
}

function lost(lease: Lease): GodwitError {
  return new GodwitError("lease_lost", {
    disposition: "fenced",
    what: `the lease on chunk ${lease.chunkId} has passed to another worker`,
    hint: "This worker was silent for too long. The chunk goes on elsewhere; nothing is lost.",
  });
}
