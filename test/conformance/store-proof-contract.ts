/** The third part of the Store's contract: what proves a chunk comes back as it was given, whoever takes the chunk over. */
import { expect, test } from "vitest";
import type { Progress, Task } from "../../src/model/task.ts";
import type { Rig } from "./store-contract.ts";
import { chunk, claimOne, item, leaseMs, play, progressOf, started } from "./store-player.ts";

/** Blocks that another read of the source gave: each digest says which read it was. */
function readAs(mark: number, firstBlock: number, count: number): Progress {
  const digests = new Uint8Array(32 * count).fill(mark);
  const bytes = 1024 * (firstBlock + count);
  return { firstBlock, receipts: { count, digests, tags: null }, bytes, endings: [] };
}

const marksOf = ({ receipts }: Pick<Task, "receipts">): readonly number[] =>
  Array.from({ length: receipts.count }, (_, block) => receipts.digests[32 * block] ?? 0);

export function storeProofContract(make: () => Promise<Rig>): void {
  test("what the items of a chunk rest on is one word, or one for each", async () => {
    const { store, again } = await make();
    const { jobId } = await started(store, [
      chunk("pack", [item("a", 100), item("b", 100), item("c", 100)]),
      chunk("pack", [item("d", 100)]),
    ]);
    const mixed = ["store_checksum", "one_read", "manifest"] as const;
    await play(store, jobId, ({ task, stage, paths }) => {
      if (stage !== "transfer") return null;
      const evidence = paths.length === 3 ? mixed : "store_checksum";
      return { type: "transferred", progress: progressOf(task, paths.length), evidence, lost: [] };
    });
    const rows = await Array.fromAsync((await again()).chunks(jobId));
    expect(rows.map(({ evidence }) => evidence)).toEqual([mixed, "store_checksum"]);
  });

  test("a successor that starts again before what was confirmed replaces it, however often it dies", async () => {
    const { store, clock } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 9 * 1024)])]);
    const first = await claimOne(store, jobId, "one");
    await store.confirm(first.lease, readAs(1, 0, 3), {});
    await store.confirm(first.lease, readAs(1, 3, 3), {});
    clock.nowMs += leaseMs;

    const second = await claimOne(store, jobId, "two");
    expect(marksOf(second)).toEqual([1, 1, 1, 1, 1, 1]);
    await store.confirm(second.lease, readAs(2, 0, 2), {});
    clock.nowMs += leaseMs;

    const third = await claimOne(store, jobId, "three");
    expect(marksOf(third)).toEqual([2, 2]);
    await store.confirm(third.lease, readAs(3, 1, 4), {});
    const progress = readAs(3, 5, 4);
    await store.finish(third.lease, { type: "transferred", progress, evidence: "one_read", lost: [] }, {});
    expect(marksOf(await claimOne(store, jobId, "four"))).toEqual([2, 3, 3, 3, 3, 3, 3, 3, 3]);
  });

  test("a transfer that ends replaces what another read had confirmed", async () => {
    const { store, clock } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 4 * 1024)])]);
    const first = await claimOne(store, jobId, "one");
    await store.confirm(first.lease, readAs(1, 0, 1), {});
    await store.confirm(first.lease, readAs(1, 1, 2), {});
    clock.nowMs += leaseMs;
    const second = await claimOne(store, jobId, "two");
    const progress = readAs(2, 0, 4);
    await store.finish(second.lease, { type: "transferred", progress, evidence: "one_read", lost: [] }, {});
    expect(marksOf(await claimOne(store, jobId, "three"))).toEqual([2, 2, 2, 2]);
  });
}
