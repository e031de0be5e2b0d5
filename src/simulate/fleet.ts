/**
 * A whole fleet in one thread: the product's coordinators, workers and Store on a simulated clock. It owns who lives;
 * its invariant: everything that decides is the product's own, and only bytes, time and mishaps are models.
 */
import { DatabaseSync } from "node:sqlite";
import type { GodwitError } from "../base/errors.ts";
import { toGodwitError } from "../base/errors.ts";
import { leadJobs } from "../coordinator/lead-jobs.ts";
import { throttle } from "../coordinator/throttle.ts";
import type { ChunkId } from "../model/chunk.ts";
import type { Job } from "../model/job.ts";
import { plainCopy, specOf } from "../model/job-spec.ts";
import type { Task } from "../model/task.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Hints } from "../ports/hints.ts";
import type { Store } from "../ports/store.ts";
import { openStateOn } from "../store/sqlite/open.ts";
import type { State } from "../store/state.ts";
import type { LoadMeter } from "./load-meter.ts";
import type { Random } from "./random.ts";
import { reached, reachedHints } from "./reached.ts";
import { largestOf, type Scale, someSize } from "./scale.ts";
import type { Scenario } from "./scenario.ts";
import type { LaneNotes } from "./sim-lane.ts";
import { type Listing, simPlaces } from "./sim-places.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimTime } from "./sim-time.ts";
import { SimWorker } from "./sim-worker.ts";
import { SourceLoad } from "./source-load.ts";
import { StoreTime } from "./store-time.ts";
import type { Tally } from "./tally.ts";

const location = "file:///simulated/source";
/** Workers are not all started in the same moment. */
const startSpreadMs = 10_000;
const pageEntries = 32;

export interface FleetOptions {
  readonly scenario: Scenario;
  readonly scale: Scale;
  readonly time: SimTime;
  readonly random: Random;
  readonly meter: LoadMeter;
  readonly tally: Tally;
  /** A call of a Store: what a simulation's effort is counted in. */
  readonly onCall: () => void;
}

/** A dead worker's chunks that nobody has taken over yet. */
interface Orphans {
  /** Monotonic: it does not count what was skipped, in which nothing waited. */
  readonly since: number;
  /** From then until their leases end. */
  readonly leaseMs: number;
  readonly chunks: Set<ChunkId>;
}

export class Fleet implements AsyncDisposable {
  readonly load: SourceLoad;
  readonly storeTime: StoreTime;
  /** Of the job, what no chunk was planned for yet. */
  leftBytes: number;
  /** The job as it ended; null: it runs. */
  end: Job | null = null;
  /** What no simulation should meet. */
  defect: GodwitError | null = null;
  /** Read-backs that will find damage. */
  damages = 0;
  readonly #options: FleetOptions;
  readonly #store: Store;
  readonly #budget: BudgetStore;
  readonly #hints: Hints;
  readonly #database: DatabaseSync;
  readonly #workers = new Map<string, { readonly worker: SimWorker; readonly shift: number | null }>();
  readonly #coordinators = new Map<string, SimProcess>();
  readonly #sizes: number[] = [];
  readonly #transferredAt = new Map<ChunkId, number>();
  #orphans: Orphans[] = [];
  #openJobs: ReturnType<Store["openJobs"]> | null = null;
  #planned = 0;
  #taken = 0;
  #wakeListing: () => void = () => undefined;
  #named = 0;

  private constructor(
    options: FleetOptions,
    parts: Pick<State, "store" | "budget" | "hints"> & { database: DatabaseSync },
  ) {
    const { scenario, time, meter } = options;
    this.#options = options;
    this.#store = parts.store;
    this.#budget = parts.budget;
    this.#hints = parts.hints;
    this.#database = parts.database;
    this.load = new SourceLoad(time, scenario.source, meter);
    this.storeTime = new StoreTime(parts.database);
    this.leftBytes = scenario.data.bytes;
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const { time, scenario, scale } = options;
    const { clock } = new SimProcess("store", time);
    const database = new DatabaseSync(":memory:");
    const { store, budget, hints } = await openStateOn(database, {
      path: ":memory:",
      clock,
      newJobId: () => "simulated",
    });
    const { source } = scenario;
    await budget.putSource({
      id: "source",
      location,
      production: false,
      statedPeakBytesPerSecond: source.statedPeakBytesPerSecond,
      limitBytesPerSecond: source.limitBytesPerSecond,
      timetable: source.timetable,
      thresholds:
        source.readLatencyAboveMs === null
          ? []
          : [{ type: "read_latency", name: "read_latency", above: source.readLatencyAboveMs }],
    });
    await store.createJob(jobSpec(largestOf(scale.chunkBytes)));
    const fleet = new Fleet(options, { store, budget, hints, database });
    for (let count = 0; count < scenario.coordinators; count += 1) fleet.startCoordinator();
    for (let count = 0; count < scenario.workers.count; count += 1)
      time.after(options.random.below(startSpreadMs), () => fleet.startWorker(null));
    return fleet;
  }

