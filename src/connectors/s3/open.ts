import type { OnRetry, OpenOptions } from "../../ports/connector.ts";
import { createS3Client, type S3Client } from "./client.ts";
import type { Root } from "./keys.ts";
import { retryDefaults, withRetry } from "./retry.ts";
import { namesVanishedUploads } from "./vanished-upload.ts";

const connectTimeoutMs = 10_000;
/** A store that assembles a large upload is silent for long. */
const idleTimeoutMs = 60_000;

/** The client of one place, with everything around it. */
export async function openClient(
  root: Root,
  options: OpenOptions,
  onRetry: OnRetry = retryDefaults.onRetry,
): Promise<S3Client> {
  const { endpoint, region, pathStyle, profile } = options.s3;
  const client = await createS3Client({
    bucket: root.bucket,
    endpoint: endpoint ?? undefined,
    region: region ?? undefined,
    // Not asked for is not forbidden: everywhere but at Amazon it is the default.
    pathStyle: pathStyle ? true : undefined,
    profile: profile ?? undefined,
    maxSockets: retryDefaults.concurrencyMax,
    connectTimeoutMs,
    idleTimeoutMs,
  });
  return withRetry(namesVanishedUploads(client), { ...retryDefaults, onRetry });
}
