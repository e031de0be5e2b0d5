/**
 * Sits on the Store and writes down what it accepted, in the order of its commits: who held which lease, which blocks
 * were confirmed, what was verified. Invariant 4 is judged here, at the moment of each call.
 */
import type { ErrorRecord } from "../../src/base/errors.ts";
import type { ChunkId, Lease } from "../../src/model/chunk.ts";
import { decodeItems, unpackItems } from "../../src/model/item-codec.ts";
import type { JobStatus } from "../../src/model/job.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { Progress, Task, TaskResult } from "../../src/model/task.ts";
import type { Lead, LeadOptions, PlanBatch, Store } from "../../src/ports/store.ts";
import { ChunkHistories, type ChunkHistory, type Violation } from "./chunk-history.ts";
import type { Story } from "./story.ts";

export class Journal {
  readonly violations: Violation[] = [];
  readonly #histories = new ChunkHistories((invariant, text) => this.violate(invariant, text));
  /** How often the plan that was accepted lists a path. */
  readonly listed = new Map<BytePath, number>();
  status: JobStatus = "pending";
  failure: ErrorRecord | null = null;
  #leadEpoch = 0;
  readonly #story: Story;
  readonly #trace: (line: string) => void;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(story: Story, trace: (line: string) => void) {
    this.#story = story;
    this.#trace = trace;
  }

  get chunks(): ReadonlyMap<ChunkId, ChunkHistory> {
    return this.#histories.chunks;
  }

  violate(invariant: string, text: string): void {
    this.violations.push({ invariant, text });
    this.#trace(`VIOLATION of ${invariant}: ${text}`);
  }

  /** One call at a time, so that the order here is the order of commits. */
  over(store: Store): Store {
    return new Proxy(store, {
      get: (inner, key) => {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== "function" || typeof key !== "string") return value;
        const method = value.bind(inner) as (...args: unknown[]) => Promise<unknown>;
        if (streams.has(key)) return method;
        return (...args: unknown[]) => {
          const answer = this.#turn.then(async () => {
            const given = await method(...args);
            this.#record(key, args, given);
            return given;
          });
          this.#turn = answer.catch(() => undefined);
          return answer;
        };
      },
    });
  }

  #record(method: string, args: readonly unknown[], answer: unknown): void {
    switch (method) {
      case "claim":
        for (const task of answer as readonly Task[]) this.#claimed(task);
        return;
      case "confirm": {
        const [lease, progress] = args as [Lease, Progress];
        const chunk = this.#accepted(lease, method);
        this.#histories.confirm(chunk, progress);
        return;
      }
      case "finish": {
        const [lease, result] = args as [Lease, TaskResult];
        const chunk = this.#accepted(lease, `${method} ${result.type}`);
        chunk.lease = null;
        this.#histories.finished(chunk, result);
        return;
      }
      case "giveUp": {
        const [lease, error] = args as [Lease, ErrorRecord];
        const chunk = this.#accepted(lease, `${method} ${error.code}`);
        chunk.lease = null;
        this.#histories.gaveUp(chunk, error);
        return;
      }
      case "release":
        this.#accepted(args[0] as Lease, method).lease = null;
        return;
      case "renew":
        for (const lease of answer as readonly Lease[]) this.#accepted(lease, method);
        return;
      case "lead":
        this.#leadEpoch = (answer as Lead).epoch;
        this.#trace(`${(answer as Lead).owner} leads`);
        if ((args[2] as LeadOptions).workers === "own") for (const chunk of this.chunks.values()) chunk.lease = null;
        return;
      case "addPlan":
        this.#led(args[0] as Lead, method);
        this.#trace(`${(args[0] as Lead).owner} plans up to ${String((args[1] as PlanBatch).cursor)}`);
        this.#planned(args[1] as PlanBatch);
        return;
      case "setStatus":
        this.#led(args[0] as Lead, `${method} ${String(args[1])}`);
        [, this.status, this.failure] = args as [Lead, JobStatus, ErrorRecord | null];
        this.#trace(`${(args[0] as Lead).owner}: job ${this.status} ${this.failure?.code ?? ""}`);
        return;
      case "renewLead":
      case "checkpoint":
      case "count":
        this.#led(args[0] as Lead, method);
    }
  }

  #planned(batch: PlanBatch): void {
    for (const { kind, items } of batch.chunks) {
      if (kind === "extras" || kind === "extra_directories") continue;
      for (const { entry } of unpackItems(items)) this.listed.set(entry.path, (this.listed.get(entry.path) ?? 0) + 1);
    }
  }

  #led(lead: Lead, what: string): void {
    if (lead.epoch !== this.#leadEpoch)
      this.violate("4 fencing", `${what} by the former leader ${lead.owner} was accepted`);
  }

  /** Invariant 4: nothing of a lease that has passed to another, or has ended, is accepted. */
  #accepted(lease: Lease, what: string): ChunkHistory {
    const chunk = this.#historyOf(lease.chunkId, lease);
    if (what !== "renew") this.#trace(`${lease.worker} ${what} chunk ${lease.chunkId} epoch ${lease.epoch}`);
    if (chunk.lease?.epoch !== lease.epoch || chunk.lease.worker !== lease.worker) {
      const now = chunk.lease === null ? "nobody" : `${chunk.lease.worker} (epoch ${chunk.lease.epoch})`;
      this.violate(
        "4 fencing",
        `${what} on chunk ${lease.chunkId} by ${lease.worker} (epoch ${lease.epoch}) was accepted; the lease is with ${now}`,
      );
    }
    return chunk;
  }

  #historyOf(id: ChunkId, lease: Lease): ChunkHistory {
    const chunk = this.chunks.get(id);
    if (chunk === undefined) throw new Error(`chunk ${id} of ${lease.worker} was never claimed`);
    return chunk;
  }

  #claimed(task: Task): void {
    const { chunkId, kind, stage, lease } = task;
    const items = decodeItems(task.items);
    const names = items.map(({ entry, offset }) => `${entry.path || "."}@${offset}`).join(" ");
    this.#trace(`${lease.worker} claims ${kind} ${stage} chunk ${chunkId} epoch ${lease.epoch}: ${names}`);
    this.#histories.claimed(task, items, this.#story.moment());
  }
}

const streams = new Set(["chunks", "exceptions", "verdicts", "attempts"]);
