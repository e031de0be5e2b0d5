import { describe, expect, test } from "vitest";
import type { ErrorRecord } from "../base/errors.ts";
import type { Item, JobTraits, Stage } from "./chunk.ts";
import { attemptsMax, type ChunkView } from "./effects.ts";
import { unpackItems } from "./item-codec.ts";
import type { BytePath } from "./path.ts";
import type { ItemEnding, TaskResult } from "./task.ts";
import {
  afterDamage,
  afterEntryEnded,
  afterFailure,
  afterGate,
  afterProgress,
  afterResult,
  failure,
  plainEnding,
} from "./transition.ts";

const traits: JobTraits = { kind: "copy", prehash: false, reconcile: true, wholeDigest: false, publishFirst: false };
const retry: ErrorRecord = { code: "unreadable", disposition: "retry", what: "w", hint: "h" };
const rejected: ErrorRecord = { ...retry, disposition: "rejected" };

function fileOf(sizeBytes: number): Item {
  const version = { kind: "stat", inode: 1n, mtimeNs: 1n, ctimeNs: 1n } as const;
  const path = `file-${sizeBytes}` as BytePath;
  const entry = { path, kind: "file", sizeBytes, version, attributes: null, link: null, sparse: false } as const;
  return { entry, offset: 0, length: sizeBytes, blockBytes: 64, compare: false };
}

function row(kind: ChunkView["kind"], stage: Stage, more: Partial<ChunkView> = {}): ChunkView {
  const items = kind === "pack" ? [fileOf(10), fileOf(20), fileOf(30)] : [fileOf(100)];
  const bytes = items.reduce((sum, item) => sum + item.length, 0);
  return { kind, stage, attempt: 0, bytes, endings: [], prehash: null, items: () => items, ...more };
}

const good: Extract<TaskResult, { type: "read_back" }> = {
  type: "read_back",
  bad: [],
  endings: [],
  readFrom: "medium",
};
const bad = (item: number): TaskResult => ({
  type: "read_back",
  bad: [{ item, block: item, source: "00".repeat(32), target: null }],
  endings: [],
  readFrom: "medium",
});

