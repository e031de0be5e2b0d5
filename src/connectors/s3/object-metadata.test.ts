import { expect, test } from "vitest";
import type { ObjectHead } from "./client-objects.ts";
import { objectMetadata, sentWith } from "./object-metadata.ts";

function headOf(
  headers: Readonly<Record<string, string>>,
  metadata: Readonly<Record<string, string>> = {},
): ObjectHead {
  return { headers: new Map(Object.entries(headers)), metadata } as unknown as ObjectHead;
}

test("what says how the bytes are served is taken, and nothing else of an answer", () => {
  const answered = { "content-type": "text/html", expires: "never", etag: '"e"', "content-length": "5", server: "s" };
  expect(objectMetadata(headOf(answered), "file").headers).toEqual({ "content-type": "text/html", expires: "never" });
});

test.for([
  ["nothing at all", {}, {}],
  ["the type of any bytes", { "content-type": "binary/octet-stream" }, {}],
  ["attributes, as godwit or rclone write them", { "content-type": "application/octet-stream" }, { mtime: "1.5" }],
] as const)("%s is plain: without it nothing is lost", ([, headers, metadata]) => {
  expect(objectMetadata(headOf(headers, metadata), "file")).toMatchObject({ isPlain: true, isPartial: false });
});

test.for([
  ["a type", { "content-type": "text/html" }, {}],
  ["how long it may be kept", { "cache-control": "no-store" }, {}],
  ["a word of the user's", {}, { colour: "red" }],
  ["a time that no file could have", {}, { mtime: "yesterday" }],
] as const)("%s is lost where it is not kept", ([, headers, metadata]) => {
  expect(objectMetadata(headOf(headers, metadata), "file")).toMatchObject({ isPlain: false, isPartial: false });
});

test("the type of a directory's marker says nothing of its own", () => {
  const head = headOf({ "content-type": "application/x-directory; charset=UTF-8" });
  expect(objectMetadata(head, "directory").isPlain).toBe(true);
  expect(objectMetadata(head, "file").isPlain).toBe(false);
});

test.for([
  ["tags", { "x-amz-tagging-count": "2" }, {}],
  ["names that stand in no header", { "x-amz-missing-meta": "1" }, {}],
  ["a redirection", { "x-amz-website-redirect-location": "/other" }, {}],
  ["text that no request may carry", {}, { name: "\u00c3\u00a4" }],
] as const)("%s cannot be carried, and the rest is", ([, headers, metadata]) => {
  const found = objectMetadata(headOf({ ...headers, "content-type": "text/html" }, { ...metadata, a: "b" }), "file");
  const carried = { headers: { "content-type": "text/html" }, user: { a: "b" } };
  expect(found).toEqual({ ...carried, isPlain: false, isPartial: true });
});

test.for([
  ["aws-chunked", undefined],
  ["aws-chunked,gzip", "gzip"],
  ["gzip", "gzip"],
] as const)("of the encoding %s the part that was only on the way is left off", ([encoding, kept]) => {
  expect(objectMetadata(headOf({ "content-encoding": encoding }), "file").headers["content-encoding"]).toBe(kept);
});

test("what a store keeps is sent as it is; of anything else the attributes are", () => {
  const attributes = { mode: 0o640, uid: 1, gid: 2, mtimeNs: 1_500_000_000n };
  const kept = objectMetadata(headOf({ "content-type": "text/html" }, { mtime: "1.5", colour: "red" }), "file");
  expect(sentWith(attributes, "file", kept)).toEqual({
    metadata: { mtime: "1.5", colour: "red" },
    contentHeaders: { "content-type": "text/html" },
  });
  expect(sentWith(attributes, "file", undefined)).toEqual({
    metadata: { mtime: "1.500000000", mode: "100640", uid: "1", gid: "2" },
    contentHeaders: {},
  });
});
