/**
 * Tries the operations of a client again: a decorator around the client, so that nothing below it repeats anything. It
 * stands here and not around the port, since a write consumes its frames (docs/decisions/0001).
 *
 * - Every operation is idempotent: bodies are whole buffers that the caller leaves alone until the call has settled.
 * - A body that breaks off is continued by range from the byte reached, of the same version, or not at all.
 * - The pauses grow with full jitter (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/)
 *   and are never shorter than the store asks for. Attempts and time are bounded.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCode, GodwitError } from "../../base/errors.ts";
import type { OnRetry } from "../../ports/connector.ts";
import type { S3Client } from "./client.ts";
import { S3Error } from "./client-errors.ts";
import type { GetObjectInput, GetObjectResult } from "./client-objects.ts";
import { Congestion } from "./congestion.ts";

export interface RetryOptions {
  readonly attemptsMax: number;
  readonly totalMsMax: number;
  readonly firstPauseMs: number;
  readonly pauseMsMax: number;
  /** How long the body of a repeated write waits for an early refusal, after a connection that broke. */
  readonly earlyAnswerMs: number;
  /** Requests under way at most. */
  readonly concurrencyMax: number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly monotonicMs: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called before each further try, also of the rest of a body. */
  readonly onRetry: OnRetry;
}

export const retryDefaults: RetryOptions = {
  attemptsMax: 10,
  totalMsMax: 120_000,
  firstPauseMs: 100,
  pauseMsMax: 20_000,
  earlyAnswerMs: 1000,
  concurrencyMax: 32,
  random: Math.random,
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
  onRetry: () => undefined,
};

type Operation<I, O> = (input: I, signal: AbortSignal) => Promise<O>;

