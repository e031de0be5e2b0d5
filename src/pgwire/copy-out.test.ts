import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CopyOut } from "./copy-out.ts";

function message(kind: string, body: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.write(kind, 0, "latin1");
  header.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

function scan(pieces: readonly Uint8Array[]) {
  const [data, others] = [[] as Buffer[], [] as [string, string][]];
  const copy = new CopyOut({
    onData: (bytes) => data.push(Buffer.from(bytes)),
    onMessage: (kind, body) => others.push([kind, Buffer.from(body).toString("hex")]),
  });
  for (const piece of pieces) copy.push(piece);
  return { data: Buffer.concat(data), others };
}

const body = fc.uint8Array({ maxLength: 40 });
const messages = fc.array(fc.tuple(fc.constantFrom("d", "d", "d", "N", "c", "C", "Z"), body), { maxLength: 30 });

test("rows come through byte for byte, and all else as messages, however the stream is cut", () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(2_000), { maxLength: 60 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(([kind, bytes]) => message(kind, bytes)));
      const borders = [...new Set([0, ...cuts.filter((cut) => cut < stream.length), stream.length])];
      borders.sort((a, b) => a - b);
      const pieces = borders.slice(1).map((end, index) => Uint8Array.from(stream.subarray(borders[index], end)));
      const rows = sent.filter(([kind]) => kind === "d");
      expect(scan(pieces)).toEqual({
        data: Buffer.concat(rows.map(([kind, bytes]) => message(kind, bytes))),
        others: sent
          .filter(([kind]) => kind !== "d")
          .map(([kind, bytes]) => [kind, Buffer.from(bytes).toString("hex")]),
      });
    }),
  );
});

test("a stream that is no stream of messages is refused", () => {
  expect(() => scan([Buffer.from("HTTP/1.1 400 Bad Request")])).toThrow(RangeError);
  expect(() => scan([Buffer.from([0x64, 0, 0, 0, 3])])).toThrow("a message of 3 bytes");
});

test("whoever gave a piece may use its bytes again: what was half of a message is kept", () => {
  const whole = Buffer.concat([message("d", Buffer.from("a row\n")), message("C", Buffer.from("COPY 1\0"))]);
  const heard: string[] = [];
  const out = new CopyOut({
    onData: (bytes) => heard.push(`d ${Buffer.from(bytes).toString("latin1")}`),
    onMessage: (kind, rest) => heard.push(`${kind} ${Buffer.from(rest).toString("latin1")}`),
  });
  const reused = Buffer.alloc(4);
  for (let from = 0; from < whole.length; from += 4) {
    const length = whole.copy(reused, 0, from, from + 4);
    out.push(reused.subarray(0, length));
  }
  expect(heard.filter((text) => text.startsWith("C"))).toEqual(["C COPY 1\0"]);
  const data = heard.filter((text) => text.startsWith("d ")).map((text) => text.slice(2));
  expect(data.join("")).toBe(message("d", Buffer.from("a row\n")).toString("latin1"));
});
