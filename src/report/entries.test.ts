import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import {
  listed,
  mebibyte,
  sampleEnding,
  sampleEntry,
  sampleError,
  sampleItem,
  sampleJobId,
  sampleReceipts,
  sampleRow,
  sampleSpec,
  sampleStore,
  sampleVerdict,
  type Sample,
} from "../../test/report/sample-store.ts";
import type { ChunkRecord } from "../ports/store.ts";
import { buildBody, jobOf } from "./build.ts";
import type { ReportBody, ReportEntry } from "./schema.ts";

async function build(sample: Sample): Promise<{ readonly entries: readonly ReportEntry[]; readonly body: ReportBody }> {
  const store = sampleStore(sample);
  const entries: ReportEntry[] = [];
  const job = await jobOf(store, sampleJobId);
  const sink = { entry: (entry: ReportEntry) => (entries.push(entry), null) };
  const body = await buildBody({ store, job }, sink);
  return { entries, body };
}

const file = (path: string, bytes: number) => sampleItem(sampleEntry(path, bytes));
const codes = (body: ReportBody): readonly string[] => body.problems.map(({ code }) => code);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const verified = (entries: number, bytes: number) => ({
  ...listed(entries, bytes),
  "entries:verified": entries,
  "bytes:verified": bytes,
});

test("an entry of one block carries its SHA-256, one of several the digest over its blocks", async () => {
  const row = sampleRow(1, { items: [file("a", 5), file("b", 20 * mebibyte), file("empty", 0)] });
  const { entries, body } = await build({
    rows: () => [row],
    verdicts: () => [sampleVerdict(1)],
    counters: verified(3, 5 + 20 * mebibyte),
  });
  const { digests } = row.receipts;
  expect(entries.map(({ sha256, ranges }) => ({ sha256, ranges }))).toEqual([
    { sha256: hex(digests.subarray(0, 32)), ranges: undefined },
    {
      sha256: null,
      ranges: [
        {
          offset_bytes: 0,
          length_bytes: 20 * mebibyte,
          digest: createHash("sha256").update(digests.subarray(32, 128)).digest("hex"),
        },
      ],
    },
    { sha256: hex(digests.subarray(128, 160)), ranges: undefined },
  ]);
  expect(body).toMatchObject({ overall_status: "pass", problems: [] });
});

function largeRows(order: "behind" | "later"): readonly ChunkRecord[] {
  const one = file("large/one", 130 * mebibyte);
  const two = file("large/two", 70 * mebibyte);
  const head = (id: number, item: typeof one, more: Partial<ChunkRecord> = {}) =>
    sampleRow(id, { kind: "head", ...more, items: [item] });
  const range = (id: number, item: typeof one, [parentId, offset, length]: readonly [number, number, number]) =>
    sampleRow(id, { kind: "range", parentId, offset, length, items: [{ ...item, offset, length }] });
  const first = [
    range(10, one, [1, 0, 64 * mebibyte]),
    // The Store may give them in any order.
    range(12, one, [1, 128 * mebibyte, 2 * mebibyte]),
    range(11, one, [1, 64 * mebibyte, 64 * mebibyte]),
  ];
  const second = [range(20, two, [2, 0, 64 * mebibyte]), range(21, two, [2, 64 * mebibyte, 6 * mebibyte])];
  const heads = [head(1, one, { sha256: "5a".repeat(32), evidence: "manifest" }), head(2, two)] as const;
  return order === "behind" ? [heads[0], ...first, heads[1], ...second] : [...heads, ...first, ...second];
}