describe("packs", () => {
  test("ends inside confirmed progress are counted at once, and the task goes on", () => {
    const receipts = { count: 1, digests: new Uint8Array(32), tags: null };
    const endings = [0, 1, 2].map((item) => plainEnding(item, "identical", "second_read"));
    const effects = afterProgress(row("pack", "transfer"), { firstBlock: 0, receipts, bytes: 0, endings });
    expect(effects.place).toEqual({ stage: "transfer", state: "in_progress" });
    expect(effects.counters).toMatchObject({ "entries:identical": 3, "bytes:identical": 60 });
    const later = row("pack", "transfer", { endings: effects.endings });
    const end = afterProgress(later, { firstBlock: 0, receipts, bytes: 0, endings });
    expect(end.endings).toEqual([]);
    expect(end.counters).toEqual({});
  });

  test("an item that fails while it is published gives its bytes back, to be counted by its next row", () => {
    const published: TaskResult = { type: "published", endings: [failure(1, retry)], lost: [] };
    const effects = afterResult(row("pack", "publish"), published, traits, false);
    expect(effects.counters).toMatchObject({ bytesTransferred: -20, bytesVerified: -20, retries: 1 });
    expect(effects.add).toMatchObject([{ kind: "pack", attempt: 1, items: { count: 1, bytes: 20 } }]);
    expect(effects.place).toEqual({ stage: "reconcile", state: "pending" });
  });

  test("the last try's error is final", () => {
    const last = row("pack", "verify", { attempt: attemptsMax - 1 });
    const effects = afterResult(last, bad(2), traits, false);
    expect(effects.add).toEqual([]);
    expect(effects.endings).toMatchObject([
      { item: 2, outcome: "failed", again: false, error: { code: "digest_mismatch", disposition: "rejected" } },
    ]);
    expect(effects.counters).toMatchObject({
      "entries:failed": 1,
      bytesTransferred: -30,
      bytesVerified: 30,
      mismatches: 1,
    });
  });

  test("a row ends failed when one of its entries did, or when all go on elsewhere; else verified", () => {
    const reconcile = row("pack", "reconcile");
    expect(afterResult(reconcile, good, traits, false).place.state).toBe("verified");
    expect(afterResult(reconcile, bad(0), traits, false).place.state).toBe("verified");
    expect(afterResult({ ...reconcile, attempt: 2 }, bad(0), traits, false).place.state).toBe("failed");
    const vanished = { ...plainEnding(0, "vanished", "none"), error: rejected };
    expect(afterResult(row("pack", "reconcile", { endings: [vanished] }), good, traits, false).place.state).toBe(
      "verified",
    );
    const all: readonly ItemEnding[] = [0, 1, 2].map((item) => failure(item, retry));
    expect(afterResult(reconcile, { ...good, endings: all }, traits, false).place.state).toBe("failed");
  });

  test("a read-back that could not read every item is no match, and no mismatch that is counted", () => {
    for (const stage of ["verify", "reconcile"] as const) {
      const result: TaskResult = { ...good, endings: [failure(1, retry)] };
      const effects = afterResult(row("pack", stage), result, traits, false);
      expect(effects.verdict).toMatchObject({ result: "inconclusive", bad: [] });
      expect(effects.counters.mismatches).toBeUndefined();
    }
  });

  test("what came back different is a mismatch, also beside what could not be read: then nobody has the whole digest", () => {
    const both = { ...bad(0), endings: [failure(1, retry)] } as TaskResult;
    expect(afterResult(row("pack", "verify"), bad(0), traits, false).verdict).toMatchObject({ isWhole: true });
    const effects = afterResult(row("pack", "verify"), both, traits, false);
    expect(effects.verdict).toMatchObject({ result: "mismatch", isWhole: false });
    expect(effects.counters.mismatches).toBe(1);
  });

  test("a comparison that found differences is no match", () => {
    const endings = [plainEnding(1, "different", "none")];
    const compared: TaskResult = { type: "compared", digests: new Uint8Array(96), endings, readFrom: "cache" };
    const effects = afterResult(row("pack", "compare"), compared, { ...traits, kind: "check" }, false);
    expect(effects.verdict?.result).toBe("mismatch");
    expect(effects.counters).toMatchObject({ "entries:identical": 2, "entries:different": 1 });
  });
});

describe("failures of a whole task", () => {
  test("what stops the job leaves the row untouched, as often as it happens", () => {
    for (const disposition of ["fatal", "cancelled"] as const) {
      const effects = afterFailure(row("pack", "transfer", { attempt: 2 }), { ...retry, disposition });
      expect(effects).toMatchObject({
        place: { stage: "transfer", state: "pending" },
        attempt: 2,
        endings: [],
        counters: {},
      });
    }
  });

  test("a range that used up its tries ends its entry for good, and gives its bytes back", () => {
    const effects = afterFailure(row("range", "verify", { attempt: attemptsMax - 1 }), retry);
    expect(effects.place).toEqual({ stage: "done", state: "failed" });
    expect(effects.head).toMatchObject({ type: "end", ending: { error: { disposition: "rejected" } } });
    expect(effects.counters).toEqual({ bytesTransferred: -100 });
    const head = effects.head?.type === "end" ? afterEntryEnded(row("head", "publish"), effects.head.ending) : null;
    expect(head).toMatchObject({ add: [], ranges: { type: "drop" }, counters: { "entries:failed": 1 } });
  });
});

