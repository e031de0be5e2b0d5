/** Receives traces as a collector does: OTLP over HTTP, in JSON or protobuf, and keeps what came. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { decodeProtobuf } from "./otlp-protobuf.ts";

export type OtlpAttributes = Readonly<Record<string, string | number | boolean>>;

export interface OtlpSpan {
  /** Hex, as all ids; an empty parent is none. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: OtlpAttributes;
  readonly events: readonly string[];
  readonly isError: boolean;
  readonly resource: OtlpAttributes;
}

export interface OtlpCollector extends AsyncDisposable {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT takes. */
  readonly address: string;
  readonly spans: readonly OtlpSpan[];
  /** Media types of what came. */
  readonly media: ReadonlySet<string>;
  /** Why something that came was refused. */
  readonly refused: readonly string[];
}

export async function startCollector(): Promise<OtlpCollector> {
  const spans: OtlpSpan[] = [];
  const media = new Set<string>();
  const refused: string[] = [];
  const receive = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const type = incoming.headers["content-type"] ?? "";
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
    try {
      if (incoming.method !== "POST" || incoming.url !== "/v1/traces")
        throw new Error(`${incoming.method} ${incoming.url}`);
      spans.push(...decode(type, body));
      media.add(type);
      outgoing.writeHead(200, { "content-type": type }).end(type === "application/json" ? "{}" : "");
    } catch (error) {
      refused.push(String(error));
      outgoing.writeHead(400).end();
    }
  };
  const server = createServer((incoming, outgoing) => void receive(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    spans,
    media,
    refused,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function decode(type: string, body: Buffer): readonly OtlpSpan[] {
  if (type === "application/x-protobuf") return decodeProtobuf(body);
  if (type === "application/json") return decodeJson(body.toString("utf8"));
  throw new Error(`the content type is ${type}`);
}

const anyValue = z.union([
  z.strictObject({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.strictObject({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
  // By the mapping of protobuf to JSON 64-bit numbers are text; numbers are taken too.
  z.strictObject({ intValue: z.union([z.string(), z.number()]) }).transform(({ intValue }) => Number(intValue)),
  z.strictObject({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
]);
const attributes = z
  .array(z.object({ key: z.string(), value: anyValue }))
  .default([])
  .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, value])));
const nanos = z.union([z.string(), z.number()]).transform(BigInt);
/** https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hex there. */
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().regex(/^[0-9a-f]{32}$/),
              spanId: z.string().regex(/^[0-9a-f]{16}$/),
              parentSpanId: z.string().default(""),
              name: z.string(),
              startTimeUnixNano: nanos,
              endTimeUnixNano: nanos,
              attributes,
              events: z.array(z.object({ name: z.string() })).default([]),
              status: z.object({ code: z.number().default(0) }).default({ code: 0 }),
            }),
          ),
        }),
      ),
    }),
  ),
});

function decodeJson(text: string): readonly OtlpSpan[] {
  return request.parse(JSON.parse(text)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, events, status, ...span }) => ({
        ...span,
        startNs: startTimeUnixNano,
        endNs: endTimeUnixNano,
        events: events.map(({ name }) => name),
        isError: status.code === 2,
        resource: resource.attributes,
      })),
    ),
  );
}
