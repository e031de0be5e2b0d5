import { GodwitError } from "../../base/errors.ts";
import type { Entry } from "../../model/entry.ts";
import type { S3Client } from "./client.ts";
import type { PartHead } from "./client-objects.ts";

/** Parts of 5 MiB and more are asked one by one: few requests beside those that read them. */
const asksAtOnce = 16;

export interface PartsQuestion {
  readonly key: string;
  readonly entry: Entry;
  readonly parts: number;
}

/** @returns the bytes of each part; null where the store does not tell, or tells of other parts than these */
export async function partBytes(
  client: S3Client,
  { key, entry, parts }: PartsQuestion,
  signal: AbortSignal,
): Promise<readonly number[] | null> {
  const versionId = entry.version.kind === "object" ? (entry.version.versionId ?? undefined) : undefined;
  const sizes: number[] = [];
  for (let from = 0; from < parts; from += asksAtOnce) {
    const numbers = Array.from({ length: Math.min(asksAtOnce, parts - from) }, (_, at) => from + at + 1);
    const heads = await Promise.all(
      numbers.map((partNumber) => askPart(() => client.headPart({ key, versionId, partNumber }, signal))),
    );
    for (const head of heads) {
      if (head?.partCount !== parts) return null;
      sizes.push(head.bytes);
    }
  }
  return sizes.reduce((sum, bytes) => sum + bytes, 0) === entry.sizeBytes ? sizes : null;
}

/** A store that knows no parts refuses the question: there is no evidence then, which is no error. */
async function askPart(ask: () => Promise<PartHead | null>): Promise<PartHead | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof GodwitError && error.disposition === "rejected") return null;
    throw error;
  }
}
