/** A file that grows while it is copied, past what parts of its first size could hold. The store's limit is set small. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fsConnector } from "../../src/connectors/fs/connector.ts";
import { Root } from "../../src/connectors/s3/keys.ts";
import type { S3Limits } from "../../src/connectors/s3/limits.ts";
import { openClient } from "../../src/connectors/s3/open.ts";
import { S3Target } from "../../src/connectors/s3/target.ts";
import type { ChunkKind, Item, JobTraits, Stage } from "../../src/model/chunk.ts";
import { encodeItems, unpackItems } from "../../src/model/item-codec.ts";
import { Meter } from "../../src/model/meter.ts";
import { noReceipts, type Task, type TaskResult } from "../../src/model/task.ts";
import { afterResult } from "../../src/model/transition.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Assignment } from "../../src/ports/assignment.ts";
import type { WorkerRole } from "../../src/worker/role.ts";
import { prepare } from "../../src/worker/stage.ts";
import { transfer } from "../../src/worker/transfer.ts";
import { defaultOptions, never } from "../conformance/place.ts";
import { describeOnServers, type S3Suite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import type { S3Proxy } from "../testbed/s3-proxy.ts";

const MiB = 2 ** 20;
const limits: S3Limits = { partBytesMin: 5 * MiB, partBytesMax: 10 * MiB, partsMax: 3, partBytesStep: MiB };
const traits: JobTraits = { kind: "copy", prehash: false, reconcile: false, wholeDigest: false, publishFirst: true };

interface Place extends AsyncDisposable {
  readonly role: WorkerRole;
  readonly item: Item;
  readonly proxy: S3Proxy;
  readonly grow: (bytes: number) => void;
}

/** A file that fills its three parts, listed and ready to be copied. */
async function newPlace(s3: S3Suite): Promise<Place> {
  const root = tempDir("source");
  const grow = (bytes: number): void => writeFileSync(join(root, "file"), Buffer.alloc(bytes, 7));
  grow(15 * MiB);
  const proxy = await s3.proxy();
  Object.assign(process.env, s3.server().env());
  const options = { ...defaultOptions, s3: { ...defaultOptions.s3, endpoint: proxy.endpoint } };
  const place = Root.ofUrl(`s3://${await s3.bucket()}/copy`);
  const target = new S3Target(await openClient(place, options), place, options, limits);
  const source = await fsConnector.openSource(`file://${root}`, options);
  const pages = await Array.fromAsync(source.plan(null, never));
  const entry = pages.flatMap(({ entries }) => entries).find(({ kind }) => kind === "file");
  if (entry === undefined) throw new Error("the file is not listed");
  const blockBytes = target.blockBytes(entry.sizeBytes);
  return {
    role: {
      source,
      target,
      clock: systemClock,
      chunkBytes: 64 * MiB,
      meter: new Meter(),
      evidence: null,
      newPair: null,
    },
    item: { entry, offset: 0, length: entry.sizeBytes, blockBytes, compare: false, standing: null },
    proxy,
    grow,
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}

function assignmentOf(kind: ChunkKind, stage: Stage, items: readonly Item[]): Assignment {
  const lease = { chunkId: 1, worker: "w", epoch: 1, expiresAt: 0 };
  const row = { jobId: "job-1", chunkId: 1, kind, stage, lease, staging: null, receipts: noReceipts } as const;
  const task: Task = {
    ...row,
    items: encodeItems(items),
    endings: [],
    prehash: null,
    attempt: 0,
    withheldBy: 0,
    ranges: null,
    wait: { ms: 0, tookOver: false },
  };
  const work = { jobId: "job-1", chunkId: 1, kind, items, staging: null };
  return { task, items, work, skip: new Set(), onProgress: () => undefined, signal: never };
}

/** The items of the row that follows. */
function nextItems({ task, items }: Assignment, result: TaskResult): readonly Item[] {
  const bytes = items.reduce((sum, { length }) => sum + length, 0);
  const view = { kind: task.kind, stage: task.stage, attempt: 0, bytes, endings: [], prehash: null };
  return afterResult({ ...view, items: () => items }, result, traits, false).add.flatMap((row) =>
    unpackItems(row.items),
  );
}

describeOnServers("a file that grows while it is copied", (s3) => {
  test("is cut anew, and sent within the greatest number of parts", async () => {
    await using place = await newPlace(s3);
    const { role, item, proxy, grow } = place;
    grow(20 * MiB);
    const first = assignmentOf("pack", "transfer", [item]);
    const items = nextItems(first, await transfer(role, first));
    expect(items.map(({ length, blockBytes }) => [length, blockBytes])).toEqual([[20 * MiB, 7 * MiB]]);
    proxy.clear();
    const result = await transfer(role, assignmentOf("pack", "transfer", items));
    expect(result).toMatchObject({ type: "transferred", progress: { endings: [] } });
    expect(proxy.total({ operation: "UploadPart" }).requests).toBe(3);
    expect(proxy.find({ operation: "CompleteMultipartUpload" }).map(({ status }) => status)).toEqual([200]);
  });

  test("is cut anew too where it has a row of its own", async () => {
    await using place = await newPlace(s3);
    place.grow(25 * MiB);
    const first = assignmentOf("head", "prepare", [place.item]);
    const items = nextItems(first, await prepare(place.role, first));
    expect(items.map(({ length, blockBytes }) => [length, blockBytes])).toEqual([[25 * MiB, 9 * MiB]]);
  });

  test("past what the store can hold ends as unsupported, by name", async () => {
    await using place = await newPlace(s3);
    place.grow(31 * MiB);
    const first = assignmentOf("pack", "transfer", [place.item]);
    const result = await transfer(place.role, first);
    const ending = { outcome: "unsupported", error: { code: "too_large" } };
    expect(result).toMatchObject({ progress: { endings: [ending] } });
    expect(nextItems(first, result)).toEqual([]);
  });
});