describe("heads and ranges", () => {
  test("an entry that was counted as verified is uncounted when reconciliation ends it", () => {
    const effects = afterEntryEnded(row("head", "done"), failure(0, rejected));
    expect(effects.counters).toMatchObject({ "entries:verified": -1, "bytes:verified": -100, "entries:failed": 1 });
    expect(effects.place).toEqual({ stage: "done", state: "failed" });
  });

  test("damage sends the head back to prepare once", () => {
    expect(afterDamage(row("head", "prepare"))).toBeNull();
    expect(afterDamage(row("head", "verify"))).toMatchObject({
      place: { stage: "prepare", state: "pending" },
      counters: {},
    });
    expect(afterDamage(row("head", "done"))?.counters).toMatchObject({ "entries:verified": -1 });
  });

  test("a first read-back that fails in staging sends the range again in place; later damage needs the head", () => {
    const first = afterResult(row("range", "verify"), bad(0), traits, false);
    expect(first).toMatchObject({
      place: { stage: "transfer", state: "pending" },
      head: null,
      progress: "clear",
      attempt: 1,
    });
    expect(first.counters).toMatchObject({ bytesTransferred: -100 });
    expect(first.counters.bytesVerified).toBeUndefined();
    const later = afterResult(row("range", "reconcile"), bad(0), traits, false);
    expect(later).toMatchObject({ place: { stage: "transfer", state: "waiting" }, head: { type: "repair" } });
    expect(later.counters).toMatchObject({ bytesTransferred: -100, bytesVerified: -100 });
  });

  test("a range that could not be read back was not found right, on its last try neither", () => {
    const missing: TaskResult = { ...good, endings: [failure(0, retry)] };
    for (const stage of ["verify", "reconcile"] as const) {
      const again = afterResult(row("range", stage), missing, traits, false);
      expect(again).toMatchObject({ verdict: { result: "inconclusive" }, progress: "clear", counters: { retries: 1 } });
      const last = afterResult(row("range", stage, { attempt: attemptsMax - 1 }), missing, traits, false);
      expect(last).toMatchObject({ verdict: { result: "inconclusive" }, head: { type: "end" } });
    }
  });

  test("a range whose own progress says that its entry ended tells the head", () => {
    const receipts = { count: 0, digests: new Uint8Array(0), tags: null };
    const progress = { firstBlock: 0, receipts, bytes: 0, endings: [failure(0, rejected)] };
    const result: TaskResult = { type: "transferred", progress, evidence: "one_read", lost: [] };
    expect(afterResult(row("range", "transfer"), result, traits, false).head?.type).toBe("end");
  });

  test("a head that finds its content in place after all drops the ranges that waited for a repair", () => {
    const same: TaskResult = {
      type: "same",
      digests: new Uint8Array(64),
      evidence: "second_read",
      readFrom: "cache",
      lost: [],
    };
    expect(afterResult(row("head", "prepare"), same, traits, true).ranges).toEqual({ type: "drop" });
    expect(afterResult(row("head", "prepare"), same, traits, false).ranges).toBeNull();
  });

  test("the last range wakes the head at the stage for which it waited", () => {
    expect(afterGate(row("head", "publish"), traits).place).toEqual({ stage: "publish", state: "pending" });
    const first = { ...traits, publishFirst: true };
    expect(afterGate(row("head", "verify"), first)).toMatchObject({
      place: { stage: "done", state: "verified" },
      counters: { "entries:verified": 1, "bytes:verified": 100 },
    });
  });
});

test("what is tried again does not trust what the plan saw on the target: an earlier try may have written there", () => {
  const planned = { ...fileOf(10), standing: null };
  const ending = { ...failure(0, retry), outcome: "changed", now: { ...planned.entry, sizeBytes: 12 } } as const;
  const { add } = afterProgress(row("pack", "transfer", { items: () => [planned] }), {
    firstBlock: 0,
    receipts: { count: 0, digests: new Uint8Array(0), tags: null },
    bytes: 0,
    endings: [ending],
  });
  const again = add.flatMap(({ items }) => unpackItems(items));
  expect(again).toEqual([{ ...planned, entry: ending.now, length: 12, standing: undefined }]);
  expect(again[0]?.standing).toBeUndefined();
});
