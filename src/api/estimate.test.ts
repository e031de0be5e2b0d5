import { expect, test } from "vitest";
import type { Counters, Job } from "../model/job.ts";
import { usualTerms } from "../model/job.ts";
import { specOf } from "../model/job-spec.ts";
import { estimate, workOf } from "./estimate.ts";
import { ProgressLog } from "./progress-log.ts";

const start = 1_800_000_000_000;

function job(counters: Counters, more: Partial<Job> = {}): Job {
  const spec = specOf({
    kind: "copy",
    source: "file:///a",
    target: "file:///b",
    include: [],
    exclude: [],
    filesFrom: null,
    compare: null,
    links: "preserve",
    durability: "fsync",
    verify: "readback",
    sourceEvidence: { type: "none" },
    fileDigest: false,
    reconcile: false,
    delete: false,
    maxDelete: null,
    chunkBytes: 1,
    s3: { endpoint: null, region: null, pathStyle: false, profile: null },
  });
  return {
    id: "j",
    spec,
    terms: usualTerms,
    status: "running",
    wish: null,
    createdAt: start,
    startedAt: start,
    endedAt: null,
    runs: 1,
    limits: [{ startedAt: start, bytesPerSecond: null, bytesReadBefore: 0 }],
    planCursor: null,
    planDone: true,
    phase: 0,
    counters,
    failure: null,
    ...more,
  };
}

test("what need not be moved is no work", () => {
  const counters = {
    listedBytes: 1_000,
    "bytes:unchanged": 400,
    "bytes:verified": 100,
    bytesTransferred: 300,
    bytesVerified: 100,
  };
  expect(workOf(job(counters))).toEqual({ done: 400, total: 1_200 });
});

test("a run that reads 10 bytes a second ends when the rest is read", () => {
  const half = job({ listedBytes: 1_000, bytesTransferred: 500, bytesVerified: 500, sourceBytesRead: 500 });
  expect(estimate(half, start + 50_000, [])).toBe(start + 100_000);
});

test("what earlier runs have read says nothing about this one", () => {
  const limits = [
    { startedAt: start - 1e9, bytesPerSecond: null, bytesReadBefore: 0 },
    { startedAt: start, bytesPerSecond: null, bytesReadBefore: 400 },
  ];
  const half = job({ listedBytes: 1_000, bytesTransferred: 500, bytesVerified: 500, sourceBytesRead: 500 }, { limits });
  expect(estimate(half, start + 10_000, [])).toBe(start + 60_000);
});

test("what was seen lately counts more than the whole run", () => {
  const half = job({ listedBytes: 1_000, bytesTransferred: 500, bytesVerified: 500, sourceBytesRead: 500 });
  const seen = [{ at: start + 40_000, done: 980 }];
  expect(estimate(half, start + 50_000, seen)).toBe(start + 50_000 + 500_000);
});

test.each([
  ["while it is listed", { planDone: false }],
  ["while it is paused", { status: "paused" }],
  ["when it has ended", { status: "complete" }],
  ["while it reconciles", { status: "reconciling" }],
  ["before it was led", { limits: [] }],
] as const)("nothing is said of a job %s", (_, more) => {
  expect(estimate(job({ listedBytes: 10, sourceBytesRead: 5 }, more), start + 60_000, [])).toBeNull();
});

test("nothing is said of a job that has just begun, that stands still, or that has moved everything", () => {
  const moving = job({ listedBytes: 1_000, sourceBytesRead: 500 });
  expect(estimate(moving, start + 9_999, [])).toBeNull();
  expect(estimate(job({ listedBytes: 1_000 }), start + 60_000, [])).toBeNull();
  expect(estimate(moving, start + 60_000, [{ at: start, done: 0 }])).toBeNull();
  const moved = job({ listedBytes: 10, bytesTransferred: 10, bytesVerified: 10, sourceBytesRead: 10 });
  expect(estimate(moved, start + 60_000, [])).toBeNull();
});

test("a server measures by what it saw itself, and forgets what is long ago", () => {
  const log = new ProgressLog();
  const at = (seconds: number, done: number): number | null =>
    log.estimatedEnd(
      job({ listedBytes: 1_000, bytesTransferred: done, bytesVerified: done, sourceBytesRead: done }, { limits: [] }),
      start + seconds * 1_000,
    );
  expect(at(0, 0)).toBeNull();
  expect(at(20, 200)).toBe(start + 100_000);
  // Slower since: after ten minutes nothing of the fast beginning is left.
  expect(at(700, 300)).toBeNull();
  expect(at(720, 302)).toBe(start + 720_000 + (698 / 2) * 20_000);
});
