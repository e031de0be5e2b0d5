/** A lane whose thread is gone: whoever hands it a task is told, and never waits. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import { ThreadLane } from "../../src/lane/thread-lane.ts";
import { sampleSpec } from "../report/sample-store.ts";
import { defaultOptions, never } from "../conformance/place.ts";
import { sampleTask } from "../testbed/sample-task.ts";
import { tempDir } from "../testbed/temp-dir.ts";

test("a lane that could not open its places says so, and refuses tasks", async () => {
  const gone = join(tempDir(), "gone");
  const spec = { ...sampleSpec, source: `file://${gone}`, target: `file://${tempDir()}` };
  await using lane = new ThreadLane(
    { name: "lane-1", spec, open: defaultOptions },
    new SharedArrayBuffer(SharedLimit.byteLength),
  );
  await expect(lane.opened).rejects.toMatchObject({ code: "source_missing" });
  await lane[Symbol.asyncDispose]();
  await expect(lane.run(sampleTask, () => undefined, never)).rejects.toMatchObject({ code: "lane_died" });
});
