/** Spans of chunks, each in the trace of its chunk (`model/trace`). Calls are cheap, never throw and never wait. */
import type { ErrorRecord } from "../base/errors.ts";
import type { ChunkId, Instant, JobId } from "../model/chunk.ts";

export type TraceRole = "coordinator" | "worker" | "verifier";
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanStart {
  readonly jobId: JobId;
  readonly chunkId: ChunkId;
  readonly name: string;
  readonly role: TraceRole;
  readonly at: Instant;
  /** Null: the root of the trace. `root`: right under it. */
  readonly parent: OpenSpan | "root" | null;
  readonly attributes?: SpanAttributes;
}

export interface OpenSpan {
  event(name: string, at: Instant, attributes?: SpanAttributes): void;
  failed(error: Pick<ErrorRecord, "code" | "what">, at: Instant): void;
  end(at: Instant): void;
}

/** Disposing it sends what is left, for some seconds at most. */
export interface ChunkTracer extends AsyncDisposable {
  /** Null where the trace of this chunk is not sampled. */
  begin(start: SpanStart): OpenSpan | null;
}
