import { expect, test } from "vitest";
import type { GodwitError } from "../../base/errors.ts";
import type { S3Client } from "./client.ts";
import { S3Error } from "./client-errors.ts";
import type { GetObjectInput, GetObjectResult } from "./client-objects.ts";
import { type RetryOptions, retryDefaults, withRetry } from "./retry.ts";

const signal = new AbortController().signal;
const never = (): never => {
  throw new Error("not asked for in this test");
};

function failure(code: "store_busy" | "store_unreachable" | "access_denied", more: object = {}): GodwitError {
  const disposition = code === "access_denied" ? "rejected" : "retry";
  const error = new S3Error({ code, disposition, hint: "" }, { what: "planted", status: 503, s3Code: null });
  return Object.assign(error, more);
}

const unreachable = async (): Promise<null> => {
  throw failure("store_unreachable");
};

/** A clock that only sleeping moves. */
function options(more: Partial<RetryOptions> = {}): { readonly slept: number[]; readonly options: RetryOptions } {
  const slept: number[] = [];
  let nowMs = 0;
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms);
    nowMs += ms;
  };
  return { slept, options: { ...retryDefaults, random: () => 1, monotonicMs: () => nowMs, sleep, ...more } };
}

function clientWith(operations: Partial<S3Client>): S3Client {
  return new Proxy({} as S3Client, { get: (_, name) => operations[name as keyof S3Client] ?? never });
}

test("what may pass is tried again, with pauses that double up to a bound", async () => {
  let calls = 0;
  const headObject = async (): Promise<null> => {
    calls += 1;
    if (calls < 10) throw failure("store_unreachable");
    return null;
  };
  const { slept, options: retry } = options({ pauseMsMax: 1_000 });
  await withRetry(clientWith({ headObject }), retry).headObject({ key: "k" }, signal);
  expect(slept).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000, 1_000]);
});

test("it ends after the last attempt, or when the time is up, with the store's own error", async () => {
  const attempts = options({ attemptsMax: 3 });
  await expect(
    withRetry(clientWith({ headObject: unreachable }), attempts.options).headObject({ key: "k" }, signal),
  ).rejects.toThrow("planted");
  expect(attempts.slept).toHaveLength(2);
  const time = options({ attemptsMax: 1_000, totalMsMax: 60_000 });
  await expect(
    withRetry(clientWith({ headObject: unreachable }), time.options).headObject({ key: "k" }, signal),
  ).rejects.toThrow("planted");
  const total = time.slept.reduce((sum, ms) => sum + ms, 0);
  expect(total).toBeLessThanOrEqual(60_000);
  expect(total).toBeGreaterThan(30_000);
});

test("what is refused for good is asked once", async () => {
  let calls = 0;
  const headObject = async (): Promise<null> => {
    calls += 1;
    throw failure("access_denied");
  };
  const { options: retry } = options();
  await expect(withRetry(clientWith({ headObject }), retry).headObject({ key: "k" }, signal)).rejects.toThrow(
    "planted",
  );
  expect(calls).toBe(1);
});

test("no pause is shorter than the store asks for", async () => {
  let calls = 0;
  const headObject = async (): Promise<null> => {
    calls += 1;
    if (calls === 1) throw failure("store_busy", { retryAfterMs: 7_000 });
    return null;
  };
  const { slept, options: retry } = options({ random: () => 0 });
  await withRetry(clientWith({ headObject }), retry).headObject({ key: "k" }, signal);
  expect(slept).toEqual([7_000]);
});

test("an abort ends the pause with its own reason", async () => {
  const controller = new AbortController();
  const sleep = async (_ms: number, stop: AbortSignal): Promise<void> => {
    controller.abort(new Error("told to stop"));
    stop.throwIfAborted();
  };
  const { options: retry } = options({ sleep });
  const asked = withRetry(clientWith({ headObject: unreachable }), retry).headObject({ key: "k" }, controller.signal);
  await expect(asked).rejects.toThrow("told to stop");
});

