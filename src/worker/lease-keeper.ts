import { GodwitError } from "../base/errors.ts";
import type { Lease } from "../model/chunk.ts";
import { LeaseTerm } from "../model/lease-term.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";

/** A worker that is silent for this long is lost. */
export const leaseMs = 30_000;
const heartbeatMs = 10_000;

interface Held {
  lease: Lease;
  /** By this worker's own monotonic clock, counted from the moment at which it asked. */
  readonly term: LeaseTerm;
  readonly lost: AbortController;
  readonly released: AbortController;
}

/**
 * Renews the leases of a process with one heartbeat, and stops the tasks of those that are lost: that have passed to
 * another lane, of this process or another, or have run out because no renewal was answered in time.
 */
export class LeaseKeeper {
  readonly #store: Pick<Store, "renew">;
  readonly #clock: Clock;
  readonly #held = new Set<Held>();

  constructor(store: Pick<Store, "renew">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * The signal aborts when the task must stop: the lease is lost, or `stop` aborts.
   * @param askedAtMs monotonic: when the claim was sent, since the Store may have counted from then on
   */
  hold(
    lease: Lease,
    askedAtMs: number,
    stop: AbortSignal,
  ): { readonly signal: AbortSignal; readonly term: LeaseTerm; readonly release: () => void } {
    const [lost, released] = [new AbortController(), new AbortController()];
    const term = new LeaseTerm();
    term.untilMs = askedAtMs + leaseMs;
    const held: Held = { lease, term, lost, released };
    this.#held.add(held);
    void this.#watch(held);
    const release = (): void => {
      this.#held.delete(held);
      released.abort();
    };
    return { signal: AbortSignal.any([stop, lost.signal]), term, release };
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

  /** Whatever becomes of renewals: past the end of its lease this worker must not go on. */
  async #watch(held: Held): Promise<void> {
    const { lost, released } = held;
    while (!released.signal.aborted) {
      const leftMs = held.term.untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return lost.abort(leaseLost(held.lease, "ran out before it was renewed"));
      // Rejects when the lease is released, which ends the watch.
      await this.#clock.sleep(leftMs, released.signal).catch(() => undefined);
    }
  }

  async #renew(): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    const asked = [...this.#held];
    if (asked.length === 0) return;
    try {
      const renewed = await this.#store.renew(
        asked.map((held) => held.lease),
        leaseMs,
      );
      const alive = new Map(renewed.map((lease) => [lease.chunkId, lease]));
      for (const held of asked) {
        const lease = alive.get(held.lease.chunkId);
        // Another lane of this process may hold the chunk by now, under a later epoch.
        if (lease?.epoch !== held.lease.epoch) {
          held.lost.abort(leaseLost(held.lease, "has passed to another worker"));
          continue;
        }
        held.lease = lease;
        held.term.untilMs = askedAtMs + leaseMs;
      }
    } catch {
      // The Store did not answer. The leases still run, each is watched until its end, and the next heartbeat asks again.
    }
  }
}

function leaseLost(lease: Lease, how: string): GodwitError {
  return new GodwitError("lease_lost", {
    disposition: "fenced",
    what: `the lease on chunk ${lease.chunkId} ${how}`,
    hint: "This worker was silent for too long. The chunk goes on elsewhere; nothing is lost.",
  });
}
