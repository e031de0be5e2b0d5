/** A lane whose thread is gone: whoever hands it a task is told, and never waits. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { SharedLimit } from "../../src/decorators/rate-limit.ts";
import { ThreadLane } from "../../src/lane/thread-lane.ts";
import { encodeItems } from "../../src/model/item-codec.ts";
import { noReceipts, type Task } from "../../src/model/task.ts";
import { sampleSpec } from "../report/sample-store.ts";
import { defaultOptions, never } from "../conformance/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const lease = { chunkId: 1, worker: "w", epoch: 1, expiresAt: 0 };
const task: Task = {
  jobId: "job-1",
  chunkId: 1,
  kind: "pack",
  stage: "transfer",
  lease,
  items: encodeItems([]),
  staging: null,
  receipts: noReceipts,
  endings: [],
  prehash: null,
  attempt: 0,
  withheldBy: 0,
  ranges: null,
};

test("a lane that could not open its places says so, and refuses tasks", async () => {
  const gone = join(tempDir(), "gone");
  const spec = { ...sampleSpec, source: `file://${gone}`, target: `file://${tempDir()}` };
  await using lane = new ThreadLane(
    { name: "lane-1", spec, open: defaultOptions },
    new SharedArrayBuffer(SharedLimit.byteLength),
  );
  await expect(lane.opened).rejects.toMatchObject({ code: "source_missing" });
  await lane[Symbol.asyncDispose]();
  await expect(lane.run(task, () => undefined, never)).rejects.toMatchObject({ code: "lane_died" });
});
