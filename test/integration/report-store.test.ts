/** The report of a job that went through the real Store: what it writes down must be what the report reads. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  blockBytes,
  mebibyte,
  sampleEnding,
  sampleEntry,
  sampleItem,
  sampleReceipts,
  sampleSpec,
} from "../report/sample-store.ts";
import { must } from "../../src/base/assert.ts";
import { blockCount, type Item } from "../../src/model/chunk.ts";
import { decodeItems, packItems } from "../../src/model/item-codec.ts";
import type { JobSpec } from "../../src/model/job.ts";
import type { Task, TaskResult } from "../../src/model/task.ts";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { openSigningKey } from "../../src/report/keys.ts";
import type { ReportBody, ReportVerdict } from "../../src/report/schema.ts";
import { verifyReport } from "../../src/report/verify.ts";
import { writeReportFile } from "../../src/report/write.ts";

let directory: string;
let store: Store;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "godwit-report-store-"));
  let now = 1_767_225_600_000;
  const clock = { now: () => (now += 10), monotonicMs: () => now, sleep: () => Promise.resolve() };
  store = await openSqliteStore({ path: ":memory:", clock, newJobId: () => "job-1" });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const spec: JobSpec = { ...sampleSpec, traits: { ...sampleSpec.traits, publishFirst: false } };
const small = [sampleItem(sampleEntry("a", 5)), sampleItem(sampleEntry("b", 6))];
const large = sampleItem(sampleEntry("large", 130 * mebibyte));
const folder = sampleItem(sampleEntry("folder", 0, "directory"));

type Trouble = "none" | "damaged" | "missing";

/** Plays coordinator and lanes until nothing is left; the trouble meets the first read-back of a range, and of the pack. */
async function runJob(trouble: Trouble): Promise<void> {
  const job = await store.createJob(spec);
  const lead = await store.lead(job.id, "test");
  await store.setStatus(lead, "running", null);
  const fresh = { attempt: 0 } as const;
  await store.addPlan(lead, {
    chunks: [
      { kind: "pack", items: packItems(small), ...fresh },
      { kind: "head", items: packItems([large]), ...fresh },
      { kind: "directories", items: packItems([folder]), ...fresh },
    ],
    listed: { entries: 4, bytes: 11 + 130 * mebibyte },
    cursor: null,
    done: true,
  });
  const once: Record<"range" | "pack", Trouble> = { range: trouble, pack: trouble === "missing" ? trouble : "none" };
  while ((await store.checkpoint(lead)).phase >= 0 && (await store.open(job.id)).all > 0) {
    const tasks = await store.claim(job.id, "lane-1", 10, 60_000);
    expect(tasks.length).toBeGreaterThan(0);
    for (const task of tasks) await store.finish(task.lease, resultOf(task, once), {});
  }
  await store.checkpoint(lead);
  await store.setStatus(lead, "complete", null);
}

function resultOf(task: Task, once: Record<"range" | "pack", Trouble>): TaskResult {
  const items: readonly Item[] = decodeItems(task.items);
  const blocks = items.reduce((sum, item) => sum + blockCount(item), 0);
  const none = { endings: [], lost: [] } as const;
  switch (task.stage) {
    case "prepare":
      return { type: "prepared", staging: "here" };
    case "transfer": {
      const receipts = sampleReceipts(blocks, `chunk ${task.chunkId}`);
      return {
        type: "transferred",
        progress: { firstBlock: 0, receipts, bytes: 0, endings: [] },
        evidence: "one_read",
        lost: [],
      };
    }
    case "verify": {
      const kind = task.kind === "range" ? "range" : "pack";
      const trouble = once[kind];
      once[kind] = "none";
      const bad = [{ item: 0, block: 1, source: "aa".repeat(32), target: "bb".repeat(32) }];
      const error = { code: "digest_mismatch", disposition: "retry", what: "it is not there", hint: "Look." } as const;
      return {
        type: "read_back",
        bad: trouble === "damaged" ? bad : [],
        endings: trouble === "missing" ? [sampleEnding(0, { error })] : [],
        readFrom: "medium",
      };
    }
    case "seal":
      return { type: "sealed", ...none };
    default:
      return { type: "published", ...none };
  }
}

async function report(): Promise<{ readonly body: ReportBody; readonly verdicts: readonly ReportVerdict[] }> {
  const path = join(directory, "report.json");
  const key = await openSigningKey(directory);
  await writeReportFile(path, { store, jobId: "job-1", format: "json", key });
  const { body } = await verifyReport(path);
  const { verdicts } = JSON.parse(await readFile(path, "utf8")) as { verdicts: readonly ReportVerdict[] };
  return { body, verdicts };
}

test.each(["none", "damaged", "missing"] as const)(
  "a job that ended well passes, with all its history (met on the way: %s)",
  async (trouble) => {
    await runJob(trouble);
    const { body, verdicts } = await report();
    expect(body.problems).toEqual([]);
    expect(body).toMatchObject({ overall_status: "pass", job: { runs: 1, status: "complete" } });
    expect(body.totals.outcomes.verified).toEqual({ entries: 4, bytes: 11 + 130 * mebibyte });
    expect(body.totals.mismatches).toBe(trouble === "damaged" ? 1 : 0);
    const told = { none: [], damaged: ["mismatch"], missing: ["inconclusive", "inconclusive"] };
    expect(verdicts.map(({ result }) => result)).toEqual(told[trouble]);
    // Two leaves for the small files, one for the directory, and the large entry with its three ranges.
    expect(body.merkle.leaves).toBe(3 + 1 + Math.ceil(must(large.length, "it has bytes") / (8 * blockBytes)));
  },
);

test("what could not be read back has no digest of the target", async () => {
  await runJob("missing");
  const { verdicts } = await report();
  expect(verdicts.map(({ path, target_digest, bad_blocks }) => [path, target_digest, bad_blocks])).toEqual(
    expect.arrayContaining([
      [null, "", []],
      ["large", "", []],
    ]),
  );
});
