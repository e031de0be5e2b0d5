/** For engines that many processes write to at once: several stores on one state, none of which waits for the others' turn. */
import { describe, expect, test } from "vitest";
import { must } from "../../src/base/assert.ts";
import type { JobTraits } from "../../src/model/chunk.ts";
import { unexplained } from "../../src/model/job.ts";
import type { Task } from "../../src/model/task.ts";
import type { Lead, Store } from "../../src/ports/store.ts";
import type { Rig } from "./store-contract.ts";
import { chunk, item, jobSpec, leaseMs, started, successOf } from "./store-player.ts";
import { endSomehow, type Random, randomFrom, randomPlan } from "./store-random.ts";

const workers = 4;

export function storeParallelContract(make: () => Promise<Rig>): void {
  describe("many at once", () => {
    test("each task is given to one worker, and nobody is left without", async () => {
      const { store, again } = await make();
      const files = Array.from({ length: 120 }, (_, at) => chunk("pack", [item(`f-${at}`, 100)]));
      const { jobId } = await started(store, files);
      const stores = await Promise.all(Array.from({ length: workers }, () => again()));
      const first = await Promise.all(stores.map((each, at) => each.claim(jobId, `worker-${at}`, 3, leaseMs)));
      expect(first.map((tasks) => tasks.length)).toEqual(Array<number>(workers).fill(3));
      const rest = await Promise.all(stores.map((each, at) => claimAll(each, jobId, `worker-${at}`)));
      const ids = [...first, ...rest].flat().map(({ chunkId }) => chunkId);
      expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, at) => Math.min(...ids) + at));
    });

    test("ranges that end at the same moment let their head go on, once", async () => {
      const { store, again } = await make();
      for (let round = 0; round < 5; round += 1) {
        const { jobId } = await started(store, [chunk("head", [item(`big-${round}`, 16 * 1024)])]);
        const [head] = await store.claim(jobId, "w", 1, leaseMs);
        await store.finish(must(head, "a head").lease, successOf(must(head, "a head")), {});
        const stores = await Promise.all(Array.from({ length: workers }, () => again()));
        for (const stage of ["transfer", "verify"]) {
          const tasks = await store.claim(jobId, "w", 8, leaseMs);
          expect(tasks.map((task) => task.stage)).toEqual(Array<string>(8).fill(stage));
          await Promise.all(
            tasks.map((task, at) => must(stores[at % workers], "a store").finish(task.lease, successOf(task), {})),
          );
        }
        const last = await store.claim(jobId, "w", 8, leaseMs);
        expect(last.map(({ kind, stage }) => `${kind} ${stage}`)).toEqual(["head publish"]);
      }
    });

    test("one of many becomes the leader", async () => {
      const { store, again } = await make();
      const { id } = await store.createJob(jobSpec());
      const stores = await Promise.all(Array.from({ length: workers }, () => again()));
      const leads = await Promise.allSettled(stores.map((each, at) => each.lead(id, `host:${at}:1`)));
      expect(leads.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const refused = leads.filter((lead) => lead.status === "rejected").map(({ reason }) => reason as unknown);
      expect(refused).toEqual(
        Array.from({ length: workers - 1 }, () => expect.objectContaining({ code: "job_locked" })),
      );
    });

    test("a directory is removed before the next is claimed", async () => {
      const { store, again } = await make();
      const rows = Array.from({ length: 6 }, (_, at) => chunk("extra_directories", [item(`d-${at}`, 0, "directory")]));
      const { jobId } = await started(store, rows);
      const stores = await Promise.all(Array.from({ length: workers }, () => again()));
      let running = 0;
      const removed: string[] = [];
      const remove = async (each: Store, name: string): Promise<void> => {
        while (removed.length < rows.length) {
          for (const task of await each.claim(jobId, name, 4, leaseMs)) {
            running += 1;
            expect(running).toBe(1);
            await each.open(jobId);
            removed.push(name);
            running -= 1;
            await each.finish(task.lease, successOf(task), {});
          }
        }
      };
      await Promise.all(stores.map((each, at) => remove(each, `worker-${at}`)));
      expect(removed).toHaveLength(rows.length);
    });

    for (const traits of [{}, { publishFirst: true, reconcile: true }, { wholeDigest: true, prehash: true }]) {
      chaosTest(make, traits);
    }
  });
}

/** A claim may find all that is left in the hands of others, some of whom take less than they looked at. */
async function claimAll(store: Store, jobId: string, worker: string): Promise<readonly Task[]> {
  const all: Task[] = [];
  for (;;) {
    const tasks = await store.claim(jobId, worker, 3, leaseMs);
    if (tasks.length === 0 && (await store.open(jobId)).claimable === 0) return all;
    all.push(...tasks);
  }
}

function chaosTest(make: () => Promise<Rig>, traits: Partial<JobTraits>): void {
  test(`whatever happens at once, every entry is explained once (${Object.keys(traits).join(", ") || "plain"})`, async () => {
    const { store, clock, again } = await make();
    const stores = await Promise.all(Array.from({ length: workers }, () => again()));
    for (let seed = 1; seed <= 6; seed += 1) {
      const random = randomFrom(seed);
      const plans = Array.from({ length: 4 }, () => randomPlan(random).chunks);
      const lead = await started(store, plans.flat(), traits);
      const players = stores.map((each, at) => play(each, `worker-${at}`, lead.jobId, randomFrom(seed * 100 + at)));
      const over = Promise.all(players).then(() => true);
      while (!(await Promise.race([over, turn({ store, clock }, lead)])));
      await over;
      const { counters } = await store.checkpoint(lead);
      expect(unexplained(counters), `seed ${seed}`).toBeNull();
      expect(counters.chunksDone, `seed ${seed}`).toBe(counters.chunksTotal);
      const rows = await Array.fromAsync(store.chunks(lead.jobId));
      expect(
        rows.filter(({ stage }) => stage !== "done"),
        `seed ${seed}`,
      ).toEqual([]);
      expect(rows, `seed ${seed}`).toHaveLength(counters.chunksTotal ?? 0);
    }
  });
}

/** @returns whether all is done */
async function turn({ store, clock }: Pick<Rig, "store" | "clock">, lead: Lead): Promise<boolean> {
  const { counters } = await store.checkpoint(lead);
  // What was left lying is claimable again once its lease is over.
  if ((await store.open(lead.jobId)).claimable === 0) clock.nowMs += leaseMs / 4;
  return counters.chunksDone === counters.chunksTotal;
}

async function play(store: Store, worker: string, jobId: string, random: Random): Promise<void> {
  for (;;) {
    const tasks = await store.claim(jobId, worker, 1 + random(3), leaseMs);
    await Promise.all(tasks.map((task) => endSomehow({ store, random }, task)));
    if (tasks.length === 0 && (await store.open(jobId)).all === 0) return;
  }
}
