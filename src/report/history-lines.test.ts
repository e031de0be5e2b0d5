import { expect, test } from "vitest";
import { sampleJob, sampleJobId } from "../../test/report/sample-store.ts";
import { must } from "../base/assert.ts";
import type { Job, RunLimit } from "../model/job.ts";
import { limitsLine } from "./history-lines.ts";

function runOf(bytesPerSecond: number | null, run: number): RunLimit {
  return { startedAt: run * 1_000, bytesPerSecond, bytesReadBefore: run * 100 };
}

async function limited(...limits: readonly (number | null)[]): Promise<ReturnType<typeof limitsLine>> {
  const job: Job = must(await sampleJob().job(sampleJobId), "the sample is there");
  return limitsLine({ ...job, runs: 2, limits: limits.map(runOf), counters: { sourceBytesRead: 150 } });
}

test("a job that was resumed with another limit was limited to the higher one, and each run says its own", async () => {
  expect(await limited(20_000_000, 50_000_000)).toEqual({
    state: "capped",
    source_bytes_per_second: 50_000_000,
    runs: [
      { started_at: "1970-01-01T00:00:00.000Z", source_bytes_per_second: 20_000_000, source_bytes_read: 100 },
      { started_at: "1970-01-01T00:00:01.000Z", source_bytes_per_second: 50_000_000, source_bytes_read: 50 },
    ],
  });
});

test("one run without a limit leaves the job without one", async () => {
  expect(await limited(20_000_000, null)).toMatchObject({ state: "uncapped", source_bytes_per_second: null });
});

test("a limit is not claimed for a run of which nothing is recorded", async () => {
  expect(await limited(20_000_000)).toMatchObject({ state: "not_recorded", source_bytes_per_second: null });
  expect(await limited()).toMatchObject({ state: "not_recorded", runs: [] });
});