test.each(["behind", "later"] as const)(
  "a large entry is one entry with all its ranges, when they come %s",
  async (order) => {
    const { entries, body } = await build({
      rows: () => largeRows(order),
      verdicts: () => [10, 11, 12, 20, 21].map((id) => sampleVerdict(id)),
      counters: verified(2, 200 * mebibyte),
    });
    expect(body.problems).toEqual([]);
    expect(body.merkle.leaves).toBe(7);
    expect(entries.map(({ path, evidence, sha256 }) => [path, evidence, sha256])).toEqual([
      ["large/one", "manifest", "5a".repeat(32)],
      ["large/two", "one_read", null],
    ]);
    expect(entries[0]?.ranges?.map((range) => [range.offset_bytes, range.length_bytes])).toEqual([
      [0, 64 * mebibyte],
      [64 * mebibyte, 64 * mebibyte],
      [128 * mebibyte, 2 * mebibyte],
    ]);
  },
);

test("a range that is missing, or whose last verdict is no match, fails the report", async () => {
  const all = [10, 11, 12, 20, 21];
  const counters = verified(2, 200 * mebibyte);
  const missing = await build({
    rows: () => largeRows("later").filter(({ chunkId }) => chunkId !== 11),
    verdicts: () => all.map((id) => sampleVerdict(id)),
    counters,
  });
  expect(codes(missing.body)).toEqual(["undigested_entries"]);
  const unproven = await build({
    rows: () => largeRows("behind"),
    verdicts: () => [
      ...all.map((id) => sampleVerdict(id)),
      sampleVerdict(20, { result: "mismatch", stage: "reconcile" }),
    ],
    counters: { ...counters, mismatches: 1 },
  });
  expect(codes(unproven.body)).toEqual(["unproven_chunks"]);
});

test("an entry that was tried again stands once, in the row of its last try; dropped ranges do not count", async () => {
  const item = file("large", 70 * mebibyte);
  const range = (id: number, parentId: number, state: string, offset: number) =>
    sampleRow(id, {
      kind: "range",
      parentId,
      state,
      offset,
      items: [{ ...item, offset, length: offset === 0 ? 64 * mebibyte : 6 * mebibyte }],
    });
  const { entries, body } = await build({
    rows: () => [
      sampleRow(1, {
        kind: "head",
        state: "failed",
        items: [item],
        endings: [sampleEnding(0, { again: true, outcome: "changed" })],
      }),
      range(2, 1, "failed", 0),
      range(3, 1, "failed", 64 * mebibyte),
      sampleRow(4, { kind: "head", items: [item], attempt: 1 }),
      range(5, 4, "verified", 0),
      range(6, 4, "verified", 64 * mebibyte),
    ],
    verdicts: () => [sampleVerdict(2), sampleVerdict(5), sampleVerdict(6)],
    counters: verified(1, 70 * mebibyte),
  });
  expect(entries.map(({ chunk, outcome, ranges }) => [chunk, outcome, ranges?.length])).toEqual([[4, "verified", 2]]);
  expect(body.overall_status).toBe("pass");
});

test("the other items of a row that failed for one are as verified as they are", async () => {
  const failed = sampleEnding(1, { error: sampleError });
  const { entries, body } = await build({
    rows: () => [sampleRow(1, { state: "failed", items: [file("a", 1), file("b", 2)], endings: [failed] })],
    verdicts: () => [sampleVerdict(1)],
    counters: { ...listed(2, 3), "entries:verified": 1, "bytes:verified": 1, "entries:failed": 1, "bytes:failed": 2 },
  });
  expect(entries.map(({ outcome }) => outcome)).toEqual(["verified", "failed"]);
  expect(entries[1]).toMatchObject({ sha256: null, error: { code: "unreadable" } });
  expect(codes(body)).toEqual(["outcome"]);
});

test("an entry found identical is cut into the ranges that a copy would have had", async () => {
  const item = file("large", 130 * mebibyte);
  const receipts = sampleReceipts(17, "same");
  const { entries } = await build({
    rows: () => [
      sampleRow(1, {
        kind: "head",
        items: [item],
        receipts,
        endings: [sampleEnding(0, { outcome: "identical", evidence: "second_read" })],
      }),
    ],
  });
  expect(entries[0]).toMatchObject({ outcome: "identical", evidence: "second_read", sha256: null });
  expect(entries[0]?.ranges?.map(({ length_bytes }) => length_bytes / mebibyte)).toEqual([64, 64, 2]);
  expect(entries[0]?.ranges?.[2]?.digest).toBe(
    createHash("sha256").update(receipts.digests.subarray(512)).digest("hex"),
  );
});

