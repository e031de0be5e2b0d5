/**
 * Decodes OTLP trace requests from protobuf, by the wire format (https://protobuf.dev/programming-guides/encoding/) and
 * the field numbers of opentelemetry-proto (trace/v1/trace.proto). What it does not know it passes over.
 */
import type { OtlpAttributes, OtlpSpan } from "./otlp-collector.ts";

interface Field {
  readonly number: number;
  /** Of length-delimited fields; else empty. */
  readonly bytes: Buffer;
  /** Of numbers; else 0. */
  readonly value: bigint;
}

function varint(buffer: Buffer, from: number): readonly [value: bigint, next: number] {
  let value = 0n;
  for (let at = from; ; at += 1) {
    const byte = buffer[at];
    if (byte === undefined) throw new Error("a number is cut off");
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - from));
    if (byte < 0x80) return [value, at + 1];
  }
}

function fieldsOf(buffer: Buffer): readonly Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < buffer.length;) {
    const [key, after] = varint(buffer, at);
    const number = Number(key >> 3n);
    switch (Number(key & 7n)) {
      case 0: {
        const [value, next] = varint(buffer, after);
        fields.push({ number, bytes: Buffer.alloc(0), value });
        at = next;
        break;
      }
      case 1:
        fields.push({ number, bytes: buffer.subarray(after, after + 8), value: buffer.readBigUInt64LE(after) });
        at = after + 8;
        break;
      case 2: {
        const [length, start] = varint(buffer, after);
        const end = start + Number(length);
        if (end > buffer.length) throw new Error("a field is cut off");
        fields.push({ number, bytes: buffer.subarray(start, end), value: 0n });
        at = end;
        break;
      }
      case 5:
        fields.push({ number, bytes: buffer.subarray(after, after + 4), value: BigInt(buffer.readUInt32LE(after)) });
        at = after + 4;
        break;
      default:
        throw new Error("this is no protobuf");
    }
  }
  return fields;
}

function all(fields: readonly Field[], number: number): readonly Buffer[] {
  return fields.filter((field) => field.number === number).map(({ bytes }) => bytes);
}

function text(fields: readonly Field[], number: number): string {
  return all(fields, number)[0]?.toString("utf8") ?? "";
}

function attributesOf(fields: readonly Field[], number: number): OtlpAttributes {
  return Object.fromEntries(
    all(fields, number).map((keyValue) => {
      const pair = fieldsOf(keyValue);
      const [value] = fieldsOf(all(pair, 2)[0] ?? Buffer.alloc(0));
      return [text(pair, 1), value === undefined ? "" : valueOf(value)];
    }),
  );
}

function valueOf({ number, bytes, value }: Field): string | number | boolean {
  if (number === 1) return bytes.toString("utf8");
  if (number === 2) return value !== 0n;
  return number === 3 ? Number(BigInt.asIntN(64, value)) : bytes.readDoubleLE();
}

export function decodeProtobuf(body: Buffer): readonly OtlpSpan[] {
  return all(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const parts = fieldsOf(resourceSpans);
    const resource = attributesOf(fieldsOf(all(parts, 1)[0] ?? Buffer.alloc(0)), 1);
    return all(parts, 2)
      .flatMap((scopeSpans) => all(fieldsOf(scopeSpans), 2))
      .map((span) => spanOf(fieldsOf(span), resource));
  });
}

function spanOf(fields: readonly Field[], resource: OtlpAttributes): OtlpSpan {
  const hex = (number: number): string => all(fields, number)[0]?.toString("hex") ?? "";
  const nanos = (number: number): bigint => fields.find((field) => field.number === number)?.value ?? 0n;
  const status = fieldsOf(all(fields, 15)[0] ?? Buffer.alloc(0));
  return {
    traceId: hex(1),
    spanId: hex(2),
    parentSpanId: hex(4),
    name: text(fields, 5),
    startNs: nanos(7),
    endNs: nanos(8),
    attributes: attributesOf(fields, 9),
    events: all(fields, 11).map((event) => text(fieldsOf(event), 2)),
    isError: status.some(({ number, value }) => number === 3 && value === 2n),
    resource,
  };
}
