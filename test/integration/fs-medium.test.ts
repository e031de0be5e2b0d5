import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { noReceipts } from "../../src/model/task.ts";
import { never } from "../conformance/place.ts";
import { path, sampleBytes } from "../conformance/sample.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fsPlace, isRoot, openMover } from "./fs-place.ts";

function bytesFromStorage(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(fs.readFileSync("/proc/self/io", "utf8"))?.[1]);
}

/** fincore counts the pages of a file that are in memory. */
function bytesCached(file: string): number {
  return Number(execFileSync("fincore", ["--bytes", "--noheadings", "--output", "res", file], { encoding: "utf8" }));
}

function mountTmpfs(megabytes: number, directory = tempDir("tmpfs")): string {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory]);
  onTestFinished(() => void execFileSync("umount", ["-l", directory]));
  return directory;
}

describe("read-back", () => {
  test("with fsync every byte comes from the medium, also of small and of oddly long files", async () => {
    const place = fsPlace();
    const sizes = [0, 1, 511, 4_096, 4_097, 1_048_575, 9_000_001];
    for (const size of sizes)
      await place.source.put(path(`f${String(size).padStart(9, "0")}`), sampleBytes(size, size + 1));
    await using mover = await openMover(place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    const { receipts } = await mover.transfer(work);
    const before = bytesFromStorage();
    const stored = await mover.stored(work, receipts);
    expect(mover.target.readFrom).toBe("medium");
    expect(bytesFromStorage() - before).toBeGreaterThanOrEqual(sizes.reduce((sum, size) => sum + size));
    for (const [index, size] of sizes.entries())
      expect(sampleBytes(size, size + 1).equals(stored[index] as Buffer), `${size}`).toBe(true);
  });

  test.for(["fsync", "none"] as const)("of a large file leaves its pages to others (%s)", async (durability) => {
    const place = fsPlace();
    const length = 24 * 1024 * 1024;
    await place.source.put(path("file"), sampleBytes(length, 3));
    await using mover = await openMover(place, { durability });
    const entry = await mover.entry(path("file"));
    const head = mover.work("head", [mover.item(entry)]);
    const staging = await mover.target.prepare(head, false, never);
    const range = mover.work("range", [mover.item(entry)], staging);
    const { receipts } = await mover.transfer(range);
    const partial = join(place.to, fs.readdirSync(place.to).find((name) => name.endsWith(".part")) ?? "none");
    expect(bytesCached(partial), "just written").toBe(length);
    // Without fsync the disk is still writing: a page goes once it is there.
    await expect
      .poll(
        async () => {
          await mover.stored(range, receipts);
          return bytesCached(partial);
        },
        { timeout: 10_000 },
      )
      .toBe(0);
  });

  test("frames that begin between two blocks of the disk come from the medium too", async () => {
    const place = fsPlace();
    await place.source.put(path("file"), sampleBytes(100_000, 3));
    await using mover = await openMover(place);
    const entry = await mover.entry(path("file"));
    const work = mover.work("pack", [{ ...mover.item(entry), blockBytes: 1_001 }]);
    const { receipts } = await mover.transfer(work);
    expect(sampleBytes(100_000, 3).equals((await mover.stored(work, receipts))[0] as Buffer)).toBe(true);
    expect(mover.target.readFrom).toBe("medium");
  });

  test.for([{ durability: "none" }, { verify: "checksum" }] as const)("with %o it says cache", async (options) => {
    const place = fsPlace();
    await place.source.put(path("file"), sampleBytes(100_000, 3));
    await using mover = await openMover(place, options);
    const work = mover.pack(await mover.entry(path("file")));
    const { receipts } = await mover.transfer(work);
    expect(sampleBytes(100_000, 3).equals((await mover.stored(work, receipts))[0] as Buffer)).toBe(true);
    expect(mover.target.readFrom).toBe("cache");
  });

  test.skipIf(!isRoot)("on a file system in memory that is mounted inside the target it says cache", async () => {
    const target = tempDir("target");
    const place = fsPlace(tempDir("source"), target);
    await place.source.put(path("inside/file"), sampleBytes(100_000, 3));
    fs.mkdirSync(join(target, "inside"));
    mountTmpfs(16, join(target, "inside"));
    await using mover = await openMover(place);
    const work = mover.pack(await mover.entry(path("inside/file")));
    const { receipts } = await mover.transfer(work);
    expect(sampleBytes(100_000, 3).equals((await mover.stored(work, receipts))[0] as Buffer)).toBe(true);
    expect(mover.target.readFrom).toBe("cache");
  });

  test.skipIf(!isRoot)("on a file system in memory it says cache", async () => {
    const place = fsPlace(tempDir("source"), mountTmpfs(16));
    await place.source.put(path("file"), sampleBytes(100_000, 3));
    await using mover = await openMover(place);
    const work = mover.pack(await mover.entry(path("file")));
    const { receipts } = await mover.transfer(work);
    expect(sampleBytes(100_000, 3).equals((await mover.stored(work, receipts))[0] as Buffer)).toBe(true);
    expect(mover.target.readFrom).toBe("cache");
  });
});

describe.skipIf(!isRoot)("a full disk", () => {
  test("is seen before a large entry is begun", async () => {
    const place = fsPlace(tempDir("source"), mountTmpfs(8));
    await place.source.put(path("large"), sampleBytes(20_000_000, 3));
    await using mover = await openMover(place);
    const head = mover.work("head", [mover.item(await mover.entry(path("large")))]);
    await expect(mover.target.prepare(head, false, never)).rejects.toMatchObject({
      code: "disk_full",
      disposition: "fatal",
    });
    expect(await place.target.names()).toEqual([]);
  });

  test("stops the chunk, and the same chunk goes on when there is room", async () => {
    const place = fsPlace(tempDir("source"), mountTmpfs(8));
    fs.writeFileSync(join(place.to, "ballast"), Buffer.alloc(5_000_000, 1));
    for (const name of ["a", "b", "c"]) await place.source.put(path(name), sampleBytes(1_500_000, name.charCodeAt(0)));
    await using mover = await openMover(place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    const attempt = mover.transfer(work).catch((error: Error) => Promise.reject(error.cause as Error));
    await expect(attempt).rejects.toMatchObject({ code: "disk_full", disposition: "fatal" });
    fs.unlinkSync(join(place.to, "ballast"));
    const { receipt, receipts } = await mover.transfer(work);
    expect(receipt.refused).toEqual([]);
    await mover.publish(work, receipts);
    for (const name of ["a", "b", "c"])
      expect(await place.target.read(path(name))).toEqual(sampleBytes(1_500_000, name.charCodeAt(0)));
  });
});

describe("sparse files", () => {
  test("stay sparse, whole ones and those in ranges, and a repaired range has no stale bytes", async () => {
    const place = fsPlace();
    for (const [name, at] of [
      ["small", 3_000_000],
      ["large", 15_000_000],
    ] as const) {
      const fd = fs.openSync(join(place.from, name), "w");
      fs.writeSync(fd, sampleBytes(8_192, 9), 0, 8_192, at);
      fs.ftruncateSync(fd, at * 2);
      fs.closeSync(fd);
    }
    await using mover = await openMover(place);
    const small = mover.pack(await mover.entry(path("small")));
    await mover.publish(small, (await mover.transfer(small)).receipts);
    const entry = await mover.entry(path("large"));
    expect(entry.sparse).toBe(true);
    const head = mover.work("head", [mover.item(entry)]);
    const staging = await mover.target.prepare(head, false, never);
    // What an earlier attempt of another mind may have left where zeros belong.
    const partial = fs.readdirSync(place.to).find((name) => name.endsWith(".part")) ?? "none";
    const stale = fs.openSync(join(place.to, partial), "r+");
    fs.writeSync(stale, Buffer.alloc(4_096, 7), 0, 4_096, 1_048_576);
    fs.closeSync(stale);
    const { receipts } = await mover.transfer(mover.work("range", [mover.item(entry)], staging));
    await mover.publish({ ...head, staging }, receipts, []);
    for (const name of ["small", "large"]) {
      const isEqual = fs.readFileSync(join(place.to, name)).equals(fs.readFileSync(join(place.from, name)));
      expect([name, isEqual]).toEqual([name, true]);
      expect(fs.statSync(join(place.to, name)).blocks * 512).toBeLessThanOrEqual(65_536);
    }
  });
});

describe("a target that cannot be read back", () => {
  test("is named by the entry whose bytes did not come", async () => {
    // A regular file at whose start nothing is mapped: EIO.
    const place = { ...fsPlace(), targetUrl: "file:///proc/self" };
    await place.source.put(path("mem"), Buffer.from("bytes"));
    await using mover = await openMover(place);
    const work = mover.pack(await mover.entry(path("mem")));
    const request = { work, receipts: noReceipts, skip: new Set<number>(), published: true };
    expect(await Array.fromAsync(mover.target.readBack(request, never))).toMatchObject([
      { end: { outcome: "failed", error: { code: "unreadable", what: "mem cannot be read (EIO)" } } },
    ]);
  });
});
