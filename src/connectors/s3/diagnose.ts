/** What `godwit doctor` finds out about a bucket, by asking it, and by an object of its own that is removed again. */
import { hash, randomUUID } from "node:crypto";
import { GodwitError, toGodwitError } from "../../base/errors.ts";
import type { Finding, OpenOptions } from "../../ports/connector.ts";
import type { S3Client } from "./client.ts";
import type { ObjectHead } from "./client-objects.ts";
import { listingError } from "./errors.ts";
import { Root } from "./keys.ts";
import { openClient } from "./open.ts";
import { type ConditionFound, probeConditions } from "./probe-conditions.ts";

/** Requests are refused from 15 minutes on: RequestTimeTooSkewed. */
const clockToleranceMs = 60_000;

export async function* diagnose(
  url: string,
  role: "source" | "target",
  options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const root = Root.ofUrl(url);
  let client: S3Client;
  try {
    client = await openClient(root, options);
  } catch (error) {
    yield problem(role, error);
    return;
  }
  try {
    const first = await firstKey(client, root, signal);
    yield ok(role, `${root.location} can be listed at ${client.endpoint} in region ${client.region}`);
    yield* versioning(client, signal);
    if (role === "target") yield* writing(client, root, signal);
    else yield* reading(client, root, first, signal);
  } catch (error) {
    yield problem(role, listingError(error, root.location));
  } finally {
    await client[Symbol.asyncDispose]();
  }
}

async function firstKey(client: S3Client, root: Root, signal: AbortSignal): Promise<string | null> {
  const page = await client.listObjectsV2(
    { prefix: root.prefix === "" ? undefined : root.prefix, maxKeys: 16 },
    signal,
  );
  return page.objects.find(({ key, bytes }) => bytes > 0 && !key.endsWith("/"))?.key ?? null;
}

async function* versioning(client: S3Client, signal: AbortSignal): AsyncGenerator<Finding> {
  try {
    const status = await client.getBucketVersioning(signal);
    yield status === "enabled"
      ? ok("versions", "The bucket keeps versions: reads are pinned to them.")
      : note("versions", "The bucket keeps no versions: reads are pinned to ETags.");
  } catch (error) {
    yield note("versions", `Whether the bucket keeps versions is not known (${toGodwitError(error).what}).`);
  }
}

async function* reading(
  client: S3Client,
  root: Root,
  key: string | null,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  if (key === null) {
    yield note("reading", `${root.location} holds no object that could be read on trial.`);
    return;
  }
  try {
    const { head, body } = await client.getObject({ key, range: { offset: 0, bytes: 1 } }, signal);
    for await (const _ of body) signal.throwIfAborted();
    yield ok("reading", "Objects can be read, also by range.");
    yield clock(head);
    const whole = await client.headObject({ key }, signal);
    if (whole !== null) yield checksums(whole);
  } catch (error) {
    yield problem("reading", error);
  }
}

async function* writing(client: S3Client, root: Root, signal: AbortSignal): AsyncGenerator<Finding> {
  const key = `${root.prefix}.godwit-doctor-${randomUUID()}`;
  const body = Buffer.from(`godwit doctor ${key}`);
  const sha256 = hash("sha256", body, "buffer");
  try {
    await client.putObject({ key, body, sha256, metadata: { mtime: "1.000000001" } }, signal);
  } catch (error) {
    yield problem("writing", error);
    return;
  }
  try {
    const head = await client.headObject({ key }, signal);
    if (head === null) {
      yield note("writing", "An object that was just written is not there yet: the store is eventually consistent.");
    } else {
      yield ok("writing", "Objects can be written and read back.");
      yield clock(head);
      yield checksums(head);
      yield head.metadata["mtime"] === "1.000000001"
        ? ok("metadata", "Modes and times are kept as user metadata.")
        : note("metadata", "The store keeps no user metadata: modes and times are lost.");
    }
    yield conditions(await probeConditions(client, { key, body, sha256 }, signal));
    yield await multipart(client, key, signal);
  } catch (error) {
    yield problem("writing", error);
  } finally {
    await client.deleteObject({ key }, AbortSignal.timeout(30_000));
  }
}

function conditions(found: readonly ConditionFound[]): Finding {
  const subject = "conditional writes";
  const missing = found.filter(({ is }) => is !== "enforced");
  if (missing.length === 0)
    return ok(subject, "The store enforces them: a worker that wakes late cannot put an old version over a newer one.");
  const named = missing.map(({ condition, operation, is }) => `${operation} ${isOr[is]} ${condition}`).join(", ");
  return note(subject, `${named}: there a worker that wakes late could put an old version over a newer one.`);
}

const isOr = { enforced: "enforces", ignored: "ignores", unknown: "refuses" } as const;

async function multipart(client: S3Client, key: string, signal: AbortSignal): Promise<Finding> {
  const upload = await client.createMultipartUpload({ key }, signal);
  try {
    await client.listMultipartUploads({ prefix: key }, signal);
    return ok("multipart", "Large files can be sent in parts, and uploads can be listed for `sweep`.");
  } catch (error) {
    if (error instanceof GodwitError && error.disposition !== "rejected") throw error;
    return note(
      "multipart",
      `Uploads can be begun but not listed: \`sweep\` will find none (${toGodwitError(error).what}).`,
    );
  } finally {
    await client.abortMultipartUpload(upload, AbortSignal.timeout(30_000));
  }
}

function checksums(head: ObjectHead): Finding {
  const kept = Object.keys(head.checksums);
  return kept.length > 0
    ? ok("checksums", `The store keeps ${kept.join(", ")} of its objects.`)
    : note("checksums", "The store names no checksum of this object but its ETag.");
}

function clock(head: ObjectHead): Finding {
  const theirs = Date.parse(head.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return note("clock", "The store's answers carry no date.");
  const apartMs = theirs - Date.now();
  if (Math.abs(apartMs) < clockToleranceMs) return ok("clock", "The store's clock and this machine's agree.");
  return note(
    "clock",
    `The store's clock is ${Math.round(apartMs / 1_000)} s off this machine's; from 15 minutes on it refuses requests.`,
  );
}

function ok(subject: string, text: string): Finding {
  return { subject, level: "ok", text, error: null };
}

function note(subject: string, text: string): Finding {
  return { subject, level: "note", text, error: null };
}

function problem(subject: string, cause: unknown): Finding {
  const error = toGodwitError(cause);
  return { subject, level: "problem", text: error.what, error: error.toJSON() };
}
