/**
 * Prefixes of buckets on S3 and stores that speak its protocol, as source and as target. It owns keys, versions, parts
 * and the metadata that stands for attributes; it makes no bucket, and knows nothing of jobs or of how bytes are digested.
 */
import type { Connector, OnRetry, OpenOptions } from "../../ports/connector.ts";
import type { Source } from "../../ports/source.ts";
import type { Target } from "../../ports/target.ts";
import type { S3Client } from "./client.ts";
import { diagnose } from "./diagnose.ts";
import { Root } from "./keys.ts";
import { openClient } from "./open.ts";
import { S3Source } from "./source.ts";
import { sweep } from "./sweep.ts";
import { S3Target } from "./target.ts";

const openMsMax = 120_000;

export const s3Connector: Connector = {
  scheme: "s3:",
  openSource: async (url: string, options: OpenOptions, onRetry?: OnRetry): Promise<Source> => {
    const root = Root.ofUrl(url);
    return new S3Source(await openPlace(root, options, onRetry), root, options);
  },
  openTarget: async (url: string, options: OpenOptions, onRetry?: OnRetry): Promise<Target> => {
    const root = Root.ofUrl(url);
    return new S3Target(await openPlace(root, options, onRetry), root, options);
  },
  diagnose,
  sweep,
};

/** Asked now, so that a job does not begin with credentials or a bucket that are wrong. */
async function openPlace(root: Root, options: OpenOptions, onRetry?: OnRetry): Promise<S3Client> {
  const client = await openClient(root, options, onRetry);
  try {
    await client.listObjectsV2(
      { prefix: root.prefix === "" ? undefined : root.prefix, maxKeys: 1 },
      AbortSignal.timeout(openMsMax),
    );
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}
