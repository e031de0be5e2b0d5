import { stat } from "node:fs";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  listed,
  sampleEntry,
  sampleItem,
  sampleJob,
  sampleJobId,
  sampleRow,
  sampleStore,
  sampleVerdict,
} from "../../test/report/sample-store.ts";
import type { ReportStore } from "./build.ts";
import { openSigningKey } from "./keys.ts";
import { reportJsonSchema, reportSchema } from "./schema.ts";
import type { SigningKey } from "./signature.ts";
import { verifyReport } from "./verify.ts";
import { writeReport, writeReportFile } from "./write.ts";

let directory: string;
let key: SigningKey;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "godwit-report-"));
  key = await openSigningKey(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("a report is one JSON document of the documented shape", async () => {
  const path = join(directory, "shape.json");
  const { body } = await writeReportFile(path, { store: sampleJob(), jobId: sampleJobId, format: "json", key });
  const document = reportSchema.parse(JSON.parse(await readFile(path, "utf8")));
  expect(document.entries).toHaveLength(11);
  expect(document.body).toEqual(body);
  const schema = reportJsonSchema() as { readonly required: readonly string[]; readonly additionalProperties: boolean };
  expect(schema.required).toEqual([
    "godwit_report",
    "exceptions",
    "verdicts",
    "attempts",
    "entries",
    "deletions",
    "body",
    "signature",
  ]);
  expect(schema.additionalProperties).toBe(false);
});

test("an empty job gives a whole report too", async () => {
  const path = join(directory, "empty.json");
  await writeReportFile(path, { store: sampleStore({ rows: () => [] }), jobId: sampleJobId, format: "json", key });
  expect((await verifyReport(path)).body).toMatchObject({ overall_status: "pass", merkle: { leaves: 0 } });
});

test("a job that has ended gives the same bytes each time", async () => {
  const paths = [join(directory, "one.json"), join(directory, "two.json")] as const;
  for (const path of paths)
    await writeReportFile(path, { store: sampleJob(), jobId: sampleJobId, format: "json", key });
  expect(await readFile(paths[0])).toEqual(await readFile(paths[1]));
});

test("an unknown job is refused by name", async () => {
  const out = new Writable();
  await expect(writeReport({ store: sampleJob(), jobId: "none", format: "json", key, out })).rejects.toMatchObject({
    code: "job_unknown",
  });
});

test("a report that fails half-way leaves the old file as it was and nothing beside it", async () => {
  const folder = await mkdtemp(join(directory, "half-"));
  const path = join(folder, "report.json");
  await writeFile(path, "old");
  const store: ReportStore = {
    ...sampleJob(),
    // oxlint-disable-next-line require-await, require-yield
    async *attempts() {
      throw new Error("the disk is gone");
    },
  };
  await expect(writeReportFile(path, { store, jobId: sampleJobId, format: "json", key })).rejects.toThrow(
    "the disk is gone",
  );
  expect(await readdir(folder)).toEqual(["report.json"]);
  expect(await readFile(path, "utf8")).toBe("old");
});

test("a place that cannot be written is an error with a code", async () => {
  const path = join(directory, "absent", "report.json");
  const request = { store: sampleJob(), jobId: sampleJobId, format: "json", key } as const;
  await expect(writeReportFile(path, request)).rejects.toMatchObject({ code: "target_unwritable" });
});

function manyEntries(count: number, perRow: number): ReportStore {
  const items = Array.from({ length: perRow }, (_, at) => sampleItem(sampleEntry(`some/directory/file-${at}`, 10)));
  const row = sampleRow(1, { items });
  return sampleStore({
    rows: function* rows() {
      for (let chunkId = 1; chunkId <= count / perRow; chunkId += 1) yield { ...row, chunkId };
    },
    verdicts: function* verdicts() {
      for (let chunkId = 1; chunkId <= count / perRow; chunkId += 1) yield sampleVerdict(chunkId);
    },
    counters: { ...listed(count, count * 10), "entries:verified": count, "bytes:verified": count * 10 },
  });
}

test("a slow reader is waited for: no more than it takes is made", async () => {
  let taken = 0;
  let inFlight = 0;
  let inFlightMax = 0;
  const out = new Writable({
    highWaterMark: 16_384,
    write(piece: Buffer, _encoding, done) {
      inFlight += 1;
      inFlightMax = Math.max(inFlightMax, out.writableLength);
      stat(directory, () => {
        inFlight -= 1;
        taken += piece.length;
        done();
      });
    },
  });
  const { body } = await writeReport({
    store: manyEntries(20_000, 1000),
    jobId: sampleJobId,
    format: "json",
    key,
    out,
  });
  expect(body.sections.entries.lines).toBe(20_000);
  expect(taken).toBeGreaterThan(3_000_000);
  expect(inFlightMax).toBeLessThan(200_000);
  expect(inFlight).toBeLessThan(2);
});

test("a reader that goes away ends the writing with its error", async () => {
  const out = new Writable({
    highWaterMark: 1000,
    write(_piece, _encoding, done) {
      done(Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
    },
  });
  await expect(
    writeReport({ store: manyEntries(10_000, 1000), jobId: sampleJobId, format: "json", key, out }),
  ).rejects.toMatchObject({ code: "EPIPE" });
  const closed = new Writable({
    highWaterMark: 1000,
    write() {
      stat(directory, () => closed.destroy());
    },
  });
  await expect(
    writeReport({ store: manyEntries(10_000, 1000), jobId: sampleJobId, format: "json", key, out: closed }),
  ).rejects.toMatchObject({ code: "EPIPE" });
});

/** What is really held, not what the collector has not looked at yet. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test("memory does not grow with the entries: a million are written and checked in what a hundred thousand need", async () => {
  const count = 1_000_000;
  const perRow = 4000;
  const held: number[] = [];
  const many = manyEntries(count, perRow);
  const store: ReportStore = {
    ...many,
    chunks: async function* chunks(jobId) {
      let rows = 0;
      for await (const row of many.chunks(jobId)) {
        rows += 1;
        if (rows % 25 === 0) held.push(heldBytes());
        yield row;
      }
    },
  };
  const path = join(directory, "million.json");
  const { body } = await writeReportFile(path, { store, jobId: sampleJobId, format: "json", key });
  expect(body).toMatchObject({ overall_status: "pass", sections: { entries: { lines: count } } });
  expect(held).toHaveLength(10);
  expect(Math.max(...held) - (held[0] as number)).toBeLessThan(8_000_000);

  const before = heldBytes();
  let peak = before;
  const verifying = verifyReport(path);
  const state = { isDone: false };
  void verifying.finally(() => (state.isDone = true));
  for (let turn = 0; !state.isDone; turn += 1) {
    await access(directory);
    if (turn % 20 === 0) peak = Math.max(peak, heldBytes());
  }
  expect(await verifying).toMatchObject({ intact: true });
  expect(peak - before).toBeLessThan(24_000_000);
}, 300_000);
