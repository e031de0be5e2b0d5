/** The second half of the Store's contract: how rows go through their stages, and that the sums add up. */
import { describe, expect, test } from "vitest";
import { must } from "../../src/base/assert.ts";
import type { JobTraits } from "../../src/model/chunk.ts";
import { unexplained } from "../../src/model/job.ts";
import type { Counters } from "../../src/model/job.ts";
import { decodeItems } from "../../src/model/item-codec.ts";
import type { Task } from "../../src/model/task.ts";
import { displayPath } from "../../src/model/path.ts";
import type { Store } from "../../src/ports/store.ts";
import type { Rig } from "./store-contract.ts";
import {
  badBlock,
  chunk,
  claimOne,
  endingOf,
  entry,
  errorOf,
  jobSpec,
  item,
  leaseMs,
  planOf,
  play,
  progressOf,
  started,
  type Step,
  successOf,
} from "./store-player.ts";
import { playChaos, randomFrom, randomPlan } from "./store-random.ts";

const big = (): ReturnType<typeof chunk> => chunk("head", [item("big", 5000)]);
const told = (steps: readonly Step[]): string[] => steps.map(({ kind, stage }) => `${kind} ${stage}`);

async function endOf(store: Store, jobId: string): Promise<Counters> {
  const counters = (await store.job(jobId))?.counters ?? {};
  expect(unexplained(counters)).toBeNull();
  expect(counters.chunksDone).toBe(counters.chunksTotal);
  expect(await store.open(jobId)).toEqual({ claimable: 0, leased: 0, all: 0 });
  const rows = await Array.fromAsync(store.chunks(jobId));
  expect(rows).toHaveLength(counters.chunksTotal ?? 0);
  expect(rows.filter(({ stage }) => stage !== "done")).toEqual([]);
  return counters;
}

export function storeFlowContract(make: () => Promise<Rig>): void {
  describe("packs", () => {
    packTests(make);
  });
  describe("heads and ranges", () => {
    headTests(make);
  });
  describe("lanes over files", () => {
    spreadTests(make);
  });
  describe("phases", () => {
    phaseTests(make);
  });
  describe("whatever happens to tasks", () => {
    randomTests(make);
  });
}