test("a row said to be verified without a verdict, or with blocks that nobody hashed, fails the report", async () => {
  const counters = verified(1, 5);
  const silent = await build({ rows: () => [sampleRow(1, { items: [file("a", 5)] })], counters });
  expect(codes(silent.body)).toEqual(["unproven_chunks"]);
  const receipts = { count: 1, digests: new Uint8Array(32), tags: null };
  const row = sampleRow(1, { items: [file("a", 5)], receipts });
  const unhashed = await build({ rows: () => [row], counters, verdicts: () => [sampleVerdict(1)] });
  expect(codes(unhashed.body)).toEqual(["undigested_entries"]);
  expect(unhashed.entries[0]?.sha256).toBeNull();
});

test("sums that do not equal the listing fail the report and are named", async () => {
  const sample = { rows: () => [sampleRow(1, { items: [file("a", 5)] })], verdicts: () => [sampleVerdict(1)] };
  const { body } = await build({ ...sample, counters: { ...verified(1, 5), listedEntries: 2, listedBytes: 9 } });
  expect(body.overall_status).toBe("fail");
  expect(body.problems).toMatchObject([
    { code: "listed_entries", expected: "2", found: "1" },
    { code: "listed_bytes", expected: "9", found: "5" },
  ]);
  const counted = await build({
    ...sample,
    counters: { ...listed(1, 5), "entries:identical": 1, "bytes:identical": 5 },
  });
  expect(codes(counted.body)).toEqual(["counted_entries", "counted_bytes", "counted_entries", "counted_bytes"]);
});

test("a job under way is in progress, with what it has not reached as pending; a cancelled one fails", async () => {
  const sample: Sample = {
    rows: () => [
      sampleRow(1, { items: [file("a", 5)], stage: "verify", state: "pending" }),
      sampleRow(2, { kind: "head", items: [file("large", 70 * mebibyte)], stage: "publish", state: "waiting" }),
    ],
    counters: listed(2, 5 + 70 * mebibyte),
  };
  const running = await build({ ...sample, status: "running" });
  expect(running.body).toMatchObject({ overall_status: "in_progress", problems: [] });
  expect(running.entries.map(({ outcome, sha256 }) => [outcome, sha256])).toEqual([
    ["pending", null],
    ["pending", null],
  ]);
  const cancelled = await build({ ...sample, status: "cancelled" });
  expect(codes(cancelled.body)).toEqual(["job_status", "outcome"]);
});

test("in a check, what has no ending was compared and is identical", async () => {
  const spec = { ...sampleSpec, kind: "check", traits: { ...sampleSpec.traits, kind: "check" } } as const;
  const { entries, body } = await build({
    spec,
    rows: () => [
      sampleRow(1, { items: [file("a", 5), file("b", 6)], endings: [sampleEnding(1, { outcome: "different" })] }),
    ],
    verdicts: () => [sampleVerdict(1, { stage: "compare", result: "mismatch" })],
    counters: {
      ...listed(2, 11),
      "entries:identical": 1,
      "bytes:identical": 5,
      "entries:different": 1,
      "bytes:different": 6,
    },
  });
  expect(entries.map(({ outcome }) => outcome)).toEqual(["identical", "different"]);
  expect(codes(body)).toEqual(["outcome"]);
});

test("deletions are listed apart from the entries of the source", async () => {
  const gone = sampleEnding(1, { outcome: "failed", error: sampleError });
  const { entries, body } = await build({
    rows: () => [sampleRow(1, { kind: "extras", items: [file("old", 5), file("kept", 6)], endings: [gone] })],
    counters: { deleted: 1 },
  });
  expect(entries).toEqual([]);
  expect(body.totals.deletions).toEqual({ deleted: 1, vanished: 0, failed: 1, pending: 0 });
  expect(codes(body)).toEqual(["deletions"]);
});
