/**
 * A Store that tells the story of each chunk as spans of one trace. What happens to a chunk is asked of the Store or
 * recorded in it, so this is the one place to stand at: claims begin the span of a task, its end ends it, and a
 * checkpoint tells the coordinator which chunks came and ended.
 */
import { type ErrorRecord, toGodwitError } from "../base/errors.ts";
import type { ChunkNews } from "../model/chunk-news.ts";
import type { ChunkId, Instant, JobId, Lease, Stage, WorkerId } from "../model/chunk.ts";
import type { Task, TaskResult } from "../model/task.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";
import type { ChunkTracer, OpenSpan, SpanAttributes, TraceRole } from "../ports/tracer.ts";
import { HeldLeases } from "./held-leases.ts";
import { watchStore } from "./store-calls.ts";

interface Traced {
  readonly task: Task;
  readonly span: OpenSpan;
  /** Its end is on its way: a renewal that finds no lease any more says nothing. */
  isEnding: boolean;
}

type Failure = Pick<ErrorRecord, "code" | "what">;
const lost: Failure = { code: "lease_lost", what: "the chunk has passed to another, or its lease has run out" };

export function tracedStore(store: Store, tracer: ChunkTracer, clock: Clock): Store {
  const tasks = new TracedTasks(tracer, clock);
  return watchStore(
    store,
    {
      claim: async ([, worker], call) => {
        tasks.claims(worker);
        const claimed = await call();
        for (const task of claimed) tasks.begin(task);
        return claimed;
      },
      confirm: ([lease, { receipts }], call) => tasks.confirm(lease, receipts.count, call),
      finish: ([lease, result], call) => tasks.end(lease, (span, at) => finished(span, result, at), call),
      giveUp: ([lease, error], call) => tasks.end(lease, (span, at) => span.failed(error, at), call),
      release: ([lease], call) => tasks.end(lease, (span, at) => span.event("released", at), call),
      renew: async ([leases], call) => {
        const renewed = await call();
        const held = new Map(renewed.map(({ chunkId, epoch }) => [chunkId, epoch]));
        for (const lease of leases) if (held.get(lease.chunkId) !== lease.epoch) tasks.notRenewed(lease);
        return renewed;
      },
      checkpoint: async ([{ jobId }], call) => {
        const job = await call();
        for (const news of job.news) tell(tracer, jobId, news, clock.now());
        return job;
      },
      setStatus: async ([{ jobId }], call) => {
        const job = await call();
        for (const news of job.news) tell(tracer, jobId, news, clock.now());
        return job;
      },
    },
    (_, call) => call(),
  );
}

/** From the transaction that made them true to the checkpoint that counts them. The first is the root of the trace. */
function tell(tracer: ChunkTracer, jobId: JobId, { at, added, ended }: ChunkNews, now: Instant): void {
  const told = (chunkId: ChunkId, name: string, parent: "root" | null): void =>
    tracer.begin({ jobId, chunkId, name, role: "coordinator", at: Math.min(at, now), parent })?.end(now);
  for (const chunkId of added) told(chunkId, "plan", null);
  for (const chunkId of ended) told(chunkId, "checkpoint", "root");
}

function finished(span: OpenSpan, result: TaskResult, at: Instant): void {
  if (result.type === "read_back" && result.bad.length > 0)
    span.failed({ code: "digest_mismatch", what: `${result.bad.length} blocks came back different` }, at);
  else span.event(result.type, at);
}

const verifies: ReadonlySet<Stage> = new Set(["verify", "reconcile", "compare"]);

function roleOf(stage: Stage): TraceRole {
  return verifies.has(stage) ? "verifier" : "worker";
}

class TracedTasks {
  readonly #tracer: ChunkTracer;
  readonly #clock: Clock;
  readonly #running = new HeldLeases<Traced>();

  constructor(tracer: ChunkTracer, clock: Clock) {
    this.#tracer = tracer;
    this.#clock = clock;
  }

  /** Its lease has run out without a word. */
  claims(worker: WorkerId): void {
    for (const lease of this.#running.forgottenBy(worker)) this.lose(lease);
  }

  begin(task: Task): void {
    const now = this.#clock.now();
    const { jobId, chunkId, stage, kind, lease, attempt, wait } = task;
    const role = roleOf(stage);
    const attributes = {
      "godwit.stage": stage,
      "godwit.chunk.kind": kind,
      "godwit.worker": lease.worker,
      "godwit.lease.epoch": lease.epoch,
      "godwit.attempt": attempt,
      "godwit.taken_over": wait.tookOver,
    };
    const under = { jobId, chunkId, role, parent: "root", attributes } as const;
    this.#tracer.begin({ ...under, name: "wait", at: now - wait.ms })?.end(now);
    const span = this.#tracer.begin({ ...under, name: stage, at: now });
    if (span !== null) this.#running.add(lease, { task, span, isEnding: false });
  }

  /** The call that records blocks as durable. */
  async confirm(lease: Lease, blocks: number, call: () => Promise<void>): Promise<void> {
    await this.#recorded(lease, "confirm", { "godwit.blocks": blocks }, call);
  }

  /** The call that records the end of a task, and the end of its span. */
  async end(lease: Lease, say: (span: OpenSpan, at: Instant) => void, call: () => Promise<void>): Promise<void> {
    const traced = this.#running.get(lease);
    if (traced !== null) traced.isEnding = true;
    try {
      await this.#recorded(lease, "record", {}, call);
    } catch (error) {
      if (traced !== null) traced.isEnding = false;
      throw error;
    }
    this.#close(lease, say);
  }

  notRenewed(lease: Lease): void {
    if (this.#running.get(lease)?.isEnding === false) this.lose(lease);
  }

  /** A call that fails is made again, or its lease is lost: that shows in the spans that follow. */
  async #recorded(lease: Lease, name: string, attributes: SpanAttributes, call: () => Promise<void>): Promise<void> {
    const traced = this.#running.get(lease);
    if (traced === null) return call();
    const { jobId, chunkId, stage } = traced.task;
    const under = { jobId, chunkId, role: roleOf(stage), parent: traced.span };
    const span = this.#tracer.begin({ ...under, name, at: this.#clock.now(), attributes });
    try {
      await call();
      span?.end(this.#clock.now());
    } catch (error) {
      const failure = toGodwitError(error);
      span?.failed(failure, this.#clock.now());
      span?.end(this.#clock.now());
      if (failure.disposition === "fenced") this.lose(lease);
      throw error;
    }
  }

  lose(lease: Lease): void {
    this.#close(lease, (span, at) => span.failed(lost, at));
  }

  #close(lease: Lease, say: (span: OpenSpan, at: Instant) => void): void {
    const traced = this.#running.take(lease);
    if (traced === null) return;
    const now = this.#clock.now();
    say(traced.span, now);
    traced.span.end(now);
  }
}
