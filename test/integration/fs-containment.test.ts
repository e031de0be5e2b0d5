import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { never } from "../conformance/place.ts";
import { path } from "../conformance/sample.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fsPlace, openMover } from "./fs-place.ts";

describe("a directory as target is never left", () => {
  test("a directory that becomes a symlink between two tasks is refused at every step", async () => {
    const place = fsPlace();
    const outside = tempDir("outside");
    await place.source.put(path("dir/sub/file"), Buffer.from("secret"));
    await using mover = await openMover(place);
    const entry = await mover.entry(path("dir/sub/file"));
    const work = mover.pack(entry);
    const { receipts } = await mover.transfer(work);
    fs.renameSync(join(place.to, "dir"), join(place.to, "moved"));
    fs.mkdirSync(join(outside, "sub"));
    fs.symlinkSync(outside, join(place.to, "dir"));

    const escape = { code: "target_escape" };
    expect((await mover.publish(work, receipts)).refused).toMatchObject([{ error: escape }]);
    expect((await mover.transfer(work)).receipt.refused).toMatchObject([{ error: escape }]);
    expect((await mover.target.seal(work, new Set(), never)).refused).toMatchObject([{ error: escape }]);
    await expect(mover.target.prepare(mover.work("head", work.items), false, never)).rejects.toMatchObject(escape);
    await expect(mover.target.remove(path("dir/sub/file"), false, never)).rejects.toMatchObject(escape);
    expect(await mover.stored(work)).toEqual(["failed"]);
    expect(fs.readdirSync(join(outside, "sub"))).toEqual([]);
  });

  test("the root itself may be named through a symlink, and is made when it is missing", async () => {
    const base = tempDir("base");
    fs.mkdirSync(join(base, "real"));
    fs.symlinkSync(join(base, "real"), join(base, "link"));
    const place = fsPlace(tempDir("source"), join(base, "link", "new", "target"));
    await place.source.put(path("file"), Buffer.from("x"));
    await using mover = await openMover(place);
    await mover.moveAll();
    expect(fs.readFileSync(join(base, "real/new/target/file"), "utf8")).toBe("x");
  });

  test("a directory where a file goes, and a file where a directory goes, are conflicts and stay as they are", async () => {
    const place = fsPlace();
    await place.source.put(path("a"), Buffer.from("file"));
    await place.source.put(path("b/c"), Buffer.from("file"));
    await place.target.put(path("a/kept"), Buffer.from("kept"));
    await place.target.put(path("b"), Buffer.from("kept"));
    await using mover = await openMover(place);
    const conflict = { error: { code: "target_conflict", disposition: "rejected" } };
    const work = mover.pack(await mover.entry(path("a")), await mover.entry(path("b/c")));
    const { receipt, receipts } = await mover.transfer(work);
    expect(receipt.refused).toMatchObject([{ item: 1, ...conflict }]);
    const published = await mover.target.publish(
      { work, skip: new Set([1]), observed: null, ranges: null, receipts },
      never,
    );
    expect(published.refused).toMatchObject([{ item: 0, ...conflict }]);
    expect(fs.readFileSync(join(place.to, "a/kept"), "utf8")).toBe("kept");
    expect(fs.readFileSync(join(place.to, "b"), "utf8")).toBe("kept");
  });

  test("a staging name that somebody made a symlink is not written through", async () => {
    const place = fsPlace();
    const outside = join(tempDir("outside"), "victim");
    fs.writeFileSync(outside, "untouched");
    await place.source.put(path("file"), Buffer.from("bytes"));
    await using mover = await openMover(place);
    const head = mover.work("head", [mover.item(await mover.entry(path("file")))]);
    await mover.target.prepare(head, false, never);
    const [staging = "none"] = fs.readdirSync(place.to);
    fs.unlinkSync(join(place.to, staging));
    fs.symlinkSync(outside, join(place.to, staging));
    await expect(mover.target.prepare(head, false, never)).rejects.toMatchObject({ name: "GodwitError" });
    expect(
      (await mover.transfer(mover.pack(...head.items.map(({ entry }) => entry))).catch(() => null))?.receipt.refused ??
        [],
    ).not.toEqual([null]);
    expect(fs.readFileSync(outside, "utf8")).toBe("untouched");
  });

  test("missing sources and targets that are files are named before anything is done", async () => {
    const base = tempDir("base");
    fs.writeFileSync(join(base, "file"), "x");
    await expect(openMover(fsPlace(join(base, "none")))).rejects.toMatchObject({ code: "source_missing" });
    await expect(openMover(fsPlace(join(base, "file")))).rejects.toMatchObject({ code: "source_missing" });
    await expect(openMover(fsPlace(base, join(base, "file")))).rejects.toMatchObject({ code: "target_not_directory" });
    await expect(openMover(fsPlace(base, join(base, "file", "below")))).rejects.toMatchObject({
      code: "target_not_directory",
    });
  });
});
