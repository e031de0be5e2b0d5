import { expect, test } from "vitest";
import { SimProcess } from "../simulate/sim-process.ts";
import type { SimTime } from "../simulate/sim-time.ts";
import { simTime } from "../../test/simulation/sim-clock.ts";
import { sampleTask } from "../../test/testbed/sample-task.ts";
import { Bell } from "../base/bell.ts";
import { toGodwitError } from "../base/errors.ts";
import type { Lease } from "../model/chunk.ts";
import { Meter } from "../model/meter.ts";
import type { Task, TaskResult } from "../model/task.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";
import { claimLoop } from "./claim-loop.ts";
import { LeaseKeeper, leaseMs } from "./lease-keeper.ts";

function taskOf(chunkId: number, epoch: number): Task {
  return { ...sampleTask, chunkId, lease: { chunkId, worker: `lane-${epoch}`, epoch, expiresAt: 0 } };
}

const ignore = (): void => {};

interface World {
  readonly time: SimTime;
  readonly clock: Clock;
  /** What each lane was told, and when: `lane-1 stops at 30000: lease_lost`. */
  readonly told: string[];
  /** A lane that works on what it claims until it is told to stop. */
  readonly lane: (name: string, claim: () => Promise<Task | null>) => void;
}

function worldOf(renew: Store["renew"]): World {
  const time = simTime();
  const { clock } = new SimProcess("process-1", time);
  const leases = new LeaseKeeper({ renew }, clock);
  const { signal } = new AbortController();
  const told: string[] = [];
  void leases.beat(signal);
  const lane: World["lane"] = (name, claim) => {
    const tasks = [claim];
    const run = (_: Task, __: unknown, stop: AbortSignal): Promise<TaskResult> => {
      told.push(`${name} begins at ${time.monotonicMs()}`);
      return new Promise((___, reject) => {
        stop.addEventListener("abort", () => {
          told.push(`${name} stops at ${time.monotonicMs()}: ${toGodwitError(stop.reason).code}`);
          reject(stop.reason as Error);
        });
      });
    };
    const store = {
      claim: async () => {
        const task = (await tasks.pop()?.()) ?? null;
        return task === null ? [] : [task];
      },
    } as unknown as Store;
    const bells = { newWork: new Bell(), taskEnded: new Bell(), queueEmpty: new Bell() };
    const options = { ...bells, store, clock, leases, signal, jobId: "job-1", onFatal: ignore, onTaskError: ignore };
    const own = { name, meter: new Meter(), run, [Symbol.asyncDispose]: () => Promise.resolve() };
    void claimLoop({ ...options, lane: own });
  };
  return { time, clock, told, lane };
}

const never = new Promise<never>(() => {});
const renewed = async (leases: readonly Lease[]): Promise<readonly Lease[]> => leases;

test("a lease that is renewed goes on", async () => {
  const { time, told, lane } = worldOf(renewed);
  lane("lane-1", async () => taskOf(1, 1));
  await time.runFor(10 * leaseMs);
  expect(told).toEqual(["lane-1 begins at 0"]);
});

test("a task stops when its lease has run out, also while its renewal hangs", async () => {
  const { time, told, lane } = worldOf(() => never);
  lane("lane-1", async () => taskOf(1, 1));
  await time.runFor(2 * leaseMs);
  expect(told).toEqual(["lane-1 begins at 0", "lane-1 stops at 30000: lease_lost"]);
});

test("and not before the end of the last renewal that was answered", async () => {
  let renewals = 0;
  const { time, told, lane } = worldOf((leases) => {
    renewals += 1;
    return renewals > 2 ? never : renewed(leases);
  });
  lane("lane-1", async () => taskOf(1, 1));
  await time.runFor(3 * leaseMs);
  // Renewed at 10 s and at 20 s.
  expect(told).toEqual(["lane-1 begins at 0", "lane-1 stops at 50000: lease_lost"]);
});

test("a lease counts from the moment it was asked for, not from the answer", async () => {
  const { time, clock, told, lane } = worldOf(() => never);
  lane("lane-1", async () => {
    await clock.sleep(20_000);
    return taskOf(1, 1);
  });
  await time.runFor(2 * leaseMs);
  expect(told).toEqual(["lane-1 begins at 20000", "lane-1 stops at 30000: lease_lost"]);
});

test("a lane whose chunk another lane of its process has claimed is told to stop", async () => {
  const { time, clock, told, lane } = worldOf(async (leases) => leases.filter(({ epoch }) => epoch === 2));
  lane("lane-1", async () => taskOf(1, 1));
  lane("lane-2", async () => {
    await clock.sleep(1_000);
    return taskOf(1, 2);
  });
  await time.runFor(10 * leaseMs);
  expect(told).toEqual(["lane-1 begins at 0", "lane-2 begins at 1000", "lane-1 stops at 10000: lease_lost"]);
});
