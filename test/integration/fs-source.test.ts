import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { frameBytes } from "../../src/connectors/fs/frame-order.ts";
import { native } from "../../src/connectors/fs/native.ts";
import type { ReadBudget } from "../../src/ports/source.ts";
import { never } from "../conformance/place.ts";
import { path, sampleBytes } from "../conformance/sample.ts";
import { describeWithTools } from "../testbed/suites.ts";
import { becomeNobody, becomeRoot, fsPlace, isRoot, openMover, openToAll } from "./fs-place.ts";

const unlimited: ReadBudget = {
  request: () => ({ answered: () => undefined, [Symbol.dispose]: () => undefined }),
  stepBytes: (most) => most,
};

describe("what a source cannot give", () => {
  test("pipes and sockets are unsupported by name, staging names of ours are not listed at all", async () => {
    const place = fsPlace();
    execFileSync("mkfifo", [join(place.from, "pipe")]);
    await place.source.put(path(".godwit.0123456789abcdef0123456789abcdef.part"), Buffer.from("ours"));
    await place.source.put(path(".godwit.0123456789ABCDEF0123456789abcdef.part"), Buffer.from("not ours"));
    await using mover = await openMover(place);
    const [page] = await mover.pages();
    expect(page?.entries.map((entry) => entry.path)).toEqual(["", ".godwit.0123456789ABCDEF0123456789abcdef.part"]);
    expect(page?.problems).toMatchObject([
      { path: "pipe", outcome: "unsupported", error: { code: "kind_unsupported" } },
    ]);
  });

  test.skipIf(!isRoot)("a directory that cannot be listed fails the listing, it is never empty", async () => {
    const place = fsPlace();
    openToAll(place.from);
    await place.source.put(path("open/file"), Buffer.from("x"));
    await place.source.put(path("shut/file"), Buffer.from("x"));
    fs.chmodSync(join(place.from, "shut"), 0o700);
    await using mover = await openMover(place);
    becomeNobody();
    const failure = { code: "listing_failed", disposition: "fatal", what: expect.stringContaining("shut") };
    await expect(mover.pages()).rejects.toMatchObject(failure);
    becomeRoot();
    // Listable, but its entries cannot be looked at.
    fs.chmodSync(join(place.from, "shut"), 0o744);
    becomeNobody();
    await expect(mover.pages()).rejects.toMatchObject(failure);
  });

  test.skipIf(!isRoot)("an unreadable file ends failed, and the others are read", async () => {
    const place = fsPlace();
    openToAll(place.from);
    await place.source.put(path("a"), Buffer.from("a"), { mode: 0o600 });
    await place.source.put(path("b"), Buffer.from("b"), { mode: 0o644 });
    await using mover = await openMover(place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    becomeNobody();
    const ends = await Array.fromAsync(mover.source.read({ work, from: 0, skip: new Set() }, never));
    expect(ends).toMatchObject([
      { item: 0, end: { outcome: "failed", error: { code: "unreadable", disposition: "rejected" } } },
      { item: 1, offset: 0 },
      { item: 1, end: { outcome: "read" } },
    ]);
  });

  test("a file that became a symlink or a pipe is another version, and never read through", async () => {
    const place = fsPlace();
    await place.source.put(path("secret"), Buffer.from("secret"));
    for (const name of ["a", "b"]) await place.source.put(path(name), Buffer.from("plain"));
    await using mover = await openMover(place);
    const work = mover.pack(await mover.entry(path("a")), await mover.entry(path("b")));
    for (const name of ["a", "b"]) fs.unlinkSync(join(place.from, name));
    fs.symlinkSync("secret", join(place.from, "a"));
    execFileSync("mkfifo", [join(place.from, "b")]);
    const ends = await Array.fromAsync(mover.source.read({ work, from: 0, skip: new Set() }, never));
    expect(ends).toMatchObject([
      { item: 0, end: { outcome: "changed", now: { kind: "symlink" } } },
      { item: 1, end: { outcome: "changed", now: null } },
    ]);
  });
});

describe("links", () => {
  test("followed links give what they point to, loops and dead ends are problems", async () => {
    const place = fsPlace();
    await place.source.put(path("tree/file"), Buffer.from("content"));
    fs.symlinkSync("tree", join(place.from, "also"));
    fs.symlinkSync("tree/file", join(place.from, "file-link"));
    fs.symlinkSync("..", join(place.from, "tree/up"));
    fs.symlinkSync("nowhere", join(place.from, "dead"));
    fs.symlinkSync("self", join(place.from, "self"));
    await using mover = await openMover(place, { links: "follow" });
    const pages = await mover.pages();
    const entries = pages.flatMap((page) => page.entries);
    expect(entries.map((entry) => [entry.path, entry.kind])).toEqual([
      ["", "directory"],
      ["also", "directory"],
      ["also/file", "file"],
      ["file-link", "file"],
      ["tree", "directory"],
      ["tree/file", "file"],
    ]);
    const problems = pages.flatMap((page) => page.problems).map((problem) => [problem.path, problem.outcome]);
    expect(problems).toEqual([
      ["also/up", "failed"],
      ["dead", "failed"],
      ["self", "failed"],
      ["tree/up", "failed"],
    ]);
    const [, , , fileLink] = entries;
    if (fileLink === undefined) throw new Error("listed above");
    expect((await mover.transfer(mover.pack(fileLink))).ends.get(0)?.outcome).toBe("read");
  });

  test("hard links whose first name is filtered out make their next name the file", async () => {
    const place = fsPlace();
    await place.source.put(path("a/first"), sampleBytes(100, 1));
    for (const name of ["b/second", "c/third"]) await place.source.hardLink?.(path("a/first"), path(name));
    await using mover = await openMover(place, { exclude: ["a/"] });
    const found = (await mover.list()).filter(({ kind }) => kind !== "directory");
    expect(found.map((entry) => [entry.path, entry.kind, entry.link])).toEqual([
      ["b/second", "file", null],
      ["c/third", "hardlink", "b/second"],
    ]);
    expect((await mover.list("b/second")).filter(({ kind }) => kind === "hardlink")).toMatchObject([
      { path: "c/third", link: "b/second" },
    ]);
  });
});

describe("a list of files", () => {
  test.for([
    ["one a line", "\n"],
    ["NUL-separated", "\0"],
  ] as const)("%s: in listing order, with the directories on the way, what is missing named", async ([, separator]) => {
    const place = fsPlace();
    for (const name of ["z", "d/x", "d/y", "d.a", "e/skip"]) await place.source.put(path(name), Buffer.from(name));
    fs.symlinkSync("d", join(place.from, "link"));
    const list = join(place.to, "list");
    fs.writeFileSync(list, ["z", "./d/x", "gone/file", "d/", "link/x", "d.a", "/z", ""].join(separator));
    await using mover = await openMover(place, { filesFrom: list });
    const pages = await mover.pages();
    expect(pages.flatMap((page) => page.entries).map((entry) => entry.path)).toEqual(["", "d.a", "d", "d/x", "z"]);
    expect(pages.flatMap((page) => page.problems).map((problem) => [problem.path, problem.outcome])).toEqual([
      ["gone", "vanished"],
      ["gone/file", "vanished"],
      ["link", "failed"],
      ["link/x", "failed"],
    ]);
    expect((await mover.list("d/")).map((entry) => entry.path)).toEqual(["d/x", "z"]);
  });

  test("that leads outside is refused", async () => {
    const place = fsPlace();
    const list = join(place.to, "list");
    fs.writeFileSync(list, "../etc/passwd\n");
    await using mover = await openMover(place, { filesFrom: list });
    await expect(mover.pages()).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describeWithTools("what is in memory of a file", ["fincore"], () => {
  test("under a limit the system reads of a file what is asked for, and nothing ahead of it", async (context) => {
    const place = fsPlace();
    const bytes = 32 * 2 ** 20;
    await place.source.put(path("large"), Buffer.alloc(bytes, 1));
    const file = join(place.from, "large");
    const cached = (): number => Number(execFileSync("fincore", ["-bno", "RES", file], { encoding: "utf8" }));
    await using mover = await openMover(place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    const readOne = async (stepBytes: number): Promise<number> => {
      const fd = fs.openSync(file, "r");
      fs.fsyncSync(fd);
      native?.dropCached(fd, 0, bytes);
      fs.closeSync(fd);
      const budget = { ...unlimited, stepBytes: (most: number) => Math.min(most, stepBytes) };
      for await (const frame of mover.source.read({ work, from: 0, skip: new Set(), budget }, never)) {
        if ("offset" in frame) return cached();
      }
      throw new Error("nothing was read");
    };
    const ahead = await readOne(bytes);
    if (ahead === bytes) context.skip("the folder of tests lies in memory, where nothing is read ahead");
    expect(ahead).toBeGreaterThan(frameBytes);
    expect(await readOne(65_536)).toBe(frameBytes);
  });
});
