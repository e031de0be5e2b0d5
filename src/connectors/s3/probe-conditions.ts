/** Which conditions on writes a store enforces, found out at an object of the probe's own. */
import { toGodwitError } from "../../base/errors.ts";
import type { S3Client } from "./client.ts";
import type { PutObjectInput } from "./client-objects.ts";
import type { Condition } from "./client-shape.ts";

/** `unknown`: the store refuses the request itself, so that it is sent without a condition. */
export type Enforcement = "enforced" | "ignored" | "unknown";

export interface ConditionFound {
  readonly condition: "If-None-Match" | "If-Match";
  readonly operation: "PutObject" | "CompleteMultipartUpload";
  readonly is: Enforcement;
}

/** None of them holds for an object that is there. */
const broken = [
  ["If-None-Match", { ifNoneMatch: "*" }],
  ["If-Match", { ifMatch: '"00000000000000000000000000000000"' }],
] as const satisfies readonly (readonly [string, Condition])[];

/** The object is there already. What is written over it by a store that ignores conditions is the same again. */
export async function probeConditions(
  client: S3Client,
  put: Pick<PutObjectInput, "key" | "body" | "sha256">,
  signal: AbortSignal,
): Promise<readonly ConditionFound[]> {
  const found: ConditionFound[] = [];
  for (const [condition, broke] of broken) {
    const is = await enforcement(() => client.putObject({ ...put, ...broke }, signal));
    found.push({ condition, operation: "PutObject", is });
  }
  for (const [condition, broke] of broken) {
    const upload = await client.createMultipartUpload({ key: put.key }, signal);
    try {
      const part = await client.uploadPart({ ...upload, partNumber: 1, body: put.body, sha256: put.sha256 }, signal);
      const parts = [{ partNumber: 1, ...part }];
      const is = await enforcement(() => client.completeMultipartUpload({ ...upload, parts, ...broke }, signal));
      found.push({ condition, operation: "CompleteMultipartUpload", is });
    } finally {
      await client.abortMultipartUpload(upload, AbortSignal.timeout(30_000));
    }
  }
  return found;
}

/** @throws what says nothing about conditions: a store that cannot be reached, credentials that have run out */
async function enforcement(write: () => Promise<unknown>): Promise<Enforcement> {
  try {
    await write();
    return "ignored";
  } catch (cause) {
    const error = toGodwitError(cause);
    if (error.code === "condition_failed") return "enforced";
    if (error.code !== "store_answer_invalid" || error.disposition !== "rejected") throw error;
    return "unknown";
  }
}
