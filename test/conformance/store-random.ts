/** A job whose tasks end in every way at random, from a seed; at its end the sums must explain every entry. */
import { must } from "../../src/base/assert.ts";
import { decodeItems } from "../../src/model/item-codec.ts";
import type { ItemEnding, Task, TaskResult } from "../../src/model/task.ts";
import type { Lead, Store } from "../../src/ports/store.ts";
import {
  badBlock,
  blocksOf,
  chunk,
  endingOf,
  entry,
  errorOf,
  item,
  leaseMs,
  type ManualClock,
  planOf,
  progressOf,
  successOf,
} from "./store-player.ts";

export type Random = (below: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    mixed = (mixed ^ (mixed >>> 15)) >>> 0;
    return mixed % below;
  };
}

export function randomPlan(random: Random) {
  const pack = (name: string) =>
    chunk(
      "pack",
      Array.from({ length: 1 + random(5) }, (_, at) => item(`${name}/${at}`, random(3000))),
    );
  const head = (name: string) => chunk("head", [item(name, 1 + random(9000))]);
  return planOf([
    ...Array.from({ length: 1 + random(3) }, (_, at) => pack(`pack-${at}`)),
    ...Array.from({ length: 1 + random(3) }, (_, at) => head(`head-${at}`)),
    chunk("settled", [item("settled", 7)], [endingOf(0, "unchanged", { evidence: "size_and_mtime" })]),
    chunk("links", [item("link-a", 0, "hardlink"), item("link-b", 0, "hardlink")]),
    chunk("directories", [item("d", 0, "directory")]),
    chunk("extras", [item("extra", 50)]),
  ]);
}

export interface Chaos {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly random: Random;
}

/** Claims and ends tasks until nothing is open. The odds of trouble fall, so that every job ends. */
export async function playChaos({ store, clock, random }: Chaos, first: Lead): Promise<Lead> {
  let lead = first;
  for (let step = 0; step < 5_000; step += 1) {
    const tasks = await store.claim(lead.jobId, `worker-${random(3)}`, 1 + random(3), leaseMs);
    if (tasks.length === 0) {
      if ((await store.open(lead.jobId)).all === 0) return lead;
      // What was left lying is claimable again once its lease is over.
      clock.nowMs += leaseMs;
      await store.checkpoint(lead);
      continue;
    }
    for (const task of tasks) await endSomehow({ store, random }, task);
    if (random(30) === 0) lead = await store.lead(lead.jobId, "host:1:1");
    if (random(10) === 0) await store.checkpoint(lead);
  }
  throw new Error("the job does not end");
}

export async function endSomehow({ store, random }: Pick<Chaos, "store" | "random">, task: Task): Promise<void> {
  try {
    switch (random(14)) {
      case 0:
        return; // The worker dies.
      case 1:
        return await store.release(task.lease, {});
      case 2:
        return await store.giveUp(task.lease, errorOf("retry"), { retries: 0 });
      case 3:
        return random(4) === 0
          ? await store.giveUp(task.lease, errorOf("rejected"), {})
          : await store.release(task.lease, {});
      case 4:
        if (task.stage === "transfer") await confirmSome(store, task, random);
        return;
      case 5:
      case 6:
        return await store.finish(task.lease, trouble(task, random), {});
      default:
        return await store.finish(task.lease, successOf(task), { sourceBytesRead: 1 });
    }
  } catch (error) {
    // A task beside this one may have ended the entry, and with it this lease.
    if ((error as { code?: string }).code !== "lease_lost") throw error;
  }
}

async function confirmSome(store: Store, task: Task, random: Random): Promise<void> {
  const upTo = random(blocksOf(task) + 1);
  const endings = task.kind === "range" ? [] : itemEndings(task, random, 0);
  await store.confirm(task.lease, progressOf(task, Math.max(upTo, task.receipts.count), endings), {});
}

/** Some of the items that have not ended end, each in some way. */
function itemEndings(task: Task, random: Random, least: number): ItemEnding[] {
  const ended = new Set(task.endings.map((ending) => ending.item));
  const open = decodeItems(task.items)
    .map((_, index) => index)
    .filter((index) => !ended.has(index));
  return open.slice(0, Math.min(open.length, least + random(2))).map((index) => someEnding(task, index, random));
}

function someEnding(task: Task, index: number, random: Random): ItemEnding {
  const { path, kind, sizeBytes } = must(decodeItems(task.items)[index], "an item").entry;
  switch (random(4)) {
    case 0:
      return endingOf(index, "vanished", { error: errorOf("rejected", "source_vanished") });
    case 1: {
      const now = entry(path, kind === "file" ? sizeBytes + random(500) : 0, kind);
      return endingOf(index, "changed", { error: errorOf("retry", "source_changed"), now });
    }
    case 2:
      return endingOf(index, "failed", { error: errorOf("retry") });
    default:
      return endingOf(index, "failed", { error: errorOf("rejected") });
  }
}

function trouble(task: Task, random: Random): TaskResult {
  const isEntry = task.kind === "head" || task.kind === "range";
  const endings = isEntry ? [] : itemEndings(task, random, 1);
  switch (task.stage) {
    case "prepare":
      return random(3) === 0
        ? { type: "same", digests: new Uint8Array(32), evidence: "second_read", readFrom: "cache", lost: [] }
        : { type: "entry_ended", ending: someEnding(task, 0, random) };
    case "prehash":
      if (task.kind === "range") return { type: "entry_ended", ending: someEnding(task, 0, random) };
      return { type: "prehashed", digests: new Uint8Array(0), endings };
    case "transfer":
      if (task.kind === "range") return { type: "entry_ended", ending: someEnding(task, 0, random) };
      return {
        type: "transferred",
        progress: progressOf(task, blocksOf(task), endings),
        evidence: "one_read",
        lost: [],
      };
    case "verify":
    case "reconcile": {
      const ended = new Set(task.endings.map((ending) => ending.item));
      const index = decodeItems(task.items).findIndex((each, at) => !ended.has(at) && each.entry.kind === "file");
      return { type: "read_back", bad: index < 0 ? [] : [badBlock(index)], endings: [], readFrom: "medium" };
    }
    case "digest":
      return {
        type: "digested",
        sha256: "cd".repeat(32),
        evidence: "one_read",
        error: errorOf(random(2) === 0 ? "retry" : "corrupt", random(2) === 0 ? "digest_mismatch" : "unreadable"),
      };
    case "publish":
      return { type: "published", endings: task.kind === "head" ? [someEnding(task, 0, random)] : endings, lost: [] };
    case "seal":
      return { type: "sealed", endings, lost: [{ item: 0, losses: ["owner"] }] };
    case "remove":
      return { type: "removed", count: 0, endings };
    default:
      return successOf(task);
  }
}
