/** What a trace tells of chunks that fare badly, over a real store: failures, leases that are lost, a store that refuses. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { GodwitError } from "../../src/base/errors.ts";
import { tracedStore } from "../../src/decorators/tracing.ts";
import type { ChunkTracer, OpenSpan, SpanStart } from "../../src/ports/tracer.ts";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import {
  badBlock,
  chunk,
  claimOne,
  errorOf,
  item,
  leaseMs,
  ManualClock,
  progressOf,
  started,
  successOf,
} from "../conformance/store-player.ts";
import { tempDir } from "../testbed/temp-dir.ts";

interface Told extends SpanStart {
  readonly events: string[];
  failure: string | null;
  endedAt: number | null;
}

/** Keeps what it is told. */
class Recorder implements ChunkTracer {
  readonly spans: Told[] = [];

  begin(start: SpanStart): OpenSpan {
    const told: Told = { ...start, events: [], failure: null, endedAt: null };
    this.spans.push(told);
    return {
      event: (name) => void told.events.push(name),
      failed: ({ code }) => {
        told.failure = code;
      },
      end: (at) => {
        expect(told.endedAt, `${told.name} ends once`).toBeNull();
        told.endedAt = at;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Tasks, with how they ended. */
  tasks(): readonly (readonly [name: string, failure: string | null, events: readonly string[], ended: boolean])[] {
    const own = new Set(["plan", "wait", "checkpoint", "confirm", "record"]);
    return this.spans
      .filter(({ name }) => !own.has(name))
      .map(({ name, failure, events, endedAt }) => [name, failure, events, endedAt !== null]);
  }
}

interface Rig {
  readonly clock: ManualClock;
  readonly recorder: Recorder;
  readonly store: Store;
  readonly plain: Store;
}

async function rig(wrap: (store: Store) => Store = (store) => store): Promise<Rig> {
  const clock = new ManualClock();
  const state = await openSqliteState({ path: join(tempDir("tracing"), "state.db"), clock, newJobId: () => "job" });
  onTestFinished(() => state.store[Symbol.asyncDispose]());
  const recorder = new Recorder();
  return { clock, recorder, plain: state.store, store: tracedStore(wrap(state.store), recorder, clock) };
}

const packs = (count: number) => Array.from({ length: count }, (_, at) => chunk("pack", [item(`f${at}`, 1_000)]));

test("failures, mismatches and what is given back show in the spans of their attempts", async () => {
  const { store, recorder } = await rig();
  const { jobId } = await started(store, packs(1));
  const first = await claimOne(store, jobId);
  await store.giveUp(first.lease, errorOf("retry", "access_denied"), {});
  const second = await claimOne(store, jobId);
  await store.release(second.lease, {});
  const third = await claimOne(store, jobId);
  await store.finish(third.lease, successOf(third), {});
  const fourth = await claimOne(store, jobId, "v");
  await store.finish(fourth.lease, { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" }, {});
  expect(recorder.tasks()).toEqual([
    ["transfer", "access_denied", [], true],
    ["transfer", null, ["released"], true],
    ["transfer", null, ["transferred"], true],
    ["verify", "digest_mismatch", [], true],
  ]);
  expect(recorder.spans.map(({ role, name }) => `${role} ${name}`)).toContain("verifier verify");
});

test("a lease that is lost ends the span of its task, by whichever way it comes to light", async () => {
  const { store, plain, recorder, clock } = await rig();
  const { jobId } = await started(store, packs(5));
  const renewed = await claimOne(store, jobId, "host:1:1/lane-1");
  const recorded = await claimOne(store, jobId, "host:1:1/lane-2");
  const confirmed = await claimOne(store, jobId, "host:1:1/lane-3");
  await claimOne(store, jobId, "host:1:1/lane-4");
  clock.nowMs += leaseMs + 1;
  await plain.claim(jobId, "host:2:2/lane-1", 4, leaseMs);
  await store.renew([renewed.lease], leaseMs);
  await expect(store.finish(recorded.lease, successOf(recorded), {})).rejects.toMatchObject({ code: "lease_lost" });
  await expect(store.confirm(confirmed.lease, progressOf(confirmed, 1), {})).rejects.toMatchObject({
    code: "lease_lost",
  });
  // This one heard nothing: it goes on with another, and asks for more.
  await claimOne(store, jobId, "host:1:1/lane-4");
  await store.claim(jobId, "host:1:1/lane-4", 1, leaseMs);
  const ends = recorder.tasks().map(([, failure, , hasEnded]) => [failure, hasEnded]);
  expect(ends).toEqual([...Array.from({ length: 4 }, () => ["lease_lost", true]), [null, false]]);
});

test("a lane that begins its next task while the end of the one before is recorded keeps both", async () => {
  const { store, recorder } = await rig();
  const { jobId } = await started(store, packs(2));
  const first = await claimOne(store, jobId);
  const second = await claimOne(store, jobId);
  await store.finish(first.lease, successOf(first), {});
  await store.release(second.lease, {});
  expect(recorder.tasks()).toEqual([
    ["transfer", null, ["transferred"], true],
    ["transfer", null, ["released"], true],
  ]);
});

test("whoever takes over says so, and how long the chunk had waited", async () => {
  const { store, recorder, clock } = await rig();
  const { jobId } = await started(store, packs(1));
  await claimOne(store, jobId, "host:1:1/lane-1");
  clock.nowMs += leaseMs + 250;
  const now = clock.nowMs;
  await claimOne(store, jobId, "host:2:2/lane-1");
  const wait = recorder.spans.findLast(({ name }) => name === "wait");
  expect(wait).toMatchObject({ at: now - 250, endedAt: now, attributes: { "godwit.taken_over": true } });
});

test("a store that refuses an end for a while shows, and the task ends when it is recorded", async () => {
  let refusals = 1;
  const busy = new GodwitError("store_busy", errorOf("retry", "store_busy"));
  const { store, recorder } = await rig(
    (plain) =>
      new Proxy(plain, {
        get: (target, property) =>
          property === "finish" && refusals-- > 0
            ? () => Promise.reject(busy)
            : (Reflect.get(target, property, target) as (...args: unknown[]) => unknown).bind(target),
      }),
  );
  const { jobId } = await started(store, packs(1));
  const task = await claimOne(store, jobId);
  await expect(store.finish(task.lease, successOf(task), {})).rejects.toBe(busy);
  expect(recorder.tasks()).toEqual([["transfer", null, [], false]]);
  await store.finish(task.lease, successOf(task), {});
  expect(recorder.tasks()).toEqual([["transfer", null, ["transferred"], true]]);
  const records = recorder.spans.filter(({ name }) => name === "record").map(({ failure }) => failure);
  expect(records).toEqual(["store_busy", null]);
});

test("a chunk that comes or ends while nobody leads is told by the next leader, once", async () => {
  const { store, plain, recorder, clock } = await rig();
  const lead = await started(plain, packs(1));
  const task = await claimOne(plain, lead.jobId);
  await plain.giveUp(task.lease, errorOf("rejected"), {});
  const endedAt = clock.nowMs;
  clock.nowMs += 60_000;
  const next = await store.lead(lead.jobId, "host:9:9");
  await store.checkpoint(next);
  await store.checkpoint(next);
  expect(recorder.spans).toMatchObject([
    {
      name: "checkpoint",
      role: "coordinator",
      parent: "root",
      chunkId: task.chunkId,
      at: endedAt,
      endedAt: clock.nowMs,
    },
  ]);
});