function packTests(make: () => Promise<Rig>): void {
  test("a pack goes from transfer to publish, and is counted once", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 1500), item("b", 0), item("c", 0, "symlink")])]);
    expect(told(await play(store, jobId))).toEqual(["pack transfer", "pack verify", "pack publish"]);
    expect(await endOf(store, jobId)).toMatchObject({
      "entries:verified": 3,
      "bytes:verified": 1500,
      bytesTransferred: 1500,
      bytesVerified: 1500,
    });
    const [verdict] = await Array.fromAsync(store.verdicts(jobId));
    expect(verdict).toMatchObject({
      result: "match",
      stage: "verify",
      path: null,
      writer: "worker-0",
      reader: "worker-1",
      readFrom: "medium",
    });
    expect(verdict?.sourceDigest).toBe(verdict?.targetDigest);
  });

  test("an item that changed goes on alone with its new version, and the listing's bytes grow with it", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 100), item("b", 200), item("c", 300)])]);
    const steps = await play(store, jobId, ({ task, stage, paths }) => {
      if (stage !== "transfer" || paths.length === 1) return null;
      const changed = endingOf(1, "changed", { error: errorOf("retry", "source_changed"), now: entry("b", 250) });
      const gone = endingOf(2, "vanished", { error: errorOf("rejected", "source_vanished") });
      return {
        type: "transferred",
        progress: progressOf(task, 3, [changed, gone]),
        evidence: "one_read",
        lost: [{ item: 0, losses: ["owner"] }],
      };
    });
    expect(
      steps
        .filter(({ paths }) => paths.length === 1)
        .map(({ stage }) => stage)
        .toSorted(),
    ).toEqual(["publish", "transfer", "verify"]);
    expect(await endOf(store, jobId)).toMatchObject({
      listedBytes: 650,
      "bytes:verified": 350,
      "bytes:vanished": 300,
      bytesTransferred: 350,
      bytesVerified: 350,
      retries: 1,
      losses: 1,
    });
    const exceptions = await Array.fromAsync(store.exceptions(jobId));
    expect(exceptions.map(({ path, outcome, lost }) => [displayPath(path), outcome, lost])).toEqual([
      ["b", "retried", []],
      ["c", "vanished", []],
      ["a", "lost", ["owner"]],
    ]);
  });

  test("an item that always changes is reported as changed after three tries", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 100)])]);
    const steps = await play(store, jobId, ({ task }) => {
      const changed = endingOf(0, "changed", { error: errorOf("retry", "source_changed"), now: entry("a", 100) });
      return { type: "transferred", progress: progressOf(task, 1, [changed]), evidence: "one_read", lost: [] };
    });
    expect(steps).toHaveLength(3);
    const counters = await endOf(store, jobId);
    expect(counters["entries:changed"]).toBe(1);
    expect(counters.bytesTransferred ?? 0).toBe(0);
  });

  test("ends that were confirmed inside a transfer are counted once, though the task is tried again", async () => {
    const { store, clock } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 100), item("b", 200)])]);
    const task = await claimOne(store, jobId);
    await store.confirm(task.lease, progressOf(task, 1, [endingOf(0, "identical", { evidence: "second_read" })]), {});
    clock.nowMs += leaseMs;
    const next = await claimOne(store, jobId);
    expect(next.endings.map(({ item: index, outcome }) => [index, outcome])).toEqual([[0, "identical"]]);
    await store.finish(next.lease, successOf(next), {});
    await play(store, jobId);
    expect(await endOf(store, jobId)).toMatchObject({
      "entries:identical": 1,
      "entries:verified": 1,
      bytesTransferred: 200,
    });
  });

  test("only the damaged item of a pack is sent again", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 100), item("b", 200)])], { reconcile: true });
    const steps = await play(store, jobId, ({ stage, paths }) =>
      stage === "reconcile" && paths.length === 2
        ? { type: "read_back", bad: [badBlock(1, 1)], endings: [], readFrom: "store" }
        : null,
    );
    expect(steps.filter(({ stage }) => stage === "transfer").map(({ paths }) => paths)).toEqual([["a", "b"], ["b"]]);
    expect(await endOf(store, jobId)).toMatchObject({
      "entries:verified": 2,
      mismatches: 1,
      bytesTransferred: 300,
      bytesVerified: 300,
    });
    const mismatch = (await Array.fromAsync(store.verdicts(jobId))).find(({ result }) => result === "mismatch");
    expect(mismatch?.stage).toBe("reconcile");
    expect(mismatch?.bad).toEqual([badBlock(1, 1)]);
    expect(mismatch?.sourceDigest).not.toBe(mismatch?.targetDigest);
  });

  test("a check compares and moves nothing", async () => {
    const { store } = await make();
    const plan = [chunk("pack", [item("a", 100), item("b", 200)]), big()];
    const { jobId } = await started(store, plan, { kind: "check" });
    const steps = await play(store, jobId, ({ stage, task }) => {
      if (stage === "prepare") return { type: "different" };
      return stage === "compare" && task.kind === "pack"
        ? { type: "compared", digests: new Uint8Array(64), endings: [endingOf(1, "different")], readFrom: "cache" }
        : null;
    });
    expect(told(steps).toSorted()).toEqual(["head prepare", "pack compare"]);
    expect(await endOf(store, jobId)).toMatchObject({ "entries:identical": 1, "entries:different": 2 });
  });

  test("reading back prefers what another worker wrote, but takes its own", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [chunk("pack", [item("a", 1)]), chunk("pack", [item("b", 1)])]);
    const mine = await claimOne(store, jobId, "one");
    const other = await claimOne(store, jobId, "two");
    await store.finish(mine.lease, successOf(mine), {});
    await store.finish(other.lease, successOf(other), {});
    const read = await store.claim(jobId, "one", 2, leaseMs);
    expect(read.map(({ chunkId }) => chunkId)).toEqual([other.chunkId, mine.chunkId]);
  });
}

