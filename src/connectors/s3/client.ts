/**
 * A thin S3 client: requests and answers, and nothing else. It owns a bounded set of connections to one bucket's endpoint.
 *
 * - One call is one request: it is signed and sent once. Trying again belongs to the retry decorator.
 * - Every failure is an S3Error with the store's own status and code, or a GodwitError about credentials or configuration.
 * - The SHA-256 that the caller has computed anyway signs the body and is stored as its checksum; nothing is hashed twice.
 *
 * It refuses what it cannot send faithfully (keys that are not Unicode, headers that are not ASCII), follows no redirect, and keeps no object state.
 */
import { type AttributeOperations, createAttributeOperations } from "./client-attributes.ts";
import { createCaller } from "./client-call.ts";
import { createCredentials, type GetCredentials } from "./client-credentials.ts";
import { HttpTransport } from "./client-http.ts";
import { type BucketOperations, createBucketOperations } from "./client-list.ts";
import { createListedTexts } from "./client-listed-text.ts";
import { createMultipartOperations, type MultipartOperations } from "./client-multipart.ts";
import { createObjectOperations, type ObjectOperations } from "./client-objects.ts";
import { type Environment, resolvePlace, type S3ClientOptions } from "./client-options.ts";
import { createUploadListing, type UploadListing } from "./client-uploads.ts";

export type { S3ClientOptions } from "./client-options.ts";

export interface S3Client
  extends BucketOperations, ObjectOperations, MultipartOperations, UploadListing, AttributeOperations, AsyncDisposable {
  readonly bucket: string;
  readonly region: string;
  /** Where it is, for messages and reports: `https://host[:port]`. */
  readonly endpoint: string;
}

export interface S3Surroundings {
  readonly env?: Environment;
  readonly nowMs?: () => number;
  readonly getCredentials?: GetCredentials;
}

/** Settles endpoint and region; sends nothing. Credentials are looked for at the first request. */
export async function createS3Client(options: S3ClientOptions, surroundings: S3Surroundings = {}): Promise<S3Client> {
  const { env = process.env, nowMs = Date.now } = surroundings;
  const place = await resolvePlace(options, env);
  const { maxSockets, connectTimeoutMs, idleTimeoutMs } = options;
  const transport = new HttpTransport({ ...place, maxSockets, connectTimeoutMs, idleTimeoutMs });
  const caller = createCaller({
    place,
    transport,
    nowMs,
    getCredentials: surroundings.getCredentials ?? createCredentials(place, env),
  });
  const readListed = createListedTexts(caller);
  return {
    bucket: place.bucket,
    region: place.region,
    endpoint: `${place.isTls ? "https" : "http"}://${place.authority}`,
    ...createBucketOperations(caller, readListed),
    ...createObjectOperations(caller),
    ...createMultipartOperations(caller),
    ...createUploadListing(caller, readListed),
    ...createAttributeOperations(caller),
    async [Symbol.asyncDispose]() {
      await transport.close();
    },
  };
}
