import { expect, test } from "vitest";
import type { CounterName } from "../model/job.ts";
import { jobTable, type ListedJob } from "./job-table.ts";

const hourMs = 3_600_000;

interface Sample {
  readonly entries?: number;
  readonly bytes?: number;
  readonly source?: string;
  readonly target?: string;
}

function listed({ entries = 15, bytes = 20_300, source = "/srv/share", target = "/mnt/new" }: Sample): ListedJob {
  const counters: Partial<Record<CounterName, number>> = { listedEntries: entries, listedBytes: bytes };
  const job = {
    id: "20260131-120000-k7qd",
    status: "reconciling",
    counters,
    createdAt: 0,
    endedAt: null,
    runs: 1,
    planDone: true,
    failure: null,
    spec: { kind: "check", source: `file://${source}`, target: `file://${target}` },
  } as const;
  return { job, leader: "host/1" };
}

const nowMs = 12 * 24 * hourMs + 23 * hourMs;
const long = { source: `/srv/${"departments/".repeat(6)}archive`, target: `/mnt/${"volumes/".repeat(9)}archive-2026` };

test("where nobody reads it on a terminal, a job is one line, whatever its length", () => {
  const lines = jobTable([listed({}), listed(long)], nowMs, null).split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe("JOB                   KIND   STATUS       ENTRIES  BYTES    AGE        SOURCE → TARGET");
  expect(lines[2]).toContain(`${long.source} → ${long.target}`);
});

test("a terminal that is wide enough shows the same", () => {
  const jobs = [listed({}), listed({ entries: 3 })];
  expect(jobTable(jobs, nowMs, 120)).toBe(jobTable(jobs, nowMs, null));
});

test("on 80 columns the places stand on a line of their own, and nothing is wider", () => {
  const large = { entries: 1_234_567_890, bytes: 1.23e15 };
  const lines = jobTable([listed(large), listed({ ...large, ...long })], nowMs, 80).split("\n");
  expect(lines[0]).toBe("JOB                   KIND   STATUS       ENTRIES     BYTES    AGE");
  expect(lines[1]).toBe("  SOURCE → TARGET");
  expect(lines[2]).toBe("20260131-120000-k7qd  check  reconciling  1234567890  1.23 PB  12 d 23 h");
  expect(lines[3]).toBe("  /srv/share → /mnt/new");
  expect(lines[5]).toMatch(/^ {2}\/srv\/\S*…\S*archive → \/mnt\/\S*…\S*archive-2026$/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test("a short place leaves its room to the long one", () => {
  const [, , , places = ""] = jobTable([listed({ ...long, target: "/t" })], nowMs, 80).split("\n");
  expect(places).toMatch(/ → \/t$/);
  expect(places.length).toBe(80);
});
