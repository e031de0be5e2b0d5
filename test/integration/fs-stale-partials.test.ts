import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../src/model/entry.ts";
import { noReceipts } from "../../src/model/task.ts";
import { never } from "../conformance/place.ts";
import { path, sampleBytes } from "../conformance/sample.ts";
import { fsPlace, type FsPlace, openMover } from "./fs-place.ts";

const content = sampleBytes(100_000, 5);
const gone = { code: "upload_vanished", disposition: "retry" };

/** Puts another file of the same size, time and mode in the place of the partial, as a stale worker would. */
function replacePartial({ to }: FsPlace, entry: Entry): void {
  const name = fs.readdirSync(to).find((found) => found.endsWith(".part"));
  const at = join(to, name ?? "no partial");
  const { mode } = fs.statSync(at);
  // Kept, so that its inode is not given again.
  fs.renameSync(at, join(to, "aside"));
  fs.writeFileSync(at, Buffer.alloc(content.length), { mode });
  const seconds = Number(entry.attributes?.mtimeNs ?? 0n) / 1e9;
  fs.utimesSync(at, seconds, seconds);
}

describe("a partial file that is not the one that was written and verified", () => {
  test("is not published in the place of a whole small file", async () => {
    const place = fsPlace();
    await place.source.put(path("file"), content, { mtimeNs: 1_700_000_000_000_000_000n });
    await using mover = await openMover(place);
    const entry = await mover.entry(path("file"));
    const work = mover.pack(entry);
    const { receipts } = await mover.transfer(work);
    replacePartial(place, entry);
    expect((await mover.publish(work, receipts)).refused).toMatchObject([{ item: 0, error: gone }]);
    expect(fs.existsSync(join(place.to, "file"))).toBe(false);

    const again = await mover.transfer(work);
    expect((await mover.publish(work, again.receipts)).refused).toEqual([]);
    expect(content.equals(fs.readFileSync(join(place.to, "file")))).toBe(true);
  });

  test("is neither written to nor published as a large file", async () => {
    const place = fsPlace();
    await place.source.put(path("file"), content);
    await using mover = await openMover(place);
    const entry = await mover.entry(path("file"));
    const item = mover.item(entry);
    const staging = await mover.target.prepare(mover.work("head", [item]), false, never);
    const range = mover.work("range", [item], staging);
    const { receipts } = await mover.transfer(range);
    replacePartial(place, entry);
    const writing = mover.transfer(range).catch((error: Error) => Promise.reject(error.cause as Error));
    await expect(writing).rejects.toMatchObject(gone);
    const parts = [{ chunkId: 1, offset: 0, length: content.length, receipts }];
    await expect(mover.publish(mover.work("head", [item], staging), noReceipts, parts)).rejects.toMatchObject(gone);
    expect(fs.existsSync(join(place.to, "file"))).toBe(false);
  });

  test("of the same size and time is not taken for published by a predecessor either", async () => {
    const place = fsPlace();
    await place.source.put(path("file"), content, { mtimeNs: 1_700_000_000_000_000_000n });
    await place.target.put(path("file"), Buffer.alloc(content.length), { mtimeNs: 1_700_000_000_000_000_000n });
    await using mover = await openMover(place);
    const work = mover.pack(await mover.entry(path("file")));
    const { receipts } = await mover.transfer(work);
    await place.target.loseStaged?.();
    expect((await mover.publish(work, receipts)).refused).toMatchObject([{ item: 0, error: gone }]);
  });
});

describe("a worker that writes late", () => {
  test("leaves a file that was published meanwhile with its own time", async () => {
    const place = fsPlace();
    const mtimeNs = 1_700_000_000_123_456_789n;
    await place.source.put(path("file"), content, { mtimeNs });
    await using mover = await openMover(place);
    const item = mover.item(await mover.entry(path("file")));
    const staging = await mover.target.prepare(mover.work("head", [item]), false, never);
    const range = mover.work("range", [item], staging);
    await mover.transfer(range);
    const partial = fs.readdirSync(place.to).find((name) => name.endsWith(".part")) ?? "none";
    const published = join(place.to, "file");
    // The successor's rename: for the late worker the partial's name is still there.
    fs.linkSync(join(place.to, partial), published);
    fs.utimesSync(published, 1, 1);
    await mover.transfer(range);
    expect(fs.statSync(published, { bigint: true }).mtimeNs).toBe(mtimeNs);
  });
});
