/** A job for tests of the report: the Store's streams from plain values, some made up as they are pulled. */
import { createHash } from "node:crypto";
import type { ErrorRecord } from "../../src/base/errors.ts";
import { blockCount, type Item } from "../../src/model/chunk.ts";
import type { Entry, EntryKind } from "../../src/model/entry.ts";
import { encodeItems } from "../../src/model/item-codec.ts";
import { addCounters, type Counters, type Job, type JobSpec, usualTerms } from "../../src/model/job.ts";
import { plainCopy, specOf } from "../../src/model/job-spec.ts";
import { type BytePath, pathFromText } from "../../src/model/path.ts";
import { type ItemEnding, noReceipts, type Receipts } from "../../src/model/task.ts";
import type { AttemptRecord, ChunkRecord, ExceptionRecord, VerdictRecord } from "../../src/ports/store.ts";
import type { ReportStore } from "../../src/report/build.ts";

export const mebibyte = 1_048_576;
export const blockBytes = 8 * mebibyte;
const at = 1_767_225_600_000;

export const sampleSpec: JobSpec = specOf({
  ...plainCopy("file:///mnt/old-share", "s3://archive/2026", 64 * mebibyte),
  exclude: ["*.tmp"],
});

export function sampleEntry(path: string | BytePath, sizeBytes: number, kind: EntryKind = "file"): Entry {
  return {
    path: pathFromText(path),
    kind,
    sizeBytes,
    version: { kind: "stat", inode: 4242n, mtimeNs: 1_700_000_000_123_456_789n, ctimeNs: 1_700_000_001_000_000_000n },
    attributes: { mode: 0o644, uid: 1000, gid: 1000, mtimeNs: 1_700_000_000_123_456_789n },
    link: kind === "symlink" || kind === "hardlink" ? pathFromText("the/other name") : null,
    sparse: false,
  };
}

export function sampleItem(entry: Entry): Item {
  return { entry, offset: 0, length: entry.sizeBytes, blockBytes, compare: false };
}

/** Digests that look real: SHA-256 of a text for each block. */
export function sampleReceipts(blocks: number, seed: string): Receipts {
  const digests = new Uint8Array(blocks * 32);
  for (let block = 0; block < blocks; block += 1) {
    digests.set(createHash("sha256").update(`${seed} ${block}`).digest(), block * 32);
  }
  return { count: blocks, digests, tags: null };
}

export function sampleRow(
  chunkId: number,
  row: Partial<Omit<ChunkRecord, "items">> & { readonly items: readonly Item[] },
): ChunkRecord {
  const blocks = row.items.reduce((sum, item) => sum + blockCount(item), 0);
  const kind = row.kind ?? "pack";
  return {
    chunkId,
    parentId: null,
    kind,
    stage: "done",
    state: "verified",
    offset: 0,
    length: row.items.reduce((sum, item) => sum + item.length, 0),
    receipts: kind === "pack" || kind === "range" ? sampleReceipts(blocks, `chunk ${chunkId}`) : noReceipts,
    endings: [],
    staging: null,
    evidence: kind === "pack" || kind === "range" ? "one_read" : "none",
    sha256: null,
    attempt: 0,
    ...row,
    items: encodeItems(row.items),
  };
}

export function sampleVerdict(chunkId: number, verdict: Partial<VerdictRecord> = {}): VerdictRecord {
  return {
    chunkId,
    path: null,
    stage: "verify",
    result: "match",
    sourceDigest: "11".repeat(32),
    targetDigest: "11".repeat(32),
    bad: [],
    writer: "worker-1",
    reader: "worker-2",
    readFrom: "medium",
    at: at + 5000,
    ...verdict,
  };
}

export function sampleEnding(item: number, ending: Partial<ItemEnding>): ItemEnding {
  return { item, outcome: "failed", evidence: "none", error: null, now: null, again: false, ...ending };
}

export const sampleError: ErrorRecord = {
  code: "unreadable",
  disposition: "rejected",
  what: "cannot read docs/secret: permission denied",
  hint: "Run as a user who may read it.",
};

export interface Sample {
  readonly spec?: JobSpec;
  readonly counters?: Counters;
  readonly status?: Job["status"];
  readonly rows: () => Iterable<ChunkRecord>;
  readonly verdicts?: () => Iterable<VerdictRecord>;
  readonly exceptions?: readonly ExceptionRecord[];
  readonly attempts?: readonly AttemptRecord[];
}

export const sampleJobId = "20260101-k3m9";

