/** One worker of a fleet: its lanes, its heartbeats, its leases. It keeps nothing: whatever it leaves, another takes up. */
import { hostname } from "node:os";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { keepListening } from "../decorators/keep-listening.ts";
import { retryStore } from "../decorators/retry.ts";
import { ThreadLane } from "../lane/thread-lane.ts";
import { systemClock } from "../platform/clock.ts";
import { type Log, taskFields } from "../platform/log.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Hints } from "../ports/hints.ts";
import type { Instruments } from "../ports/instruments.ts";
import type { Store } from "../ports/store.ts";
import { BudgetKeeper } from "../worker/budget-keeper.ts";
import { LanePool } from "../worker/lane-pool.ts";
import { LeaseKeeper } from "../worker/lease-keeper.ts";
import { openOptions } from "./job-spec.ts";
import { ReadGates } from "./read-gates.ts";
import { processOwner } from "./state.ts";

const beatMs = 10_000;
/** Signatures of S3 are good for 15 minutes; half of that is a clock that somebody has to look at. */
const clockOffMaxMs = 450_000;

export interface RunWorkerOptions {
  readonly store: Store;
  readonly budget: BudgetStore;
  readonly hints: Hints;
  readonly lanes: number;
  readonly version: string;
  readonly log: Log;
  /** Null where nobody asks for this process's numbers. */
  readonly instruments: Instruments | null;
  readonly signal: AbortSignal;
}

/** Until the signal aborts; then what runs is released, with what it has confirmed. @throws clock_wrong */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { lanes, log, instruments, signal } = options;
  const store = retryStore(options.store, systemClock);
  const id = processOwner();
  const beats = new Beats({ ...options, store, id });
  await beats.first();
  log.info("worker started", { lanes });
  const leases = new LeaseKeeper(store, systemClock);
  const gates = new ReadGates();
  const keeper = new BudgetKeeper({
    budget: options.budget,
    clock: systemClock,
    worker: id,
    onError: (error) => log.warn("no share of a source was given", { error: toGodwitError(error).toJSON() }),
  });
  const pool = new LanePool({
    store,
    clock: systemClock,
    hints: keepListening(options.hints, systemClock),
    leases,
    lanes,
    openLane: (job, index) => {
      const setup = { name: `${id}/lane-${index}`, spec: job.spec, open: openOptions(job.id, job.spec) };
      return new ThreadLane(setup, gates.bufferOf(job.id));
    },
    holdBudget: ({ job, ...crew }) => {
      const { gate, remove } = gates.add(job.id);
      const held = keeper.hold({ jobId: job.id, gate, ...crew });
      const reads = instruments?.reads(job.id, gate.latency);
      const release = (): Promise<void> => held.release().finally(remove);
      return { release: () => release().finally(() => reads?.release()) };
    },
    onTrouble: (jobId, error, task) => {
      beats.failure = `${error.code}: ${error.what}`;
      const what = task === null ? "a job cannot go on here" : "a task ended badly";
      log.warn(what, { ...(jobId !== "" && { job_id: jobId }), ...taskFields(task), error: error.toJSON() });
    },
    onChange: (jobId, count) => log.info("lanes work on a job", { job_id: jobId, lanes: count }),
    signal,
  });
  instruments?.lanes(lanes, () => pool.lanesAssigned());
  // Leases are renewed until the last task has recorded what it had.
  const done = new AbortController();
  const keeping = [leases.beat(done.signal), beats.run(done.signal)];
  try {
    await pool.run();
  } finally {
    done.abort();
    await Promise.all(keeping);
    await beats.leave();
  }
  log.info("worker ended");
}

class Beats {
  readonly #options: RunWorkerOptions & { readonly id: string };
  /** Why it cannot work on something: told once, with the next heartbeat. */
  failure: string | null = null;

  constructor(options: RunWorkerOptions & { readonly id: string }) {
    this.#options = options;
  }

  async first(): Promise<void> {
    const storeNow = await this.#beat();
    const offMs = systemClock.now() - storeNow;
    if (Math.abs(offMs) > clockOffMaxMs) throw clockWrong(offMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await systemClock.sleep(beatMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#beat();
      } catch (error) {
        this.#options.log.warn("the store does not answer", { error: toGodwitError(error).toJSON() });
      }
    }
  }

  async leave(): Promise<void> {
    const { store, id, log } = this.#options;
    try {
      await store.leave(id);
    } catch (error) {
      log.warn("the store was not told that this worker ends", { error: toGodwitError(error).toJSON() });
    }
  }

  #beat(): Promise<number> {
    const { store, id, version, lanes } = this.#options;
    const { failure } = this;
    this.failure = null;
    return store.beat({ id, host: hostname(), version, lanes, failure });
  }
}

function clockWrong(offMs: number): GodwitError {
  const seconds = Math.round(Math.abs(offMs) / 1_000);
  return new GodwitError("clock_wrong", {
    disposition: "fatal",
    what: `the clock of this machine is ${seconds} s ${offMs > 0 ? "ahead of" : "behind"} the store's`,
    hint: "Set it (NTP), then start the worker again: times in reports and signatures of S3 rest on it.",
  });
}
