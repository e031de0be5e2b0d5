import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { chunk, claimOne, item, leaseMs, ManualClock, started } from "../../test/conformance/store-player.ts";
import { openStateOn } from "../store/sqlite/open.ts";
import { StoreTime } from "./store-time.ts";

const hourMs = 3_600_000;

test("an hour passes for the living as if they had renewed all of it, and for the dead as it is", async () => {
  const clock = new ManualClock();
  const database = new DatabaseSync(":memory:");
  const { store, budget } = await openStateOn(database, { path: ":memory:", clock, newJobId: () => "job-1" });
  const limits = { production: false, statedPeakBytesPerSecond: null, limitBytesPerSecond: 1_000, timetable: null };
  await budget.putSource({ id: "source", location: "file:///source", ...limits, thresholds: [] });
  const lead = await started(store, [chunk("pack", [item("a", 10)]), chunk("pack", [item("b", 10)])]);
  const living = await claimOne(store, lead.jobId, "worker-1/lane-1");
  const dead = await claimOne(store, lead.jobId, "worker-2/lane-1");
  for (const worker of ["worker-1", "worker-2"])
    await budget.grant({
      worker,
      jobId: lead.jobId,
      holds: { bytesPerSecond: 0, lanes: 0 },
      wantsBytesPerSecond: null,
      lanesWanted: 1,
      readLatencyP95Ms: null,
      slowDowns: 0,
    });
  for (const id of ["worker-1", "worker-2", "worker-11"])
    await store.beat({ id, host: id, version: "1", lanes: 1, failure: null });
  const time = new StoreTime(database);
  expect(time.lastLease("worker-2")).toBe(clock.now() + leaseMs);
  expect(time.lastLease("worker-3")).toBeNull();

  time.skip(hourMs, ["worker-1", "host:1:1"]);
  clock.nowMs += hourMs;

  await expect(store.renewLead(lead)).resolves.toMatchObject({ epoch: lead.epoch });
  const seen = new Map((await store.workers()).map(({ id, state }) => [id, state]));
  expect(Object.fromEntries(seen)).toEqual({ "worker-1": "alive", "worker-2": "lost", "worker-11": "lost" });
  expect((await budget.grants("source")).map(({ worker }) => worker)).toEqual(["worker-1"]);
  expect((await claimOne(store, lead.jobId, "worker-3/lane-1")).chunkId).toBe(dead.chunkId);
  await expect(store.claim(lead.jobId, "worker-3/lane-1", 1, leaseMs)).resolves.toEqual([]);
  expect(await store.renew([living.lease], leaseMs)).toHaveLength(1);
  await store[Symbol.asyncDispose]();
});
