import { expect, test } from "vitest";
import type { Counters, JobStatus } from "../../model/job.ts";
import { overallStatus } from "./proof.ts";

const proven: Counters = { listedEntries: 2, listedBytes: 20, "entries:verified": 2, "bytes:verified": 20 };
const of = (status: JobStatus, counters: Counters = proven, failed = 0): string =>
  overallStatus({ status, counters }, { failed });

test("a job passes when it is complete and every entry is accounted for and proven", () => {
  expect(of("complete")).toBe("pass");
  expect(of("complete", { ...proven, "entries:verified": 1, "entries:unchanged": 1 })).toBe("pass");
});

test("until it has ended nothing is said", () => {
  for (const status of ["pending", "planning", "running", "paused", "reconciling"] as const)
    expect(of(status)).toBe("in_progress");
});

test("one thing that is not as it should be is enough to fail", () => {
  expect(of("failed")).toBe("fail");
  expect(of("cancelled")).toBe("fail");
  expect(of("complete", proven, 1)).toBe("fail");
  expect(of("complete", { ...proven, listedEntries: 3 })).toBe("fail");
  expect(of("complete", { ...proven, "entries:verified": 1, "entries:failed": 1 })).toBe("fail");
  expect(of("complete", { ...proven, "entries:verified": 1, "entries:vanished": 1 })).toBe("fail");
  expect(of("complete", { ...proven, deletionsFailed: 1 })).toBe("fail");
});
