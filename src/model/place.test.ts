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

test("a file: URL may say that its host is this one", () => {
  expect(placeUrl("file://localhost/srv/share")).toBe("file:///srv/share");
  expect(placeUrl("file:/srv/share")).toBe("file:///srv/share");
  expect(placeUrl("FILE://LocalHost/srv")).toBe("file:///srv");
});

test.each([
  "file://nas/srv/share",
  "file://srv/share",
  "file://user@nas/share",
  "file://nas:80/share",
  "file://a b/share",
])("%j names another host, and is refused before anything is opened", (typed) => {
  const says = {
    code: "usage",
    what: `${typed} names a host; a file: URL is of this machine: its host is empty or localhost`,
    hint: "Write file:///absolute/path with three slashes, or the plain path. Mount what another machine has.",
  };
  expect(() => placeUrl(typed)).toThrow(expect.objectContaining(says));
});

test("a bucket may come with a prefix; one slash at its end does not matter", () => {
  expect(placeUrl("s3://bucket")).toBe("s3://bucket/");
  expect(placeUrl("s3://bucket/")).toBe("s3://bucket/");
  expect(placeUrl("s3://bucket/a/b/")).toBe("s3://bucket/a/b");
  expect(placeUrl("S3://bucket/a//b")).toBe("s3://bucket/a//b");
});

test.each([
  "",
  "s3://",
  "s3:///prefix",
  "ftp://host/path",
  "file:relative",
  "file://",
  "file://localhost",
  "gs://bucket",
  "s3:bucket",
])("%j is no place", (typed) => {
  expect(() => placeUrl(typed)).toThrow(/^usage: /);
});
