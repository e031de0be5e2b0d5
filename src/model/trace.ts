/**
 * The identity of a chunk's trace. It follows from the job and the chunk alone, so that coordinator, worker and verifier
 * join one trace without telling each other, and agree on whether it is sampled.
 */
import { hash } from "node:crypto";
import type { ChunkId, JobId } from "./chunk.ts";

export interface TraceIdentity {
  /** 16 bytes, as hex. */
  readonly traceId: string;
  /** Of the span under which all others stand: 8 bytes, as hex. */
  readonly rootSpanId: string;
}

/** A digest of zeros alone would be no valid id; it is as likely as a second chunk with the same one. */
export function traceOf(jobId: JobId, chunkId: ChunkId): TraceIdentity {
  const digest = hash("sha256", `${jobId}\n${chunkId}`);
  return { traceId: digest.slice(0, 32), rootSpanId: digest.slice(32, 48) };
}
