import { expect, test } from "vitest";
import type { Counters, Job, PaceSample } from "./job.ts";
import { usualTerms } from "./job.ts";
import { plainCopy, specOf } from "./job-spec.ts";
import { estimatedEnd, paceAfter, workOf } from "./pace.ts";

const start = 1_800_000_000_000;

function job(counters: Counters, more: Partial<Job> = {}): Job {
  const spec = specOf(plainCopy("file:///a", "file:///b", 1));
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
    pace: [],
    failure: null,
    ...more,
  };
}

/** A job that is looked at each second: `landed` and `proven` by the seconds since its start. */
function watched(seconds: number, at: (second: number) => Counters, more: Partial<Job> = {}): Job {
  let pace: readonly PaceSample[] = [];
  const standing = (second: number): Job => job({ listedBytes: 1_000_000, ...at(second) }, { pace, ...more });
  for (let second = 0; second <= seconds; second += 1) pace = paceAfter(standing(second), start + second * 1_000);
  return standing(seconds);
}

/** Seconds from `second` to the end that is estimated then. */
function left(of: Job, second: number): number | null {
  const end = estimatedEnd(of, start + second * 1_000);
  return end === null ? null : (end - start) / 1_000 - second;
}

const even = (second: number): Counters => ({ bytesTransferred: second * 1_000, bytesVerified: second * 1_000 });

test("what need not be moved is no work, and what is confirmed inside a transfer is done", () => {
  const counters = {
    listedBytes: 1_000,
    "bytes:unchanged": 400,
    "bytes:verified": 100,
    bytesTransferred: 300,
    bytesConfirmed: 50,
    bytesVerified: 100,
  };
  expect(workOf(job(counters))).toEqual({ landed: 350, proven: 100, total: 600 });
});

test("a job that moves 1,000 bytes a second has so many seconds left as thousands of bytes", () => {
  expect(left(watched(100, even), 100)).toBeCloseTo(900, 0);
});

test("one large file that is half confirmed is half done, though no chunk of it has ended", () => {
  const half = watched(500, (second) => ({ bytesConfirmed: second * 1_000 }));
  // Its bytes are verified after that, and no faster as far as is known.
  expect(left(half, 500)).toBeCloseTo(500 + 500, -1);
});

test("blocks that are confirmed seldom tell their true speed", () => {
  const steps = watched(400, (second) => {
    const bytes = Math.floor(second / 80) * 80_000;
    return { bytesConfirmed: bytes, bytesVerified: bytes };
  });
  expect(left(steps, 400)).toBeCloseTo(600, -1);
});

test("nothing is said before there were several confirmations over some time", () => {
  expect(left(watched(4, even), 4)).toBeNull();
  expect(left(watched(6, even), 6)).not.toBeNull();
  const two = watched(60, (second) => ({ bytesConfirmed: second < 30 ? 10_000 : 20_000 }));
  expect(left(two, 60)).toBeNull();
});

test("what was copied while the source was listed, or by an earlier run, does not count as speed", () => {
  const late = watched(100, (second) => ({ bytesTransferred: 400_000 + second * 100, bytesVerified: 400_000 }));
  expect(left(late, 100)).toBeCloseTo(590_000 / 100 + 10_000 / 100, -2);
});

test("the last minutes count, not the beginning", () => {
  const slower = watched(1_000, (second) => even(Math.min(second, 400) + Math.max(0, second - 400) / 10));
  expect(left(slower, 1_000)).toBeCloseTo((1_000 - 460) * 10, -2);
  expect(slower.pace.length).toBeLessThan(60);
});

test("what stands still takes longer and longer", () => {
  const stuck = watched(300, (second) => even(Math.min(second, 100)));
  expect(left(stuck, 300)).toBeGreaterThan(2_000);
  expect(left(stuck, 3_000)).toBeGreaterThan(20_000);
});

test("verification that is slower than the copy is waited for", () => {
  const behind = watched(200, (second) => ({ bytesTransferred: second * 2_000, bytesVerified: second * 1_000 }));
  expect(left(behind, 200)).toBeCloseTo(800, -1);
});

test("reading back is not held back by the limit of the source", () => {
  const limits = [{ startedAt: start, bytesPerSecond: 1_000, bytesReadBefore: 0 }];
  const half = watched(500, (second) => ({ bytesConfirmed: second * 1_000 }), { limits });
  expect(left(half, 500)).toBeCloseTo(500, -1);
});

test("a limit that is lower than what was seen is kept to", () => {
  const limited = { terms: { ...usualTerms, limitBytesPerSecond: 100 } };
  expect(left(watched(100, even, limited), 100)).toBeCloseTo(9_000, -1);
  const run = { limits: [{ startedAt: start, bytesPerSecond: 500, bytesReadBefore: 0 }] };
  expect(left(watched(100, even, run), 100)).toBeCloseTo(1_800, -1);
});

test("a check is as far as the entries that were compared", () => {
  const { spec } = job({});
  const check = watched(100, (second) => ({ "bytes:identical": second * 1_000 }), { spec: { ...spec, kind: "check" } });
  expect(left(check, 100)).toBeCloseTo(900, 0);
});

test.each([
  ["while it is listed", { planDone: false }],
  ["while it is paused", { status: "paused" }],
  ["when it has ended", { status: "complete" }],
  ["while it reconciles", { status: "reconciling" }],
] as const)("nothing is said of a job %s", (_, more) => {
  expect(left({ ...watched(100, even), ...more }, 100)).toBeNull();
});

test("nothing is said of a job that has proven everything", () => {
  expect(left(watched(1_000, even), 1_000)).toBeNull();
});

test("a clock that was set back begins the measure anew", () => {
  const before: readonly PaceSample[] = [{ at: start + 50_000, landed: 1, proven: 1 }];
  expect(paceAfter(job({ bytesTransferred: 5 }, { pace: before }), start)).toEqual([
    { at: start, landed: 5, proven: 0 },
  ]);
});
