import { expect, test } from "vitest";
import { GodwitError, type Disposition } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Lead, Store } from "../ports/store.ts";
import { retryStore } from "./retry.ts";

interface Rig {
  readonly store: Store;
  readonly waits: number[];
  readonly calls: string[];
}

/** A Store whose every call fails so often, with that disposition. */
function failing(times: number, disposition: Disposition): Rig {
  const waits: number[] = [];
  const calls: string[] = [];
  const call = (name: string) => async (): Promise<void> => {
    calls.push(name);
    if (calls.length > times) return;
    throw new GodwitError("store_busy", { disposition, what: name, hint: "None." });
  };
  const inner = { resign: call("resign"), addPlan: call("addPlan") } as unknown as Store;
  const clock: Clock = { now: () => 0, monotonicMs: () => 0, sleep: async (ms) => void waits.push(ms) };
  return { store: retryStore(inner, clock), waits, calls };
}

const lead: Lead = { jobId: "job-1", owner: "host:1:1", epoch: 1, expiresAt: 0 };

test("a passing refusal is waited out, longer each time", async () => {
  const { store, waits, calls } = failing(3, "retry");
  await store.resign(lead);
  expect(calls).toHaveLength(4);
  expect(waits).toEqual([100, 200, 400]);
});

test("a refusal that does not pass is handed on after some seconds", async () => {
  const { store, waits } = failing(Infinity, "retry");
  await expect(store.resign(lead)).rejects.toMatchObject({ code: "store_busy" });
  expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(6_300);
});

test("what is no matter of time is handed on at once", async () => {
  const { store, calls } = failing(1, "fenced");
  await expect(store.resign(lead)).rejects.toMatchObject({ disposition: "fenced" });
  expect(calls).toHaveLength(1);
});

test("a page of the plan is never written twice", async () => {
  const { store, calls } = failing(1, "retry");
  const batch = { chunks: [], listed: { entries: 0, bytes: 0 }, cursor: null, done: false };
  await expect(store.addPlan(lead, batch)).rejects.toMatchObject({ code: "store_busy" });
  expect(calls).toHaveLength(1);
});
