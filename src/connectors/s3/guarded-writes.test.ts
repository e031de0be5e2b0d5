import { hash } from "node:crypto";
import { expect, test } from "vitest";
import type { ErrorCode } from "../../base/errors.ts";
import type { S3Client } from "./client.ts";
import { S3Error } from "./client-errors.ts";
import type { ObjectHead } from "./client-objects.ts";
import type { Condition } from "./client-shape.ts";
import { GuardedWrites } from "./guarded-writes.ts";

const signal = new AbortController().signal;
const body = Buffer.from("what is sent");
const sent = { metadata: { mtime: "1.5" }, contentHeaders: { "content-type": "text/html", expires: "never" } };
const input = { key: "k", body, sha256: hash("sha256", body, "buffer"), ...sent };
const written = { etag: '"new"', versionId: null, checksumSha256: null };

function refusal(code: ErrorCode, status: number, s3Code: string): S3Error {
  return new S3Error({ code, disposition: "rejected", hint: "" }, { what: "planted", status, s3Code });
}
const failed = refusal("condition_failed", 412, "PreconditionFailed");
const missing = refusal("source_vanished", 404, "NoSuchKey");
const unknown = refusal("store_answer_invalid", 501, "NotImplemented");
const gone = refusal("upload_vanished", 404, "NoSuchUpload");

function headOf(more: Partial<ObjectHead>): ObjectHead {
  const head = { etag: '"other"', bytes: body.length, versionId: null, metadata: { mtime: "1.5" }, checksums: {} };
  const headers = new Map([["content-type", "text/html"]]);
  return { ...head, headers, checksumType: null, ...more } as ObjectHead;
}

interface Store {
  readonly writes: GuardedWrites;
  readonly conditions: Condition[];
  heads: number;
}

/** A store that answers each write in turn (the last for good), and shows one object. */
function store(answers: readonly (S3Error | null)[], head: ObjectHead | null = null): Store {
  const conditions: Condition[] = [];
  const write = async ({ ifNoneMatch, ifMatch }: Condition): Promise<typeof written> => {
    conditions.push({ ...(ifNoneMatch && { ifNoneMatch }), ...(ifMatch !== undefined && { ifMatch }) });
    const answer = answers[Math.min(conditions.length, answers.length) - 1] ?? null;
    if (answer !== null) throw answer;
    return written;
  };
  const headObject = async (): Promise<ObjectHead | null> => {
    found.heads += 1;
    return head;
  };
  const client = { putObject: write, completeMultipartUpload: write, headObject } as unknown as S3Client;
  const found: Store = { writes: new GuardedWrites(client), conditions, heads: 0 };
  return found;
}

test("a write replaces what was seen: nothing, an ETag, or whatever is there where nobody looked", async () => {
  const { writes, conditions } = store([null]);
  for (const standing of [null, "abc", 'W/"abc"', undefined]) await writes.put(input, standing, signal);
  expect(conditions).toEqual([{ ifNoneMatch: "*" }, { ifMatch: '"abc"' }, { ifMatch: 'W/"abc"' }, {}]);
});

test.for([
  ["the SHA-256 that the store keeps", { checksums: { sha256: input.sha256.toString("base64") } }],
  ["an ETag that is the MD5", { etag: `"${hash("md5", body)}"` }],
] as const)("a refused write whose object is there already is done: known by %s", async ([, more]) => {
  const { writes } = store([failed], headOf(more));
  const { etag } = await writes.put(input, null, signal);
  expect(etag).toBe(headOf(more).etag);
});

test.for([
  ["other bytes", headOf({ checksums: { sha256: hash("sha256", "other", "buffer").toString("base64") } })],
  ["other bytes, by the ETag", headOf({ etag: `"${hash("md5", "other")}"` })],
  ["the same bytes with other times", headOf({ etag: `"${hash("md5", body)}"`, metadata: { mtime: "2.5" } })],
  [
    "the same bytes of another type",
    headOf({ etag: `"${hash("md5", body)}"`, headers: new Map([["content-type", "text/plain"]]) }),
  ],
  ["bytes that nobody can tell", headOf({ etag: '"of-kms"' })],
  ["nothing any more", null],
] as const)("a refused write where there is %s leaves it, and is to be tried anew", async ([, head]) => {
  const { writes, conditions } = store([failed], head);
  await expect(writes.put(input, "abc", signal)).rejects.toMatchObject({
    code: "condition_failed",
    disposition: "retry",
  });
  expect(conditions).toHaveLength(1);
});

test("an object that was seen and is gone is a refusal too", async () => {
  await expect(store([missing]).writes.put(input, "abc", signal)).rejects.toMatchObject({ code: "condition_failed" });
  await expect(store([missing]).writes.put(input, null, signal)).rejects.toBe(missing);
});

test("a store that knows no conditions is asked once, and written to without them from then on", async () => {
  const { writes, conditions } = store([unknown, null]);
  await writes.put(input, null, signal);
  await writes.put(input, "abc", signal);
  expect(conditions).toEqual([{ ifNoneMatch: "*" }, {}, {}]);
  expect(await writes.look("k", signal)).toBeUndefined();
});

test("what stands there is told by its ETag, nothing by null", async () => {
  expect(await store([], headOf({})).writes.look("k", signal)).toBe("other");
  expect(await store([]).writes.look("k", signal)).toBeNull();
  expect(await store([], headOf({ etag: null })).writes.look("k", signal)).toBeUndefined();
});

test.for([
  ["was refused", failed],
  ["is gone", gone],
] as const)("the end of an upload that %s is done when its parts make the object that is there", async ([, error]) => {
  const partDigest = hash("md5", "part");
  const parts = [{ partNumber: 1, etag: `"${partDigest}"`, checksumSha256: null }];
  const completion = { key: "k", uploadId: "u", parts, sizeBytes: 4 };
  const etag = `"${hash("md5", Buffer.from(partDigest, "hex"))}-1"`;
  const ours = store([error], headOf({ etag, bytes: 4 }));
  expect((await ours.writes.complete(completion, null, signal)).etag).toBe(etag);
  const other = store([error], headOf({ etag: `"${hash("md5", "other")}-1"`, bytes: 4 }));
  await expect(other.writes.complete(completion, null, signal)).rejects.toMatchObject({ code: error.code });
});
