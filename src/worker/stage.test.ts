import { hash } from "node:crypto";
import { expect, test } from "vitest";
import type { Item, Work } from "../model/chunk.ts";
import { Meter } from "../model/meter.ts";
import type { BytePath } from "../model/path.ts";
import { noReceipts, type Task } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { ReadBackRequest, StoredFrame, Target } from "../ports/target.ts";
import type { WorkerRole } from "./role.ts";
import { digestWhole } from "./stage.ts";

const blockBytes = 4;
const bytes = Buffer.from("abcdefghij");
const blocks = [0, 4, 8].map((from) => bytes.subarray(from, from + blockBytes));
const digests = Buffer.concat(blocks.map((block) => hash("sha256", block, "buffer")));
const entry = {
  path: "large" as BytePath,
  kind: "file",
  sizeBytes: bytes.length,
  version: { kind: "object", etag: "e", versionId: null, modifiedMs: 0 },
  attributes: null,
  link: null,
  sparse: false,
} as const;
const item: Item = { entry, offset: 0, length: bytes.length, blockBytes, compare: false };
const end: StoredFrame = { item: 0, end: { outcome: "read", observed: { entry, xattrs: null, checksum: null } } };

function digest(
  frames: (request: ReadBackRequest) => readonly StoredFrame[],
  { length, digests: expected }: { readonly length: number; readonly digests: Buffer } = {
    length: bytes.length,
    digests,
  },
): ReturnType<typeof digestWhole> {
  const items = [{ ...item, length }];
  const work: Work = { jobId: "job", chunkId: 1, kind: "head", items, staging: "upload" };
  const receipts = { count: expected.length / 32, digests: expected, tags: null };
  const range = { chunkId: 2, offset: 0, length, receipts };
  const task = { kind: "head", stage: "digest", receipts: noReceipts, ranges: [range] } as unknown as Task;
  const readBack = async function* (request: ReadBackRequest): AsyncGenerator<StoredFrame> {
    yield* frames(request);
  };
  const target = { publishFirst: true, readBack } as unknown as Target;
  const role = { target, meter: new Meter(), evidence: null } as unknown as WorkerRole;
  const signal = new AbortController().signal;
  const assignment: Assignment = { task, items, work, skip: new Set(), onProgress: () => {}, signal };
  return digestWhole(role, assignment);
}

const whole = blocks.map((block, at): StoredFrame => ({ item: 0, offset: at * blockBytes, bytes: block }));

test("the digest of a whole entry asks for its bytes, also of a target that would rather give digests", async () => {
  const found = await digest(({ wantsBytes }) => {
    if (wantsBytes === true) return [...whole, end];
    return [...blocks.map((block, at) => ({ item: 0, block: at, stored: hash("sha256", block, "buffer") })), end];
  });
  expect(found).toMatchObject({ type: "digested", sha256: hash("sha256", bytes), error: null });
});

test.for([0, 1, 2])("a target that ends after %i of 3 blocks gives no digest of the whole", async (count) => {
  const found = await digest(() => [...whole.slice(0, count), end]);
  expect(found).toMatchObject({
    type: "digested",
    sha256: "",
    error: { code: "digest_mismatch", disposition: "retry" },
  });
});

test("a target that ends within a block gives no digest of the whole", async () => {
  const cut: StoredFrame = { item: 0, offset: 8, bytes: bytes.subarray(8, 9) };
  const found = await digest(() => [...whole.slice(0, 2), cut, end]);
  expect(found).toMatchObject({ type: "digested", sha256: "", error: { code: "digest_mismatch" } });
});

test("an entry that became empty has a digest too", async () => {
  const found = await digest(() => [end], { length: 0, digests: hash("sha256", "", "buffer") });
  expect(found).toMatchObject({ type: "digested", sha256: hash("sha256", ""), error: null });
});
