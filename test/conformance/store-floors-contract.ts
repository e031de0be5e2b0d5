/** Where a process that joins late begins to look: it misses nothing for long, whatever lies before that place. */
import { describe, expect, test } from "vitest";
import type { Rig } from "./store-contract.ts";
import { chunk, item, jobSpec, leaseMs, planOf, play, started, successOf } from "./store-player.ts";

const minute = 60_000;
const files = (count: number, name = "f") =>
  Array.from({ length: count }, (_, at) => chunk("pack", [item(`${name}-${at}`, 100)]));

export function storeFloorsContract(make: () => Promise<Rig>): void {
  describe("the beginning of the queue", () => {
    test("moves on with the work; what is given back, retried or repaired stands behind it", async () => {
      const { store, clock, again } = await make();
      const { jobId } = await started(store, files(40));
      for (let round = 0; round < 8; round += 1) {
        clock.nowMs += 2 * minute;
        await play(await again(), jobId, undefined, 5);
        // Left lying: found when its lease is over.
        await store.claim(jobId, "lost", 1, leaseMs);
        for (const task of await store.claim(jobId, "tired", 1, leaseMs)) await store.release(task.lease, {});
      }
      clock.nowMs += 2 * minute;
      await play(await again(), jobId);
      expect((await store.open(jobId)).all).toBe(0);
    });

    test("is not passed by rows that became visible late: they are found when nothing else is left", async () => {
      const { store, clock, again } = await make();
      const job = await store.createJob(jobSpec());
      const lead = await store.lead(job.id, "host:1:1");
      await store.addPlan(lead, planOf(files(3, "early"), false));
      await store.setStatus(lead, "running", null);
      clock.nowMs += 10 * minute;
      await play(store, job.id);
      clock.nowMs += 10 * minute;
      await play(store, job.id);
      // As if their transaction had begun long ago.
      clock.nowMs -= 15 * minute;
      await store.addPlan(lead, planOf(files(3, "late")));
      clock.nowMs += 15 * minute;
      const joined = await again();
      expect(await joined.claim(job.id, "w", 8, leaseMs), "they lie before the beginning").toEqual([]);
      clock.nowMs += minute / 2;
      expect(await play(joined, job.id)).not.toHaveLength(0);
      expect((await store.open(job.id)).all).toBe(0);
    });

    test("is sought again when the clock was set back", async () => {
      const { store, clock, again } = await make();
      const { jobId } = await started(store, files(10));
      for (const minutes of [10, 10, -60, 1]) {
        clock.nowMs += minutes * minute;
        const [task] = await (await again()).claim(jobId, "w", 1, leaseMs);
        expect(task).toBeDefined();
        if (task !== undefined) await store.finish(task.lease, successOf(task), {});
      }
      await play(await again(), jobId);
      expect((await store.open(jobId)).all).toBe(0);
    });
  });
}