export function withRetry(client: S3Client, options: RetryOptions): S3Client {
  const runner = new Runner(options);
  const again =
    <I, O>(operation: Operation<I, O>): Operation<I, O> =>
    (input, signal) =>
      runner.run(() => operation(input, signal), signal);
  const sendAgain =
    <I extends object, O>(operation: Operation<I & { readonly holdBodyMs?: number | undefined }, O>): Operation<I, O> =>
    (input, signal) =>
      runner.run((last) => {
        const holdBodyMs = isBroken(last) ? options.earlyAnswerMs : 0;
        return operation({ ...input, holdBodyMs }, signal);
      }, signal);
  const alone =
    <O>(operation: (signal: AbortSignal) => Promise<O>) =>
    (signal: AbortSignal): Promise<O> =>
      runner.run(() => operation(signal), signal);
  return {
    bucket: client.bucket,
    region: client.region,
    endpoint: client.endpoint,
    headBucket: alone((signal) => client.headBucket(signal)),
    getBucketVersioning: alone((signal) => client.getBucketVersioning(signal)),
    listObjectsV2: again((input, signal) => client.listObjectsV2(input, signal)),
    deleteObjects: again((input, signal) => client.deleteObjects(input, signal)),
    headObject: again((input, signal) => client.headObject(input, signal)),
    headPart: again((input, signal) => client.headPart(input, signal)),
    getObject: (input, signal) => getResumed(client, runner, input, signal),
    putObject: sendAgain((input, signal) => client.putObject(input, signal)),
    deleteObject: again((input, signal) => client.deleteObject(input, signal)),
    createMultipartUpload: again((input, signal) => client.createMultipartUpload(input, signal)),
    uploadPart: sendAgain((input, signal) => client.uploadPart(input, signal)),
    uploadPartCopy: again((input, signal) => client.uploadPartCopy(input, signal)),
    completeMultipartUpload: again((input, signal) => client.completeMultipartUpload(input, signal)),
    abortMultipartUpload: again((input, signal) => client.abortMultipartUpload(input, signal)),
    listParts: again((input, signal) => client.listParts(input, signal)),
    listMultipartUploads: again((input, signal) => client.listMultipartUploads(input, signal)),
    getObjectAttributes: again((input, signal) => client.getObjectAttributes(input, signal)),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** How often one call has been tried. */
interface Tries {
  readonly startedAtMs: number;
  sentAtMs: number;
  count: number;
}

class Runner {
  readonly #options: RetryOptions;
  readonly #congestion: Congestion;

  constructor(options: RetryOptions) {
    this.#options = options;
    this.#congestion = new Congestion(options.concurrencyMax);
  }

  tries(): Tries {
    const nowMs = this.#options.monotonicMs();
    return { startedAtMs: nowMs, sentAtMs: nowMs, count: 0 };
  }

  /** `act` is told why its last try failed; undefined the first time. */
  async run<O>(act: (last: unknown) => Promise<O>, signal: AbortSignal, tries: Tries = this.tries()): Promise<O> {
    let failure: unknown;
    for (;;) {
      await this.#congestion.enter(signal);
      try {
        tries.sentAtMs = this.#options.monotonicMs();
        const result = await act(failure);
        this.#congestion.succeeded();
        return result;
      } catch (error) {
        this.#note(error, tries);
        failure = error;
      } finally {
        this.#congestion.leave();
      }
      await this.pause(failure, tries, signal);
    }
  }

  /** Waits before the next try. @throws the error, when there is to be none */
  async pause(error: unknown, tries: Tries, signal: AbortSignal): Promise<void> {
    const { attemptsMax, totalMsMax, firstPauseMs, pauseMsMax, random, monotonicMs } = this.#options;
    tries.count += 1;
    if (!mayPass(error) || signal.aborted || tries.count >= attemptsMax) throw error;
    const longestMs = Math.min(pauseMsMax, firstPauseMs * 2 ** (tries.count - 1));
    const pauseMs = Math.max(random() * longestMs, retryAfterMs(error));
    if (monotonicMs() + pauseMs - tries.startedAtMs > totalMsMax) throw error;
    this.#options.onRetry();
    try {
      await this.#options.sleep(pauseMs, signal);
    } catch (cause) {
      throw signal.aborted ? signal.reason : cause;
    }
  }

  #note(error: unknown, { sentAtMs }: Tries): void {
    if (!(error instanceof GodwitError) || error.code !== "store_busy") return;
    this.#congestion.slowDown(sentAtMs, this.#options.monotonicMs());
  }
}

/** What another try of the same call cannot mend, though one of the whole entry may. */
const forTheEntry = new Set<ErrorCode>(["source_changed", "upload_vanished"]);

function mayPass(error: unknown): boolean {
  return error instanceof GodwitError && error.disposition === "retry" && !forTheEntry.has(error.code);
}

function isBroken(error: unknown): boolean {
  return error instanceof GodwitError && error.code === "store_unreachable";
}

/** What the store asked for, where the client hands it on. */
function retryAfterMs(error: unknown): number {
  return error instanceof S3Error ? (error.retryAfterMs ?? 0) : 0;
}

async function getResumed(
  client: S3Client,
  runner: Runner,
  input: GetObjectInput,
  signal: AbortSignal,
): Promise<GetObjectResult> {
  const tries = runner.tries();
  const first = await runner.run(() => client.getObject(input, signal), signal, tries);
  const { head, bodyBytes } = first;
  const offset = input.range?.offset ?? 0;
  let current = first.body;

  const reopen = async (reached: number): Promise<void> => {
    const range = { offset: offset + reached, bytes: bodyBytes - reached };
    const into = input.into?.subarray(reached);
    const rest: GetObjectInput = {
      key: input.key,
      versionId: input.versionId ?? head.versionId ?? undefined,
      ifMatch: head.etag ?? undefined,
      range,
      ...(into !== undefined && { into }),
    };
    current = (await runner.run(() => client.getObject(rest, signal), signal, tries)).body;
  };

  async function* bytes(): AsyncGenerator<Buffer, void, void> {
    let reached = 0;
    for (;;) {
      try {
        for await (const chunk of current) {
          reached += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        // Without an ETag the rest might be of another version.
        if (head.etag === null) throw error;
        await runner.pause(error, tries, signal);
        if (reached >= bodyBytes) return;
      }
      await reopen(reached);
    }
  }
  return { head, bodyBytes, body: { discard: () => current.discard(), [Symbol.asyncIterator]: bytes } };
}
