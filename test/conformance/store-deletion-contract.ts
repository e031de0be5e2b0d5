/** The fourth part of the Store's contract: what only the target has, and is to be deleted there. */
import { expect, test } from "vitest";
import type { Rig } from "./store-contract.ts";
import { chunk, endingOf, errorOf, item, play, started } from "./store-player.ts";

export function storeDeletionContract(make: () => Promise<Rig>): void {
  test("what was not deleted is counted apart, for the source never listed it", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("extras", [item("x", 10), item("y", 10)])]);
    const refused = endingOf(1, "failed", { error: errorOf("rejected", "access_denied") });
    await play(store, jobId, () => ({ type: "removed", count: 1, endings: [refused] }));
    const counters = (await store.job(jobId))?.counters ?? {};
    expect(counters).toMatchObject({ deleted: 1, deletionsFailed: 1 });
    expect(counters["entries:failed"]).toBeUndefined();
  });

  test("a deletion that is tried again fails once", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("extras", [item("x", 10)])]);
    const busy = endingOf(0, "failed", { error: errorOf("retry", "store_busy") });
    expect(await play(store, jobId, () => ({ type: "removed", count: 0, endings: [busy] }))).toHaveLength(3);
    expect((await store.job(jobId))?.counters).toMatchObject({ deletionsFailed: 1, retries: 2 });
  });
}
