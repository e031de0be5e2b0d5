/** One worker of the fleet: the product's lane pool, claim loops, leases and budget, over lanes that only flow. */
import type { GodwitError } from "../base/errors.ts";
import { toGodwitError } from "../base/errors.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Hints } from "../ports/hints.ts";
import type { Store } from "../ports/store.ts";
import { BudgetKeeper } from "../worker/budget-keeper.ts";
import { LanePool } from "../worker/lane-pool.ts";
import { LeaseKeeper } from "../worker/lease-keeper.ts";
import { Pump } from "./pump.ts";
import { reached, reachedHints } from "./reached.ts";
import type { Scenario } from "./scenario.ts";
import { SimGate } from "./sim-gate.ts";
import { type LaneNotes, SimLane } from "./sim-lane.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimTime } from "./sim-time.ts";
import type { SourceLoad } from "./source-load.ts";

/** As `godwit worker` does. */
const beatMs = 10_000;

export interface SimWorkerOptions {
  readonly id: string;
  readonly scenario: Scenario;
  readonly time: SimTime;
  readonly load: SourceLoad;
  readonly store: Store;
  readonly budget: BudgetStore;
  readonly hints: Hints;
  readonly notes: LaneNotes;
  readonly onCall: () => void;
  readonly onTrouble: (error: GodwitError) => void;
}

export class SimWorker {
  readonly id: string;
  readonly process: SimProcess;
  readonly transfers: Pump;
  readonly readBacks: Pump;
  readonly #options: SimWorkerOptions;
  readonly #gate: SimGate;
  readonly #lanes = new Map<number, SimLane>();
  readonly #leave = new AbortController();
  /** Its share is what holds it up. */
  #isHeldUp = false;

  constructor(options: SimWorkerOptions) {
    const { id, time, load, scenario } = options;
    this.id = id;
    this.#options = options;
    this.process = new SimProcess(id, time);
    this.#gate = new SimGate({
      time,
      onChange: () => this.transfers.retune(),
      latencyMs: () => load.latencyMs(),
      settle: () => this.transfers.retune(),
      wanting: () => this.transfers.streams,
    });
    this.transfers = new Pump({
      time,
      bytesPerSecond: (streams) => {
        // Of what flows from now on.
        this.#isHeldUp = this.#shareHoldsUp(streams);
        return this.#rateOf(streams, load.slowness);
      },
      onFlowed: (bytes) => this.#gate.read(bytes, this.#isHeldUp),
      onRate: (change) => load.change(change),
    });
    this.readBacks = new Pump({
      time,
      bytesPerSecond: () => (this.process.isRunning ? scenario.verification.bytesPerSecond : 0),
      onFlowed: () => undefined,
      onRate: () => undefined,
    });
  }

  get lanes(): readonly SimLane[] {
    return [...this.#lanes.values()];
  }

  /** Until it is told to leave, or dies. */
  async run(): Promise<void> {
    const { scenario, onCall, onTrouble, notes } = this.#options;
    const { clock } = this.process;
    const store = reached(this.#options.store, this.process, onCall);
    const leases = new LeaseKeeper(store, clock);
    const keeper = new BudgetKeeper({
      budget: reached(this.#options.budget, this.process, onCall),
      clock,
      worker: this.id,
      onError: (error) => onTrouble(toGodwitError(error)),
    });
    const pool = new LanePool({
      store,
      clock,
      leases,
      lanes: scenario.workers.lanes,
      openLane: (_, index) => {
        const name = `${this.id}/lane-${index}`;
        const lane = new SimLane({ name, transfers: this.transfers, readBacks: this.readBacks, notes });
        this.#lanes.set(index, lane);
        return lane;
      },
      holdBudget: ({ job, ...crew }) => keeper.hold({ jobId: job.id, gate: this.#gate, ...crew }),
      onTrouble: (_, error) => onTrouble(error),
      onChange: () => undefined,
      hints: reachedHints(this.#options.hints, this.process),
      signal: this.#leave.signal,
    });
    const done = new AbortController();
    await this.#beat(store);
    const keeping = [leases.beat(done.signal), this.#beats(store, done.signal)];
    await pool.run();
    done.abort();
    await Promise.all(keeping);
    await store.leave(this.id);
  }

  /** SIGTERM: it releases what it holds, and ends. */
  leave(): void {
    this.#leave.abort();
  }

  /** `kill -9`. What its lanes had made durable is recorded before. @returns chunks that it held; bytes that are read again */
  die(): { readonly chunks: readonly number[]; readonly wastedBytes: number } {
    const chunks = this.lanes.flatMap(({ task }) => (task === null ? [] : [task.chunkId]));
    const wastedBytes = this.lanes.reduce((sum, lane) => sum + lane.confirm(), 0);
    // In the next moment: what was just sent to the Store arrives there.
    this.#options.time.after(0, () => {
      this.process.kill();
      this.transfers.stop();
      this.readBacks.stop();
    });
    return { chunks, wastedBytes };
  }

  /** SIGSTOP, and SIGCONT after that time. */
  stall(ms: number): void {
    this.process.stop(ms);
    this.retune();
    this.#options.time.after(ms, () => this.retune());
  }

  retune(): void {
    this.transfers.retune();
    this.readBacks.retune();
  }

  /** What it would read of a source that is so slow. */
  demand(slowness: number): number {
    return this.transfers.streams === 0 ? 0 : this.#rateOf(this.transfers.streams, slowness);
  }

  #rateOf(streams: number, slowness: number): number {
    if (!this.process.isRunning) return 0;
    const share = this.#gate.holds(this.#options.time.monotonicMs()) ?? Infinity;
    return Math.min(share, this.#possible(streams, slowness));
  }

  /** Without a share. */
  #possible(streams: number, slowness: number): number {
    const { workers, data } = this.#options.scenario;
    const overheadSeconds = workers.entryMs / 1_000 / data.meanEntryBytes;
    const lane = 1 / (slowness / workers.laneBytesPerSecond + overheadSeconds);
    return Math.min(workers.bytesPerSecond, streams * lane);
  }

  #shareHoldsUp(streams: number): boolean {
    const { load, time } = this.#options;
    const share = this.#gate.holds(time.monotonicMs());
    return share !== null && streams > 0 && share < this.#possible(streams, load.slowness);
  }

  async #beats(store: Store, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.process.clock.sleep(beatMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#beat(store);
    }
  }

  async #beat(store: Store): Promise<void> {
    const { lanes } = this.#options.scenario.workers;
    await store.beat({ id: this.id, host: this.id, version: "simulated", lanes, failure: null });
  }
}