test("a store that asks to slow down sees half as many requests at a time, and more again as they succeed", async () => {
  let underWay = 0;
  let most = 0;
  let isBusy = true;
  const headObject = async (): Promise<null> => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    if (isBusy) throw failure("store_busy");
    return null;
  };
  const { options: retry } = options({ concurrencyMax: 16, attemptsMax: 2 });
  const client = withRetry(clientWith({ headObject }), retry);
  const burst = async (count: number): Promise<number> => {
    most = 0;
    await Promise.allSettled(Array.from({ length: count }, () => client.headObject({ key: "k" }, signal)));
    return most;
  };
  expect(await burst(16)).toBe(16);
  isBusy = false;
  const after = await burst(16);
  expect(after).toBeLessThanOrEqual(8);
  await burst(400);
  expect(await burst(16)).toBe(16);
});

const content = Buffer.from("0123456789abcdefghij");

/** Serves ranges of the content; each body breaks off after so many bytes. */
function breaking(cuts: number[], etag: string | null, asked: GetObjectInput[]): S3Client["getObject"] {
  return async (input) => {
    asked.push(input);
    const { offset, bytes } = input.range ?? { offset: 0, bytes: content.length };
    const cut = cuts.shift();
    const body = (async function* () {
      const whole = content.subarray(offset, offset + bytes);
      yield whole.subarray(0, cut);
      if (cut !== undefined) throw failure("store_unreachable");
    })();
    const head = { etag, versionId: null } as GetObjectResult["head"];
    return {
      head,
      bodyBytes: bytes,
      body: Object.assign(body, { discard: () => {} }) as unknown as GetObjectResult["body"],
    };
  };
}

test("a body that breaks off is continued by range from the byte reached, of the same version", async () => {
  const asked: GetObjectInput[] = [];
  const { options: retry } = options();
  const client = withRetry(clientWith({ getObject: breaking([3, 0, 9], '"e"', asked) }), retry);
  const { body } = await client.getObject({ key: "k", range: { offset: 2, bytes: 16 } }, signal);
  expect(Buffer.concat(await Array.fromAsync(body)).toString()).toBe("23456789abcdefgh");
  expect(asked.map(({ range, ifMatch }) => [range?.offset, range?.bytes, ifMatch])).toEqual([
    [2, 16, undefined],
    [5, 13, '"e"'],
    [5, 13, '"e"'],
    [14, 4, '"e"'],
  ]);
});

test("a body is not continued where the version cannot be pinned", async () => {
  const { options: retry } = options();
  const client = withRetry(clientWith({ getObject: breaking([3], null, []) }), retry);
  const { body } = await client.getObject({ key: "k" }, signal);
  await expect(Array.fromAsync(body)).rejects.toThrow("planted");
});

test("after a connection that broke, the body of a write waits for an early refusal", async () => {
  const held: (number | undefined)[] = [];
  const uploadPart: S3Client["uploadPart"] = async ({ holdBodyMs }) => {
    held.push(holdBodyMs);
    if (held.length < 3) throw failure(held.length === 1 ? "store_unreachable" : "store_busy");
    return { etag: "e", checksumSha256: null };
  };
  const part = { key: "k", uploadId: "u", partNumber: 1, body: Buffer.alloc(1), sha256: new Uint8Array(32) };
  await withRetry(clientWith({ uploadPart }), options().options).uploadPart(part, signal);
  expect(held).toEqual([0, retryDefaults.earlyAnswerMs, 0]);
});

test("each further try is told, of a request and of the rest of a body, and the last failure is not", async () => {
  let retries = 0;
  const onRetry = (): void => void (retries += 1);
  const { options: retry } = options({ attemptsMax: 3, onRetry });
  await expect(
    withRetry(clientWith({ headObject: unreachable }), retry).headObject({ key: "k" }, signal),
  ).rejects.toThrow("planted");
  expect(retries).toBe(2);
  const client = withRetry(clientWith({ getObject: breaking([3, 4], '"e"', []) }), retry);
  await Array.fromAsync((await client.getObject({ key: "k" }, signal)).body);
  expect(retries).toBe(4);
});
