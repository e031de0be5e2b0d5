import * as fc from "fast-check";
import { expect, test } from "vitest";
import { attributesOf, metadataOf } from "./attributes.ts";

const whole = fc.record({
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 31 - 1),
  gid: fc.nat(2 ** 31 - 1),
  mtimeNs: fc.bigInt(-(10n ** 18n), 10n ** 19n),
});

test("attributes survive as metadata, of files and of directories, before 1970 too", () => {
  fc.assert(
    fc.property(whole, fc.constantFrom("file" as const, "directory" as const), (attributes, kind) => {
      expect(attributesOf(metadataOf(attributes, kind), kind, 0)).toEqual(attributes);
    }),
  );
});

test("they have the names and forms that rclone reads", () => {
  const attributes = { mode: 0o644, uid: 1, gid: 2, mtimeNs: 1_500_000_000_123_456_789n };
  expect(metadataOf(attributes, "file")).toEqual({ mtime: "1500000000.123456789", mode: "100644", uid: "1", gid: "2" });
  expect(metadataOf({ ...attributes, mtimeNs: -1n }, "directory")).toMatchObject({
    mtime: "-0.000000001",
    mode: "40644",
  });
});

test("an object of rclone has a time, one of s3fs a decimal mode, and one of nobody has none", () => {
  expect(attributesOf({ mtime: "1.5" }, "file", 0)).toMatchObject({ mtimeNs: 1_500_000_000n, mode: 0o644 });
  expect(attributesOf({ mode: "33188", mtime: "7", uid: "3", gid: "4" }, "file", 0)).toEqual({
    mode: 0o644,
    uid: 3,
    gid: 4,
    mtimeNs: 7_000_000_000n,
  });
  expect(attributesOf({ mode: "0100600" }, "file", 12)).toMatchObject({ mode: 0o600, mtimeNs: 12_000_000n });
  expect(attributesOf({ color: "red" }, "file", 12)).toBeNull();
  expect(attributesOf({ mtime: "yesterday" }, "file", 12)).toBeNull();
});
