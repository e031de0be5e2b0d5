import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { placeText, placeUrl } from "./place.ts";

test("a path becomes an absolute file: URL, without slashes at its end", () => {
  expect(placeUrl("/srv/share/")).toBe("file:///srv/share");
  expect(placeUrl("tree")).toBe(pathToFileURL(resolve("tree")).href);
  expect(placeUrl("/")).toBe("file:///");
});

test("characters with a meaning in URLs stay part of the name", () => {
  for (const path of ["/a b", "/100%", "/a#b", "/a?b", "/line\nbreak", "/ä", "/a:b"]) {
    expect(placeText(placeUrl(path))).toBe(path);
  }
});

test("a file: URL is taken as it is, with or without slashes at its end", () => {
  expect(placeUrl("file:///srv/share/")).toBe("file:///srv/share");
  expect(placeUrl("file:///srv/%ff")).toBe("file:///srv/%ff");
});

test("a bucket may come with a prefix; one slash at its end does not matter", () => {
  expect(placeUrl("s3://bucket")).toBe("s3://bucket/");
  expect(placeUrl("s3://bucket/")).toBe("s3://bucket/");
  expect(placeUrl("s3://bucket/a/b/")).toBe("s3://bucket/a/b");
  expect(placeUrl("S3://bucket/a//b")).toBe("s3://bucket/a//b");
});

test.each(["", "s3://", "s3:///prefix", "ftp://host/path", "file:relative", "gs://bucket", "s3:bucket"])(
  "%j is no place",
  (typed) => {
    expect(() => placeUrl(typed)).toThrow(/^usage: /);
  },
);
