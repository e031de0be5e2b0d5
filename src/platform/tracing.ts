/**
 * Spans of chunks by OpenTelemetry, sent as OTLP over HTTP. Loaded only where tracing is switched on. How and where to
 * they are sent (OTEL_EXPORTER_OTLP_*) and what the process is called (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES),
 * the library reads from the environment itself, as the standard has it.
 */
import {
  type Context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { traceOf } from "../model/trace.ts";
import type { Clock } from "../ports/clock.ts";
import type { ChunkTracer, OpenSpan, SpanStart } from "../ports/tracer.ts";

export interface TraceSettings {
  readonly protocol: "http/protobuf" | "http/json";
  /** Of all traces, 0 to 1: those whose ids say so, the same ones in each process. */
  readonly ratio: number;
  readonly batch: {
    readonly scheduledDelayMillis?: number;
    readonly exportTimeoutMillis?: number;
    readonly maxQueueSize?: number;
    readonly maxExportBatchSize?: number;
  };
}

export interface TracerOptions extends TraceSettings {
  readonly clock: Clock;
  readonly version: string;
  /** This process, as its leases name it. */
  readonly instance: string;
  /** Spans could not be sent. */
  readonly onTrouble: (message: string) => void;
}

/** Room for the plan of some large entries at once: the standard's 2,048 would lose most of it. */
const queuedMax = 16_384;
/** At the end of a process nobody waits longer for a collector. */
const flushMs = 5_000;

function quiet(): void {
  // Nobody asked for it.
}

export async function openTracer(options: TracerOptions): Promise<ChunkTracer> {
  const { clock, version, instance, onTrouble, ratio, batch } = options;
  const told = (message: string): void => onTrouble(message);
  diag.setLogger(
    { error: told, warn: told, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const exporter = await exporterOf(options.protocol);
  const processor = new BatchSpanProcessor({ exporter, maxQueueSize: queuedMax, ...batch });
  const ids = new RootIds();
  const own = { "service.name": "godwit", "service.version": version, "service.instance.id": instance };
  const provider = new TracerProvider({
    resource: resourceFromAttributes(own).merge(
      detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }),
    ),
    sampler: new TraceIdRatioBasedSampler(ratio),
    idGenerator: ids,
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("godwit", version);
  return {
    begin: (start) => {
      const { name, at, role, jobId, chunkId, attributes = {} } = start;
      const { traceId, rootSpanId } = traceOf(jobId, chunkId);
      ids.next = start.parent === null ? { traceId, spanId: rootSpanId } : null;
      const all = { "godwit.job.id": jobId, "godwit.chunk.id": chunkId, "godwit.role": role, ...attributes };
      const span = tracer.startSpan(name, { startTime: at, attributes: all }, contextOf(start, traceId, rootSpanId));
      return span.isRecording() ? new TracedSpan(span) : null;
    },
    [Symbol.asyncDispose]: async () => {
      const over = new AbortController();
      const patience = clock.sleep(flushMs, over.signal).catch(() => undefined);
      await Promise.race([provider.shutdown().catch((error: unknown) => onTrouble(String(error))), patience]);
      over.abort();
    },
  };
}

/** Only the one that is used is loaded. */
async function exporterOf(protocol: TraceSettings["protocol"]): Promise<SpanExporter> {
  if (protocol === "http/json") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
    return new OTLPTraceExporter();
  }
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter();
}

function contextOf({ parent }: SpanStart, traceId: string, rootSpanId: string): Context {
  if (parent === null) return ROOT_CONTEXT;
  if (parent instanceof TracedSpan) return trace.setSpan(ROOT_CONTEXT, parent.span);
  // Whoever planned the chunk has made, or will make, this span: often another process.
  const root = { traceId, spanId: rootSpanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, root);
}

/** Random ids, but for the root of a trace. Spans are begun one after the other: nobody else asks in between. */
class RootIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  next: { readonly traceId: string; readonly spanId: string } | null = null;

  generateTraceId(): string {
    return this.next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.next?.spanId ?? this.#random.generateSpanId();
  }
}

class TracedSpan implements OpenSpan {
  readonly span: Span;

  constructor(span: Span) {
    this.span = span;
  }

  event(...[name, at, attributes]: Parameters<OpenSpan["event"]>): void {
    this.span.addEvent(name, attributes, at);
  }

  /** As the conventions for exceptions have it. */
  failed(...[{ code, what }, at]: Parameters<OpenSpan["failed"]>): void {
    this.span.setAttribute("error.type", code);
    this.span.addEvent("exception", { "exception.type": code, "exception.message": what }, at);
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  }

  end(at: number): void {
    this.span.end(at);
  }
}