const nameOf = (task: Task): string =>
  `${task.stage} ${displayPath(must(decodeItems(task.items)[0], "an item").entry.path)}`;

function spreadTests(make: () => Promise<Rig>): void {
  test("lanes spread over files, and share one only when there is no other", async () => {
    const { store } = await make();
    const files = ["a", "b"].map((path) => chunk("head", [item(path, 5000)]));
    const { jobId } = await started(store, files);
    const claim = async (worker: string): Promise<Task> => {
      const task = await claimOne(store, jobId, worker);
      if (task.stage === "prepare") await store.finish(task.lease, successOf(task), {});
      return task;
    };
    const first = [await claim("one"), await claim("one")];
    expect(first.map(nameOf)).toEqual(["prepare a", "transfer a"]);
    const second = [await claim("two"), await claim("two")];
    expect(second.map(nameOf)).toEqual(["prepare b", "transfer b"]);
    const third = await claim("three");
    expect(nameOf(third)).toBe("transfer a");
    await store.release(must(second[1], "claimed").lease, {});
    expect(nameOf(await claim("four"))).toBe("transfer b");
  });

  test("a pack comes before the next range of a file in which somebody writes", async () => {
    const { store } = await make();
    const { id: jobId } = await store.createJob(jobSpec());
    const lead = await store.lead(jobId, "host:1:1");
    await store.addPlan(lead, planOf([big()], false));
    await store.setStatus(lead, "planning", null);
    const head = await claimOne(store, jobId);
    await store.finish(head.lease, successOf(head), {});
    await store.addPlan(lead, planOf([chunk("pack", [item("small", 1)])]));
    expect(nameOf(await claimOne(store, jobId))).toBe("transfer big");
    expect(nameOf(await claimOne(store, jobId))).toBe("transfer small");
    expect(nameOf(await claimOne(store, jobId))).toBe("transfer big");
  });
}

function pair(text: string): string[] {
  return text.split(/ (?=range)/);
}

