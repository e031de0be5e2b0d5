import { expect, test } from "vitest";
import { SimProcess } from "../simulate/sim-process.ts";
import { simTime } from "../../test/simulation/sim-clock.ts";
import { Bell } from "../base/bell.ts";
import type { Lease } from "../model/chunk.ts";
import { Meter } from "../model/meter.ts";
import type { Task } from "../model/task.ts";
import type { Store } from "../ports/store.ts";
import { claimLoop } from "./claim-loop.ts";
import { LeaseKeeper } from "./lease-keeper.ts";

const run = (): Promise<never> => Promise.reject(new Error("there is nothing to run"));

test("a lane that looks for work while others wait hears of what comes meanwhile", async () => {
  const time = simTime();
  const { clock } = new SimProcess("process-1", time);
  const newWork = new Bell();
  const stop = new AbortController();
  const claims: string[] = [];
  const loops = [0, 100].map((lookMs, index) => {
    const name = `lane-${index + 1}`;
    const store = {
      claim: async () => {
        claims.push(`${name} at ${time.monotonicMs()}`);
        await clock.sleep(lookMs);
        return [];
      },
    } as unknown as Store;
    return claimLoop({
      store,
      jobId: "job-1",
      lane: { name, meter: new Meter(), run, [Symbol.asyncDispose]: () => Promise.resolve() },
      leases: new LeaseKeeper(store, clock),
      clock,
      newWork,
      taskEnded: new Bell(),
      queueEmpty: new Bell(),
      onFatal: () => {},
      onTaskError: () => {},
      signal: stop.signal,
    });
  });
  void clock.sleep(30).then(() => newWork.ring());
  await time.runFor(120);
  expect(claims).toEqual(["lane-1 at 0", "lane-2 at 0", "lane-1 at 30", "lane-2 at 100"]);
  // Without a bell: after 100 ms, 200, 400, 500, 500.
  await time.runFor(2_000);
  const ofLane = claims.filter((claim) => claim.startsWith("lane-1")).map((claim) => Number(claim.split(" at ")[1]));
  expect(ofLane).toEqual([0, 30, 130, 330, 730, 1_230, 1_730]);
  stop.abort();
  await Promise.all([time.runFor(1_000), ...loops]);
});

test("a lane begins its next task while the end of the one before is recorded, and looks again for what follows from it", async () => {
  const time = simTime();
  const { clock } = new SimProcess("process-1", time);
  const stop = new AbortController();
  const log: string[] = [];
  const note = (what: string): void => void log.push(`${time.monotonicMs()} ${what}`);
  const queue = ["a", "b"];
  const store = {
    claim: async () => {
      const name = queue.shift();
      if (name === undefined) note("nothing to claim");
      return name === undefined ? [] : [{ lease: { chunkId: name } } as unknown as Task];
    },
    finish: async ({ chunkId }: Lease) => {
      await clock.sleep(50);
      note(`${chunkId} recorded`);
      // What follows from it.
      if (String(chunkId) === "b") queue.push("c");
      if (String(chunkId) === "c") stop.abort();
    },
  } as unknown as Store;
  const loop = claimLoop({
    store,
    jobId: "job-1",
    lane: {
      name: "lane-1",
      meter: new Meter(),
      run: async ({ lease }) => {
        note(`${lease.chunkId} begun`);
        await clock.sleep(10);
        return { type: "read_back", bad: [], endings: [], readFrom: "medium" };
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    leases: new LeaseKeeper(store, clock),
    clock,
    newWork: new Bell(),
    taskEnded: new Bell(),
    queueEmpty: new Bell(),
    onFatal: () => {},
    onTaskError: () => {},
    signal: stop.signal,
  });
  await Promise.all([time.runFor(1_000), loop]);
  expect(log).toEqual([
    "0 a begun",
    "10 b begun",
    "60 a recorded",
    "60 nothing to claim",
    "110 b recorded",
    "110 c begun",
    "120 nothing to claim",
    "170 c recorded",
  ]);
});
