import { expect, test } from "vitest";
import { SimProcess } from "../simulate/sim-process.ts";
import { simTime } from "../../test/simulation/sim-clock.ts";
import { GodwitError } from "../base/errors.ts";
import type { ExternalThreshold, Threshold } from "../model/threshold.ts";
import type { Observation, SourceRecord } from "../ports/budget.ts";
import { throttle } from "./throttle.ts";

const cpu: Threshold = { type: "prometheus", name: "cpu", url: "http://prometheus:9090", query: "cpu", above: 0.8 };
const lag: Threshold = { type: "sql", name: "lag", urlFrom: "env:LAG", query: "select 1", above: 30 };
const latency: Threshold = { type: "read_latency", name: "slow", above: 200 };

function rig(read: (threshold: ExternalThreshold, atMs: number, signal: AbortSignal) => number | Promise<number>) {
  const time = simTime();
  const { clock } = new SimProcess("coordinator", time);
  const turns: (readonly [number, string, readonly Observation[]])[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  const sources = [
    { id: "archive", thresholds: [cpu, latency, lag] },
    { id: "bucket", thresholds: [] },
  ] as unknown as SourceRecord[];
  const store = { isUp: true };
  const done = throttle({
    budget: {
      sources: async () => {
        if (!store.isUp) throw new Error("the Store does not answer");
        return sources;
      },
      throttle: async (id, observations) => {
        turns.push([time.monotonicMs(), id, observations]);
        return sources[0] as SourceRecord;
      },
    },
    signals: { read: async (threshold, signal) => read(threshold, time.monotonicMs(), signal) },
    clock,
    onError: (error) => errors.push(error),
    signal: stop.signal,
  });
  const of = (name: string): Observation[] =>
    turns.flatMap(([, , observations]) => observations.filter((one) => one.name === name));
  return { time, turns, errors, stop, store, done, of };
}

test("every source has its turn every 10 s, with what its signals from outside say", async () => {
  const { time, turns, stop, done } = rig(({ name }) => (name === "cpu" ? 0.9 : 30));
  await time.runFor(15_000);
  const seen = [
    { name: "cpu", isAbove: true, text: "0.9, above 0.8" },
    { name: "lag", isAbove: false, text: "30, above 30" },
  ];
  expect(turns.toSorted((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1))).toEqual([
    [0, "archive", seen],
    [0, "bucket", []],
    [10_000, "archive", seen],
    [10_000, "bucket", []],
  ]);
  stop.abort(new Error("asked to stop"));
  await expect(done).resolves.toBeUndefined();
});

test("a signal that cannot be read counts as above its threshold from the third failure on, and says why", async () => {
  const gone = new GodwitError("signal_unreadable", {
    disposition: "retry",
    what: "the query found nothing",
    hint: "",
  });
  const { time, of } = rig(({ name }, atMs) => {
    if (name === "lag") return 1;
    if (atMs < 20_000 || (atMs >= 30_000 && atMs < 60_000)) throw gone;
    return 0.1;
  });
  await time.runFor(65_000);
  expect(of("cpu").map(({ isAbove }) => isAbove)).toEqual([false, false, false, false, false, true, false]);
  expect(of("cpu")[5]?.text).toContain("the query found nothing");
  expect(of("lag").every(({ isAbove }) => !isAbove)).toBe(true);
});

test("a signal that does not answer is a failure after 5 s, and holds up no other source", async () => {
  const aborted: string[] = [];
  const { time, turns, of } = rig(({ name }, _, signal) => {
    if (name === "cpu") return 0.1;
    signal.addEventListener("abort", () => aborted.push(name));
    return new Promise<number>(() => {});
  });
  await time.runFor(4_999);
  expect(turns.map(([atMs, id]) => [atMs, id])).toEqual([[0, "bucket"]]);
  await time.runFor(36_000);
  expect(of("lag").map(({ isAbove }) => isAbove)).toEqual([false, false, true]);
  expect(of("lag")[2]?.text).toContain("no answer within 5 s");
  expect(aborted).toEqual(["lag", "lag", "lag"]);
});

test("a Store that does not answer costs its turns, not the loop", async () => {
  const { time, turns, errors, store } = rig(() => 0);
  await time.runFor(5_000);
  store.isUp = false;
  await time.runFor(20_000);
  expect(turns).toHaveLength(2);
  expect(errors).toHaveLength(2);
  store.isUp = true;
  await time.runFor(10_000);
  expect(turns).toHaveLength(4);
});
