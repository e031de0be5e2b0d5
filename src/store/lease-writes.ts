/**
 * What holders of leases write: progress, ends, releases. What comes while something is being written waits for that,
 * and is then written together, in one transaction: a process whose lanes end many tasks commits less often than they
 * do. Each is refused alone: that one lease has passed to another says nothing about the others.
 */
import type { JobId, Lease } from "../model/chunk.ts";
import { type Loaded, leasedChunk, leaseLost } from "./load.ts";
import { Rows } from "./rows.ts";
import type { Engine, Work } from "./schema.ts";
import type { Specs, Unit } from "./unit.ts";

export interface LeaseWrite {
  readonly lease: Lease;
  /** On the disk before it is answered. */
  readonly isDurable: boolean;
  /** Changes nothing but what the unit holds, since it may be begun again. */
  readonly work: (unit: Unit, chunk: Loaded) => Promise<void>;
}

interface Waiting extends LeaseWrite {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** As many as one statement takes rows of. */
const togetherMax = 64;

export class LeaseWrites {
  readonly #engine: Engine;
  readonly #specs: Specs;
  #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(engine: Engine, specs: Specs) {
    this.#engine = engine;
    this.#specs = specs;
  }

  /** @throws lease_lost when the chunk has passed to another worker, or to nobody */
  write(write: LeaseWrite): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...write, resolve, reject });
      if (!this.#isWriting) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // What is asked in the same turn comes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, togetherMax);
      this.#waiting = this.#waiting.slice(togetherMax);
      if (!(await this.#tryTogether(some))) for (const write of some) await this.#alone(write);
    }
    this.#isWriting = false;
  }

  /** @returns false when nothing was written: something stands against one of them, or against all */
  async #tryTogether(some: readonly Waiting[]): Promise<boolean> {
    try {
      const lost = await this.#transaction(some);
      for (const write of some) {
        if (lost.has(write)) write.reject(lostOf(write.lease));
        else write.resolve();
      }
      return true;
    } catch (error) {
      if (some.length > 1) return false;
      some[0]?.reject(error);
      return true;
    }
  }

  async #alone(write: Waiting): Promise<void> {
    await this.#tryTogether([write]);
  }

  /** @returns those whose lease was lost */
  #transaction(some: readonly Waiting[]): Promise<ReadonlySet<Waiting>> {
    const work: Work<ReadonlySet<Waiting>> = async (tx, now) => {
      const rows = new Rows(tx);
      const units = new Map<JobId, Unit>();
      const lost = new Set<Waiting>();
      const ids = some.map(({ lease }) => lease.chunkId);
      await rows.load(ids);
      for (const write of some) {
        // The end of one may have made void what was known of others of its entry.
        await rows.load([write.lease.chunkId]);
        const chunk = leasedChunk(rows, write.lease);
        if (chunk === null) {
          lost.add(write);
          continue;
        }
        const jobId = chunk.row.job_id;
        const unit = units.get(jobId) ?? (await this.#specs.unit(tx, jobId, now, rows));
        units.set(jobId, unit);
        await write.work(unit, chunk);
      }
      await Promise.all([...Array.from(units.values(), (unit) => unit.close()), rows.flush()]);
      return lost;
    };
    return some.some(({ isDurable }) => isDurable) ? this.#engine.write(work) : this.#engine.writeSoon(work);
  }
}

function lostOf({ worker, chunkId, epoch }: Lease): Error {
  return leaseLost(`the lease of ${worker} on chunk ${chunkId} (epoch ${epoch})`);
}
