/**
 * A lane whose thread is gone tells whoever hands it a task, and lets nobody wait. One whose lease is over writes nothing
 * more, whether it has heard of it or not.
 */
import { lstatSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import { ThreadLane } from "../../src/lane/thread-lane.ts";
import { encodeItems } from "../../src/model/item-codec.ts";
import { LeaseTerm } from "../../src/model/lease-term.ts";
import type { Task } from "../../src/model/task.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { sampleEntry, sampleItem, sampleSpec } from "../report/sample-store.ts";
import { defaultOptions, never } from "../conformance/place.ts";
import { sampleTask } from "../testbed/sample-task.ts";
import { tempDir } from "../testbed/temp-dir.ts";

function laneBetween(source: string, target: string): ThreadLane {
  const spec = { ...sampleSpec, exclude: [], source: `file://${source}`, target: `file://${target}` };
  return new ThreadLane({ name: "lane-1", spec, open: defaultOptions }, new SharedArrayBuffer(SharedLimit.byteLength));
}

/** A pack of small files, which a lane writes without a pause. */
function packOf(source: string, count: number): Task {
  const items = Array.from({ length: count }, (_, index) => {
    const path = join(source, `small ${index}`);
    writeFileSync(path, `content ${index}`);
    const { ino, mtimeNs, ctimeNs, size } = lstatSync(path, { bigint: true });
    const entry = sampleEntry(`small ${index}`, Number(size));
    return sampleItem({ ...entry, version: { kind: "stat", inode: ino, mtimeNs, ctimeNs } });
  });
  return { ...sampleTask, items: encodeItems(items) };
}

test("a lane that could not open its places says so, and refuses tasks", async () => {
  await using lane = laneBetween(join(tempDir(), "gone"), tempDir());
  await expect(lane.opened).rejects.toMatchObject({ code: "source_missing" });
  await lane[Symbol.asyncDispose]();
  await expect(lane.run(sampleTask, () => undefined, never)).rejects.toMatchObject({ code: "lane_died" });
});

test("a lane writes while its lease runs, and nothing of what comes after its end, before anybody has told it", async () => {
  const [source, target] = [tempDir("source"), tempDir("target")];
  await using lane = laneBetween(source, target);
  await lane.opened;
  const task = packOf(source, 300);
  const term = new LeaseTerm();
  term.untilMs = systemClock.monotonicMs();
  await expect(lane.run(task, () => undefined, never, term)).rejects.toMatchObject({ code: "lease_lost" });
  expect(readdirSync(target)).toEqual([]);
  term.untilMs = systemClock.monotonicMs() + 60_000;
  await expect(lane.run(task, () => undefined, never, term)).resolves.toMatchObject({ type: "transferred" });
  expect(readdirSync(target)).toHaveLength(300);
});