function headTests(make: () => Promise<Rig>): void {
  const orders: readonly (readonly [string, Partial<JobTraits>, readonly string[]])[] = [
    [
      "verified in staging, then published",
      {},
      ["head prepare", ...Array<string>(3).fill("range transfer range verify").flatMap(pair), "head publish"],
    ],
    [
      "published, then verified",
      { publishFirst: true },
      [
        "head prepare",
        ...Array<string>(3).fill("range transfer"),
        "head publish",
        ...Array<string>(3).fill("range verify"),
      ],
    ],
    [
      "digested whole before it is published",
      { wholeDigest: true },
      [
        "head prepare",
        ...Array<string>(3).fill("range transfer range verify").flatMap(pair),
        "head digest",
        "head publish",
      ],
    ],
    [
      "digested whole after it was published",
      { wholeDigest: true, publishFirst: true },
      [
        "head prepare",
        ...Array<string>(3).fill("range transfer"),
        "head publish",
        ...Array<string>(3).fill("range verify"),
        "head digest",
      ],
    ],
    [
      "read ahead, and once more at the end",
      { prehash: true, reconcile: true },
      [
        "head prepare",
        ...Array<string>(3).fill("range prehash"),
        ...Array<string>(3).fill("range transfer range verify").flatMap(pair),
        "head publish",
        ...Array<string>(3).fill("range reconcile"),
      ],
    ],
  ];

  for (const [title, traits, expected] of orders) {
    test(`a large entry is ${title}`, async () => {
      const { store } = await make();
      const { jobId } = await started(store, [big()], traits);
      const steps = await play(store, jobId);
      expect(told(steps)).toEqual(expected);
      const slices = steps.filter(({ stage }) => stage === "transfer").map(({ task }) => task);
      expect(slices.map(({ staging }) => staging)).toEqual(Array(3).fill(slices[0]?.staging));
      expect(slices[0]?.staging).not.toBeNull();
      const publish = steps.find(({ stage }) => stage === "publish")?.task;
      expect(publish?.ranges?.map(({ offset, length, receipts }) => [offset, length, receipts.count])).toEqual([
        [0, 2048, 2],
        [2048, 2048, 2],
        [4096, 904, 1],
      ]);
      expect(await endOf(store, jobId)).toMatchObject({
        "entries:verified": 1,
        "bytes:verified": 5000,
        bytesTransferred: 5000,
        bytesVerified: 5000,
      });
    });
  }

  for (const publishFirst of [false, true]) {
    const order = publishFirst ? "published first" : "verified first";
    test(`damage found by reconciliation repairs one range (${order})`, async () => {
      const { store } = await make();
      const { jobId } = await started(store, [big()], { publishFirst, reconcile: true });
      let found = false;
      const steps = await play(store, jobId, ({ stage }) => {
        if (stage !== "reconcile" || found) return null;
        found = true;
        return { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" };
      });
      expect(steps.filter(({ stage }) => stage === "prepare")).toHaveLength(2);
      expect(steps.filter(({ stage }) => stage === "transfer")).toHaveLength(4);
      expect(steps.filter(({ stage }) => stage === "prepare").map(({ task }) => task.ranges?.length ?? null)).toEqual([
        null,
        3,
      ]);
      expect(steps.filter(({ stage }) => stage === "publish")).toHaveLength(2);
      expect(await endOf(store, jobId)).toMatchObject({
        "entries:verified": 1,
        mismatches: 1,
        retries: 1,
        bytesTransferred: 5000,
        bytesVerified: 5000,
      });
    });

    test(`damage found by the first read-back sends one range again (${order})`, async () => {
      const { store } = await make();
      const { jobId } = await started(store, [big()], { publishFirst });
      let found = 0;
      const steps = await play(store, jobId, ({ stage }) => {
        if (stage !== "verify" || (found += 1) !== 2) return null;
        return { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" };
      });
      expect(steps.filter(({ stage }) => stage === "transfer")).toHaveLength(4);
      expect(steps.filter(({ stage }) => stage === "prepare")).toHaveLength(publishFirst ? 2 : 1);
      expect(await endOf(store, jobId)).toMatchObject({
        "entries:verified": 1,
        bytesTransferred: 5000,
        bytesVerified: 5000,
      });
    });

    test(`a range that always comes back damaged ends its entry (${order})`, async () => {
      const { store } = await make();
      const { jobId } = await started(store, [big()], { publishFirst });
      await play(store, jobId, ({ stage }) =>
        stage === "verify" ? { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" } : null,
      );
      const counters = await endOf(store, jobId);
      expect(counters).toMatchObject({ "entries:failed": 1, "bytes:failed": 5000, bytesTransferred: 0 });
      expect(counters.bytesVerified ?? 0).toBe(0);
    });
  }

  test("an entry that changes under one range starts anew, and late answers of its other ranges are refused", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [big()]);
    const prepare = await claimOne(store, jobId);
    await store.finish(prepare.lease, successOf(prepare), {});
    const [one, two, three] = await store.claim(jobId, "w", 3, leaseMs);
    if (one === undefined || two === undefined || three === undefined) throw new Error("three ranges");
    await store.finish(one.lease, successOf(one), {});
    const changed = endingOf(0, "changed", { error: errorOf("retry", "source_changed"), now: entry("big", 3000) });
    await store.finish(two.lease, { type: "entry_ended", ending: changed }, {});
    await expect(store.finish(three.lease, successOf(three), {})).rejects.toMatchObject({ code: "lease_lost" });
    const steps = await play(store, jobId);
    expect(steps.filter(({ stage }) => stage === "transfer")).toHaveLength(2);
    expect(await endOf(store, jobId)).toMatchObject({
      listedBytes: 3000,
      "bytes:verified": 3000,
      bytesTransferred: 3000,
      bytesVerified: 3000,
    });
  });

  test("content that is there already needs no ranges", async () => {
    const { store } = await make();
    const { jobId } = await started(store, [big()]);
    const same = { type: "same", digests: new Uint8Array(160), evidence: "second_read", readFrom: "cache" } as const;
    const steps = await play(store, jobId, () => ({ ...same, lost: [] }));
    expect(steps).toHaveLength(1);
    expect(await endOf(store, jobId)).toMatchObject({
      "entries:identical": 1,
      "bytes:identical": 5000,
      chunksTotal: 1,
    });
  });
}

function phaseTests(make: () => Promise<Rig>): void {
  test("links wait for files, deletions for links, reconciliation for deletions, and directories are sealed last", async () => {
    const { store } = await make();
    const plan = [
      chunk("directories", [item("d", 0, "directory")]),
      chunk("links", [item("l", 0, "hardlink")]),
      chunk("extras", [item("x", 10)]),
      chunk("extra_directories", [item("y", 0, "directory")]),
      chunk("pack", [item("d/a", 10)]),
      chunk("settled", [item("u", 5)], [endingOf(0, "unchanged", { evidence: "size_and_mtime" })]),
    ];
    const { jobId } = await started(store, plan, { reconcile: true });
    expect(told(await play(store, jobId))).toEqual([
      "directories transfer",
      "pack transfer",
      "pack verify",
      "pack publish",
      "links transfer",
      "links verify",
      "links publish",
      "extras remove",
      "extra_directories remove",
      "pack reconcile",
      "links reconcile",
      "directories seal",
    ]);
    expect(await endOf(store, jobId)).toMatchObject({
      "entries:verified": 3,
      "entries:unchanged": 1,
      deleted: 2,
      listedEntries: 4,
    });
  });

  test("no phase is left while the plan goes on", async () => {
    const { store } = await make();
    const lead = await started(store, []);
    await store.addPlan(lead, planOf([chunk("links", [item("l", 0, "hardlink")])], false));
    expect(await store.claim(lead.jobId, "w", 1, leaseMs)).toEqual([]);
    await store.addPlan(lead, planOf([chunk("pack", [item("a", 1)])]));
    expect(told(await play(store, lead.jobId))).toEqual([
      "pack transfer",
      "pack verify",
      "pack publish",
      "links transfer",
      "links verify",
      "links publish",
    ]);
  });

  test("the checkpoint folds what was counted, and nothing is lost or doubled by it", async () => {
    const { store, again } = await make();
    const lead = await started(store, [chunk("pack", [item("a", 100)]), chunk("pack", [item("b", 50)])]);
    await play(store, lead.jobId, () => null, 2);
    await store.count(lead, { deleted: 3 });
    const before = await store.job(lead.jobId);
    const folded = await store.checkpoint(lead);
    expect(folded.counters).toEqual(before?.counters);
    expect(await store.checkpoint(lead)).toEqual(folded);
    const other = await again();
    expect({ ...(await other.job(lead.jobId)), news: [] }).toEqual(folded);
    await play(other, lead.jobId);
    expect(await endOf(other, lead.jobId)).toMatchObject({ "entries:verified": 2, deleted: 3 });
  });
}

const seeds = 6;

function randomTests(make: () => Promise<Rig>): void {
  const variants: readonly Partial<JobTraits>[] = [
    {},
    { publishFirst: true },
    { reconcile: true },
    { reconcile: true, publishFirst: true },
    { reconcile: true, prehash: true, wholeDigest: true },
    { reconcile: true, publishFirst: true, wholeDigest: true },
  ];
  for (const traits of variants) {
    test(`every entry is explained once (${Object.keys(traits).join(", ") || "plain"})`, async () => {
      const { store, clock } = await make();
      for (let seed = 1; seed <= seeds; seed += 1) {
        const random = randomFrom(seed);
        const lead = await started(store, randomPlan(random).chunks, traits);
        await playChaos({ store, clock, random }, lead);
        const counters = await endOf(store, lead.jobId);
        const moved = [counters.bytesTransferred ?? 0, counters.bytesVerified ?? 0];
        expect(moved, `seed ${seed}`).toEqual([counters["bytes:verified"] ?? 0, counters["bytes:verified"] ?? 0]);
        const attempts = await Array.fromAsync(store.attempts(lead.jobId));
        expect(attempts.filter(({ endedAt }) => endedAt === null)).toEqual([]);
      }
    });
  }
}
