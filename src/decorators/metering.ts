/** The Store and the budget with their calls counted and timed: what a process does can be read off what it asks of them. */
import { toGodwitError } from "../base/errors.ts";
import type { Lease, WorkerId } from "../model/chunk.ts";
import type { Counters } from "../model/job.ts";
import type { Task } from "../model/task.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Clock } from "../ports/clock.ts";
import type { EndingReason, Instruments } from "../ports/instruments.ts";
import type { Lead, Store } from "../ports/store.ts";
import { HeldLeases } from "./held-leases.ts";
import { watchStore } from "./store-calls.ts";

interface Running {
  readonly task: Task;
  readonly sinceMs: number;
  /** Its end is on its way: a renewal that finds no lease any more says nothing. */
  isEnding: boolean;
}

export function meteredStore(store: Store, instruments: Instruments, clock: Clock): Store {
  const tasks = new RunningTasks(instruments, clock);
  const timed = timedCalls(instruments, clock);
  return watchStore(
    store,
    {
      claim: async ([, worker], call) => {
        tasks.claims(worker);
        const claimed = await call();
        for (const task of claimed) tasks.begin(task);
        return claimed;
      },
      confirm: ([lease, , cost], call) => tasks.confirm(lease, cost, call),
      finish: ([lease, result, cost], call) => {
        const hasMismatch = result.type === "read_back" && result.bad.length > 0;
        return tasks.end({ lease, reason: "done", cost, hasMismatch }, call);
      },
      giveUp: ([lease, { code }, cost], call) => tasks.end({ lease, reason: code, cost }, call),
      release: ([lease, cost], call) => tasks.end({ lease, reason: "released", cost }, call),
      renew: async ([leases], call) => {
        const renewed = await call();
        const held = new Map(renewed.map(({ chunkId, epoch }) => [chunkId, epoch]));
        for (const lease of leases) if (held.get(lease.chunkId) !== lease.epoch) tasks.notRenewed(lease);
        return renewed;
      },
      beat: async (_, call) => {
        const storeNow = await call();
        instruments.heartbeat(clock.now() - storeNow);
        return storeNow;
      },
      lead: async ([jobId], call) => {
        const lead = await call();
        instruments.led(jobId);
        return lead;
      },
      renewLead: ([lead], call) => fencedLead(instruments, lead, call),
      setStatus: ([lead], call) => fencedLead(instruments, lead, call),
      addPlan: ([lead], call) => fencedLead(instruments, lead, call),
      count: async ([lead, delta], call) => {
        await fencedLead(instruments, lead, call);
        instruments.moved(lead.jobId, delta);
      },
      checkpoint: async ([lead], call) => {
        const job = await fencedLead(instruments, lead, call);
        instruments.checkpointed(lead.jobId);
        return job;
      },
      resign: async ([lead], call) => {
        instruments.resigned(lead.jobId);
        await call();
      },
    },
    timed,
  );
}

export function meteredBudget(budget: BudgetStore, instruments: Instruments, clock: Clock): BudgetStore {
  const timed = timedCalls(instruments, clock);
  return {
    putSource: (limits) => timed("putSource", () => budget.putSource(limits)),
    sources: () => timed("sources", () => budget.sources()),
    source: (id) => timed("source", () => budget.source(id)),
    removeSource: (id) => timed("removeSource", () => budget.removeSource(id)),
    grant: async (request) => {
      const grant = await timed("grant", () => budget.grant(request));
      instruments.covered(request.jobId, grant.sourceId);
      return grant;
    },
    release: (worker, jobId) => timed("releaseGrant", () => budget.release(worker, jobId)),
    grants: (id) => timed("grants", () => budget.grants(id)),
    throttle: (id, observations) => timed("throttle", () => budget.throttle(id, observations)),
    history: (id, limit) => timed("history", () => budget.history(id, limit)),
  };
}

function timedCalls(
  instruments: Instruments,
  clock: Clock,
): <T>(operation: string, call: () => Promise<T>) => Promise<T> {
  return async (operation, call) => {
    const began = clock.monotonicMs();
    try {
      const answer = await call();
      instruments.storeCalled({ operation, ms: clock.monotonicMs() - began, error: null });
      return answer;
    } catch (error) {
      instruments.storeCalled({ operation, ms: clock.monotonicMs() - began, error: toGodwitError(error).code });
      throw error;
    }
  };
}

async function fencedLead<T>(instruments: Instruments, lead: Lead, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (toGodwitError(error).disposition === "fenced") instruments.resigned(lead.jobId);
    throw error;
  }
}

interface TaskEnding {
  readonly lease: Lease;
  readonly reason: EndingReason;
  readonly cost: Counters;
  readonly hasMismatch?: boolean;
}

class RunningTasks {
  readonly #instruments: Instruments;
  readonly #clock: Clock;
  readonly #running = new HeldLeases<Running>();

  constructor(instruments: Instruments, clock: Clock) {
    this.#instruments = instruments;
    this.#clock = clock;
  }

  /** Its lease has run out without a word. */
  claims(worker: WorkerId): void {
    for (const lease of this.#running.forgottenBy(worker)) this.#close(lease, "lease_lost");
  }

  begin(task: Task): void {
    this.#running.add(task.lease, { task, sinceMs: this.#clock.monotonicMs(), isEnding: false });
    this.#instruments.claimed(task);
  }

  async confirm(lease: Lease, cost: Counters, call: () => Promise<void>): Promise<void> {
    await this.#fencedOr(lease, call);
    this.#moved(lease, cost);
  }

  async end({ lease, reason, cost, hasMismatch = false }: TaskEnding, call: () => Promise<void>): Promise<void> {
    const running = this.#running.get(lease);
    if (running !== null) running.isEnding = true;
    try {
      await this.#fencedOr(lease, call);
    } catch (error) {
      if (running !== null) running.isEnding = false;
      throw error;
    }
    this.#moved(lease, cost);
    if (hasMismatch && running !== null) this.#instruments.mismatched(running.task.stage);
    this.#close(lease, reason);
  }

  notRenewed(lease: Lease): void {
    if (this.#running.get(lease)?.isEnding === false) this.#close(lease, "lease_lost");
  }

  #moved(lease: Lease, cost: Counters): void {
    const running = this.#running.get(lease);
    if (running !== null) this.#instruments.moved(running.task.jobId, cost);
  }

  #close(lease: Lease, reason: EndingReason): void {
    const running = this.#running.take(lease);
    if (running === null) return;
    const ms = this.#clock.monotonicMs() - running.sinceMs;
    this.#instruments.ended({ stage: running.task.stage, reason, ms });
  }

  async #fencedOr<T>(lease: Lease, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (toGodwitError(error).disposition === "fenced") this.#close(lease, "lease_lost");
      throw error;
    }
  }
}