export function sampleStore(sample: Sample): ReportStore {
  const job: Job = {
    id: sampleJobId,
    spec: sample.spec ?? sampleSpec,
    terms: usualTerms,
    status: sample.status ?? "complete",
    wish: null,
    createdAt: at,
    startedAt: at + 1000,
    endedAt: at + 61_234,
    runs: 2,
    limits: [
      { startedAt: at + 1000, bytesPerSecond: 50_000_000, bytesReadBefore: 0 },
      { startedAt: at + 31_000, bytesPerSecond: 20_000_000, bytesReadBefore: 0 },
    ],
    planCursor: null,
    planDone: true,
    phase: 5,
    counters: sample.counters ?? {},
    pace: [],
    failure: null,
  };
  return {
    job: async (id) => (id === job.id ? job : null),
    chunks: () => stream(sample.rows()),
    verdicts: () => stream(sample.verdicts?.() ?? []),
    exceptions: () => stream(sample.exceptions ?? []),
    attempts: () => stream(sample.attempts ?? []),
  };
}

// oxlint-disable-next-line require-await
async function* stream<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

export function listed(entries: number, bytes: number): Counters {
  return { listedEntries: entries, listedBytes: bytes };
}

const notUtf8 = Buffer.from("docs/caf\xe9 \x80", "latin1").toString("latin1") as BytePath;

/** One job with something in each section: a pack, a large entry of two ranges, links, directories, a try again, deletions. */
export function sampleJob(): ReportStore {
  const big = sampleItem(sampleEntry("big/disk.img", 100 * mebibyte));
  const range = (offset: number, length: number): Item => ({ ...big, offset, length });
  const small = [
    sampleItem(sampleEntry("docs/a.txt", 1234)),
    sampleItem(sampleEntry('docs/b "<script>alert(1)</script>" & c', 20 * mebibyte)),
    sampleItem({ ...sampleEntry("", 7), path: notUtf8 }),
    sampleItem(sampleEntry("docs/empty", 0)),
    sampleItem(sampleEntry("docs/again", 55)),
    sampleItem(sampleEntry("docs/line\nbreak\\", 9)),
  ];
  const again = sampleEnding(4, { again: true, error: { ...sampleError, disposition: "retry" } });
  const rows = [
    sampleRow(1, { items: small, endings: [again] }),
    sampleRow(2, { items: [big], kind: "head" }),
    sampleRow(3, { items: [sampleItem(sampleEntry("docs", 0, "directory"))], kind: "directories" }),
    sampleRow(4, { items: [range(0, 64 * mebibyte)], kind: "range", parentId: 2 }),
    sampleRow(5, { items: [range(64 * mebibyte, 36 * mebibyte)], kind: "range", parentId: 2, offset: 64 * mebibyte }),
    sampleRow(6, { items: [sampleItem(sampleEntry("docs/link", 0, "symlink"))] }),
    sampleRow(7, {
      kind: "settled",
      items: [sampleItem(sampleEntry("x.tmp", 10)), sampleItem(sampleEntry("docs/secret", 77))],
      endings: [sampleEnding(0, { outcome: "filtered" }), sampleEnding(1, { error: sampleError })],
    }),
    sampleRow(8, { items: [sampleItem(sampleEntry("docs/again", 60))], attempt: 1 }),
    sampleRow(9, { items: [sampleItem(sampleEntry("old/gone", 3))], kind: "extras" }),
  ];
  const verified = 1234 + 20 * mebibyte + 7 + 9 + 100 * mebibyte + 60;
  const counters: Counters = addCounters(listed(11, verified + 87), {
    sourceBytesRead: 125_831_456,
    targetBytesWritten: 125_831_456,
    targetBytesRead: 125_831_400,
    retries: 1,
    mismatches: 1,
    deleted: 1,
    losses: 1,
    "entries:verified": 9,
    "bytes:verified": verified,
    "entries:filtered": 1,
    "bytes:filtered": 10,
    "entries:failed": 1,
    "bytes:failed": 77,
  });
  const bad = { item: 0, block: 3, source: "ab".repeat(32), target: "cd".repeat(32) };
  const damaged: Partial<VerdictRecord> = {
    result: "mismatch",
    path: big.entry.path,
    targetDigest: "22".repeat(32),
    bad: [bad],
  };
  return sampleStore({
    counters,
    rows: () => rows,
    verdicts: () => [
      sampleVerdict(4, damaged),
      sampleVerdict(1),
      sampleVerdict(4),
      sampleVerdict(5, { readFrom: "cache" }),
      sampleVerdict(8),
    ],
    exceptions: [
      { chunkId: 7, path: pathFromText("docs/secret"), outcome: "failed", error: sampleError, lost: [], at: at + 2000 },
      { chunkId: 1, path: notUtf8, outcome: "lost", error: null, lost: ["xattrs", "owner"], at: at + 2100 },
    ],
    attempts: [
      { chunkId: 4, stage: "transfer", worker: "worker-1", epoch: 1, startedAt: at + 1500, endedAt: null, why: null },
      {
        chunkId: 4,
        stage: "transfer",
        worker: "worker-1",
        epoch: 2,
        startedAt: at + 1600,
        endedAt: at + 1700,
        why: "done",
      },
    ],
  });
}
