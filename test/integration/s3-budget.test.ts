/** What a bucket is asked for under a read limit: a lane reads ahead, but not ahead of what it may read. */
import { expect, test } from "vitest";
import { s3Connector } from "../../src/connectors/s3/connector.ts";
import { limitReads } from "../../src/decorators/rate-limit.ts";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import type { Work } from "../../src/model/chunk.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { defaultOptions, never } from "../conformance/place.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { seededBytes } from "../testbed/trees.ts";

const MiB = 2 ** 20;
const sizeBytes = 24 * MiB;

/** A clock that moves only for those who sleep, and stands still after that time: whoever would sleep longer waits for the signal. */
function clockUntil(lastMs: number): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) => {
      if (nowMs + ms <= lastMs) {
        nowMs += ms;
        return Promise.resolve();
      }
      const { promise, reject } = Promise.withResolvers<void>();
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      return promise;
    },
  };
}

describeOnServers("a read limit on a bucket", (s3) => {
  test("holds for what is fetched ahead: after a second no more than a second's worth was asked for", async () => {
    const [bucket, proxy] = [await s3.bucket(), await s3.proxy()];
    const body = seededBytes("limited", sizeBytes);
    expect((await s3Request(s3.server(), { method: "PUT", bucket, key: "copy/large", body })).status).toBe(200);
    Object.assign(process.env, s3.server().env());
    const options = { ...defaultOptions, s3: { ...defaultOptions.s3, endpoint: proxy.endpoint } };
    await using plain = await s3Connector.openSource(`s3://${bucket}/copy`, options);
    const limit = new SharedLimit(new SharedArrayBuffer(SharedLimit.byteLength));
    limit.bytesPerSecond = 4 * MiB;
    const source = limitReads(plain, limit, clockUntil(1_000));
    const [entry] = (await Array.fromAsync(source.plan(null, never))).flatMap(({ entries }) => entries);
    if (entry === undefined) throw new Error("the object is not listed");
    const item = { entry, offset: 0, length: sizeBytes, blockBytes: 8 * MiB, compare: false };
    const work: Work = { jobId: "job-1", chunkId: 1, kind: "pack", items: [item], staging: null };

    const frames = source.read({ work, from: 0, skip: new Set() }, never)[Symbol.asyncIterator]();
    // The least that is asked for at a time; the last one may end after the clock stands still.
    const step = MiB / 2;
    let read = 0;
    while (read + 2 * step <= 4 * MiB) {
      const { value } = await frames.next();
      read += (value as { readonly bytes: Uint8Array }).bytes.length;
    }
    await proxy.settled();
    const asked = proxy.total({ operation: "GetObject" }).responseBytes;
    expect(asked).toBeLessThanOrEqual(4 * MiB);
    expect(asked).toBeGreaterThanOrEqual(read);
    await frames.return?.();
  });
});
