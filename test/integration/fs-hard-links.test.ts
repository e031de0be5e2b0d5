import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { path } from "../conformance/sample.ts";
import { asPlainUser, godwit } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fsPlace, openMover } from "./fs-place.ts";

describe("a hard link whose file did not arrive", () => {
  test("ends failed, and what stands under its name stays", async () => {
    const [source, target, state] = [tempDir("source"), tempDir("target"), tempDir("state")];
    fs.writeFileSync(join(source, "a"), "new");
    fs.linkSync(join(source, "a"), join(source, "b"));
    fs.chmodSync(join(source, "a"), 0o000);
    fs.writeFileSync(join(target, "a"), "old");
    fs.utimesSync(join(target, "a"), 1_600_000_000, 1_600_000_000);
    fs.writeFileSync(join(target, "b"), "good");
    const end = await godwit(["copy", source, target, "--json"], { state, through: asPlainUser });
    expect(end.exitCode, end.stderr).toBe(1);
    const { outcomes } = JSON.parse(end.stdout) as { outcomes: Record<string, { entries: number }> };
    expect([outcomes["verified"]?.entries, outcomes["failed"]?.entries], "the root; the file and its link").toEqual([
      1, 2,
    ]);
    expect(end.stderr).toMatch(/target_missing: failed: b: /);
    expect(fs.readFileSync(join(target, "b"), "utf8")).toBe("good");
    expect(fs.readdirSync(target)).toEqual(["a", "b"]);
  });

  test("is not made to a symlink that has the name of its file", async () => {
    const place = fsPlace();
    await place.source.put(path("a"), Buffer.from("x"));
    await place.source.hardLink?.(path("a"), path("b"));
    await place.target.put(path("other"), Buffer.from("x"));
    fs.symlinkSync("other", join(place.to, "a"));
    const { atimeMs, mtimeMs } = fs.statSync(join(place.from, "a"));
    fs.lutimesSync(join(place.to, "a"), atimeMs / 1_000, mtimeMs / 1_000);
    await using mover = await openMover(place);
    const { receipt } = await mover.transfer(mover.work("links", [mover.item(await mover.entry(path("b")))]));
    expect(receipt.refused).toMatchObject([{ item: 0, error: { code: "target_missing" } }]);
    expect(await place.target.names()).toEqual(["a", "other"]);
  });
});
