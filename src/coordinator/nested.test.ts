import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { overlaps, refuseNested } from "./nested.ts";
import { placeUrl } from "../model/place.ts";

let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "godwit-nested-"));
  mkdirSync(join(root, "share", "inner"), { recursive: true });
  mkdirSync(join(root, "share-2"));
  symlinkSync(join(root, "share"), join(root, "link"));
  symlinkSync("share/inner", join(root, "inner-link"));
});
afterAll(() => rmSync(root, { recursive: true }));

function place(name: string): string {
  return placeUrl(name.includes(":") ? name : join(root, name));
}

function refuse(source: string, target: string, deleting = false): void {
  refuseNested({ source: place(source), target: place(target), deleting });
}

describe("on file systems", () => {
  test.each([
    ["share", "share/copy"],
    ["share", "share/inner/not/there/yet"],
    ["share", "link/copy"],
    ["link", "share/copy"],
    ["share", "inner-link"],
    ["share", "share/../link/inner"],
  ])("%s to %s is refused: the target lies inside", (source, target) => {
    expect(() => refuse(source, target)).toThrow(/^target_inside_source: /);
  });

  test.each([
    ["share", "share"],
    ["share", "share/"],
    ["share", "link"],
    ["share/inner", "inner-link"],
  ])("%s to %s is refused: it is the same place", (source, target) => {
    expect(() => refuse(source, target)).toThrow(/^same_place: /);
  });

  test.each([
    ["share", "share-2"],
    ["share-2", "share"],
    ["share", "new/place"],
    ["share/inner", "share"],
    ["share", "s3://bucket/share"],
  ])("%s to %s is allowed", (source, target) => {
    expect(() => refuse(source, target)).not.toThrow();
  });

  test("the whole file system holds every target", () => {
    expect(() => refuseNested({ source: "file:///", target: placeUrl(root), deleting: false })).toThrow(
      /^target_inside/,
    );
  });

  test("--delete is refused where it would remove the source", () => {
    expect(() => refuse("share/inner", "share", true)).toThrow(/--delete would remove it/);
  });
});

describe("in buckets", () => {
  test.each([
    ["s3://bucket", "s3://bucket/copy"],
    ["s3://bucket/a", "s3://bucket/a/b"],
  ])("%s to %s is refused", (source, target) => {
    expect(() => refuse(source, target)).toThrow(/^target_inside_source: /);
  });

  test("prefixes that only begin alike are different places", () => {
    expect(() => refuse("s3://bucket/a", "s3://bucket/ab")).not.toThrow();
    expect(() => refuse("s3://bucket/a", "s3://bucket/a/")).toThrow(/^same_place: /);
  });
});

test("places overlap when one lies in the other", () => {
  expect(overlaps("s3://bucket/a", "s3://bucket/")).toBe(true);
  expect(overlaps("s3://bucket/", "s3://bucket/a")).toBe(true);
  expect(overlaps("s3://bucket/a", "s3://bucket/b")).toBe(false);
});