  get workers(): readonly SimWorker[] {
    return Array.from(this.#workers.values(), ({ worker }) => worker);
  }

  /** Chunks. */
  get planned(): number {
    return this.#planned;
  }

  /** @param shift to which it belongs; null: it is there from the start */
  startWorker(shift: number | null): void {
    const { scenario, time, onCall, tally } = this.#options;
    const id = this.#newName("worker");
    const onTrouble = (error: GodwitError): void => {
      if (error.code === "internal") this.defect = error;
      if (error.code !== "unreadable") tally.trouble(error);
    };
    const { load } = this;
    const store = this.#workersStore();
    const budget = this.#budget;
    const hints = this.#hints;
    const notes = this.#notes();
    const worker = new SimWorker({ id, scenario, time, load, store, budget, hints, notes, onCall, onTrouble });
    this.#workers.set(id, { worker, shift });
    void worker
      .run()
      .catch((error: unknown) => (this.defect = toGodwitError(error)))
      .finally(() => this.#workers.delete(id));
  }

  /** One of those that run. @returns the shift to which it belonged; null when there was none to kill */
  killWorker(): { readonly shift: number | null } | null {
    const { random, time, tally } = this.#options;
    const living = [...this.#workers.values()].filter(({ worker }) => worker.process.isRunning);
    if (living.length === 0) return null;
    const { worker, shift } = random.pick(living);
    const leaseMs = (this.storeTime.lastLease(worker.id) ?? time.now()) - time.now();
    const { chunks, wastedBytes } = worker.die();
    this.#workers.delete(worker.id);
    this.#orphans.push({ since: time.monotonicMs(), leaseMs, chunks: new Set(chunks) });
    tally.workerDeaths += 1;
    tally.retry("worker_lost", wastedBytes, chunks.length);
    return { shift };
  }

  stallWorker(ms: number): void {
    const living = this.workers.filter(({ process }) => process.isRunning);
    if (living.length === 0) return;
    this.#options.tally.workerStalls += 1;
    this.#options.random.pick(living).stall(ms);
  }

  endShift(shift: number): void {
    for (const each of this.#workers.values()) if (each.shift === shift) each.worker.leave();
  }

  startCoordinator(): void {
    const { time, onCall, tally } = this.#options;
    const process = new SimProcess(this.#newName("coordinator"), time);
    this.#coordinators.set(process.owner, process);
    const store = reached(this.#coordinatorsStore(), process, onCall);
    const { clock, owner } = process;
    const { signal } = new AbortController();
    const onError = (error: unknown): void => tally.trouble(toGodwitError(error));
    const signals = { read: () => Promise.reject(new Error("a simulated source has no signals from outside")) };
    void throttle({ budget: reached(this.#budget, process, onCall), signals, clock, onError, signal });
    void leadJobs({
      store,
      clock,
      owner,
      openPlaces: async () => simPlaces(this.#listing()),
      onLead: () => undefined,
      onEnd: async (job) => void (this.end = job),
      onFailure: (_, error) => {
        if (error.code === "internal") this.defect = error;
        tally.trouble(error);
      },
      hints: reachedHints(this.#hints, process),
      signal,
    });
  }

  /** The one that leads. */
  async killCoordinator(): Promise<boolean> {
    const leader = await this.#store.leader("simulated");
    const process = this.#coordinators.get(leader ?? "");
    if (process === undefined) return false;
    process.kill();
    this.#coordinators.delete(process.owner);
    this.#options.tally.coordinatorDeaths += 1;
    return true;
  }

  /** A store asks one lane to slow down. */
  slowDown(): void {
    const lane = this.#someLane();
    lane?.meter.add("retries", 1);
    if (lane !== null) this.#options.tally.retry("slow_down", 0);
  }

  failRead(): void {
    this.#someLane()?.failRead();
  }

  /** Reads of the source take as long as its load says, and lanes keep to that. */
  lookAtSource(): void {
    const { workers } = this;
    const demand = (slowness: number): number => workers.reduce((sum, worker) => sum + worker.demand(slowness), 0);
    if (this.load.look(demand)) for (const worker of workers) worker.retune();
  }

  /** Names of those whose heartbeats would go on. */
  get living(): readonly string[] {
    const workers = this.workers.filter(({ process }) => process.isRunning).map(({ id }) => id);
    return [...workers, ...this.#coordinators.keys()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process, transfers, readBacks } of this.workers) {
      process.kill();
      transfers.stop();
      readBacks.stop();
    }
    for (const process of this.#coordinators.values()) process.kill();
    await this.#store[Symbol.asyncDispose]();
    if (this.#database.isOpen) this.#database.close();
  }

  #newName(role: string): string {
    this.#named += 1;
    return `${role}-${this.#named}`;
  }

  #someLane(): SimWorker["lanes"][number] | null {
    const lanes = this.workers.flatMap((worker) => (worker.process.isRunning ? worker.lanes : []));
    const busy = lanes.filter(({ isTransferring }) => isTransferring);
    return busy.length === 0 ? null : this.#options.random.pick(busy);
  }

  /** More is listed when half of what lanes could begin with has been begun. */
  #listing(): Listing {
    const { scenario, scale, random } = this.#options;
    return {
      next: async (from) => {
        // A leader that took over asks once more for what its predecessor did not record.
        const again = this.#sizes.slice(from, from + pageEntries);
        if (again.length === 0) {
          const wantedMost = Math.max(pageEntries, (this.#workers.size * scenario.workers.lanes) / 2);
          while (this.#planned - this.#taken >= wantedMost)
            await new Promise<void>((resolve) => void (this.#wakeListing = resolve));
          while (again.length < pageEntries && this.leftBytes >= 1) {
            const size = Math.min(someSize(scale.chunkBytes, random.fraction()), Math.floor(this.leftBytes));
            this.leftBytes -= size;
            this.#sizes.push(size);
            again.push(size);
          }
          this.#planned += again.length;
        }
        return again;
      },
    };
  }

  /** The Store as workers see it, with an eye on who takes over what. */
  #workersStore(): Store {
    const claim: Store["claim"] = async (...asked) => {
      const tasks = await this.#store.claim(...asked);
      for (const task of tasks) this.#claimed(task);
      return tasks;
    };
    // Each worker asks twice a second, and only a coordinator changes the answer.
    const openJobs: Store["openJobs"] = () => (this.#openJobs ??= this.#store.openJobs());
    return instead(this.#store, { claim, openJobs });
  }

  #coordinatorsStore(): Store {
    const changed = <A extends unknown[], T>(change: (...asked: A) => Promise<T>) => {
      return async (...asked: A): Promise<T> => {
        // Whoever asks while it changes may hear what was before: nobody keeps that.
        const forget = (): void => void (this.#openJobs = null);
        forget();
        return await change(...asked).finally(forget);
      };
    };
    return instead(this.#store, {
      lead: changed((...asked: Parameters<Store["lead"]>) => this.#store.lead(...asked)),
      setStatus: changed((...asked: Parameters<Store["setStatus"]>) => this.#store.setStatus(...asked)),
      resign: changed((...asked: Parameters<Store["resign"]>) => this.#store.resign(...asked)),
    });
  }

  #claimed({ chunkId, stage, lease }: Task): void {
    const { time, tally, scale } = this.#options;
    const { realChunkBytes, chunkBytes } = scale;
    if (stage === "transfer" && lease.epoch === 1) {
      this.#taken += 1;
      this.#wakeListing();
    }
    for (const { since, leaseMs, chunks } of this.#orphans) {
      if (!chunks.delete(chunkId) || chunks.size > 0) continue;
      // Past the lease they waited for a lane that ends its task, which real, smaller chunks let happen sooner.
      const waitedMs = Math.max(0, time.monotonicMs() - since - leaseMs);
      tally.takeoversMs.push(leaseMs + (waitedMs * realChunkBytes) / chunkBytes);
    }
    this.#orphans = this.#orphans.filter(({ chunks }) => chunks.size > 0);
  }

  #notes(): LaneNotes {
    const { tally, time } = this.#options;
    return {
      transferred: ({ chunkId }) => void this.#transferredAt.set(chunkId, time.monotonicMs()),
      readBack: ({ chunkId }, bytes) => {
        const since = this.#transferredAt.get(chunkId);
        if (since !== undefined) tally.lagsMs.push(time.monotonicMs() - since);
        this.#transferredAt.delete(chunkId);
        if (this.damages > 0) {
          this.damages -= 1;
          tally.retry("corrupt_chunk", bytes);
          return true;
        }
        tally.verifiedBytes += bytes;
        return false;
      },
      wasted: (bytes, { code }) => {
        if (code === "unreadable") tally.retry("read_error", bytes);
        else tally.retry(code === "lease_lost" ? "worker_lost" : "worker_left", bytes);
      },
    };
  }
}

function instead<P extends object>(port: P, methods: Partial<P>): P {
  return new Proxy(port, {
    get: (inner, key) => {
      const own: unknown = Reflect.get(methods, key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(inner, key);
      return typeof value === "function" ? (value.bind(inner) as unknown) : value;
    },
  });
}

function jobSpec(chunkBytes: number): Parameters<Store["createJob"]>[0] {
  return specOf(plainCopy(location, "file:///simulated/target", chunkBytes));
}
