import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type CopyFormat, CopyRows } from "./copy-rows.ts";
import { message } from "./messages.ts";

/** As PostgreSQL 15 begins and ends binary rows. */
const header = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
const trailer = Buffer.from("ffff", "hex");

function told(format: CopyFormat, pieces: readonly Uint8Array[]): readonly string[] {
  const found: string[] = [];
  const rows = new CopyRows(format, (row) => found.push(Buffer.from(row).toString("hex")));
  for (const piece of pieces) rows.push(piece);
  rows.end();
  expect(rows.rows).toBe(found.length);
  return found;
}

function sent(bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(bodies.map((body) => message("d", body)));
}

function cut(stream: Buffer, cuts: readonly number[]): readonly Uint8Array[] {
  const borders = [...new Set([0, ...cuts.filter((at) => at < stream.length), stream.length])].toSorted(
    (a, b) => a - b,
  );
  return borders.slice(1).map((end, index) => Uint8Array.from(stream.subarray(borders[index], end)));
}

/** A count of fields that is none of the trailer's, and what might be fields. */
const binaryRow = fc
  .tuple(fc.nat(1_600), fc.uint8Array({ maxLength: 30 }))
  .map(([fields, rest]) => Buffer.from([fields >> 8, fields & 0xff, ...rest]));
const line = fc.uint8Array({ maxLength: 30 });
const cuts = fc.array(fc.nat(600), { maxLength: 40 });
const hexOf = (row: Uint8Array): string => Buffer.from(row).toString("hex");

test("binary rows are told one by one, whatever the cuts, with the header beside the first row or alone", () => {
  fc.assert(
    fc.property(fc.array(binaryRow, { maxLength: 20 }), fc.boolean(), cuts, (rows, isHeaderAlone, at) => {
      const [first, ...rest] = rows;
      const bodies =
        isHeaderAlone || first === undefined
          ? [header, ...rows, trailer]
          : [Buffer.concat([header, first]), ...rest, trailer];
      expect(told("binary", cut(sent(bodies), at))).toEqual(rows.map(hexOf));
    }),
  );
});

test("rows of text are told without their ends of line, whatever the cuts", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), cuts, (rows, at) => {
      const bodies = rows.map((row) => Buffer.concat([row, Buffer.from("\n")]));
      expect(told("text", cut(sent(bodies), at))).toEqual(rows.map(hexOf));
    }),
  );
});

test("an empty table has a header and a trailer, in one message or two, and no row", () => {
  expect(told("binary", [sent([header, trailer])])).toEqual([]);
  expect(told("binary", [sent([Buffer.concat([header, trailer])])])).toEqual([]);
  expect(told("text", [])).toEqual([]);
});

test("a row without fields is a row, in both formats", () => {
  expect(told("binary", [sent([Buffer.concat([header, Buffer.from("0000", "hex")]), trailer])])).toEqual(["0000"]);
  expect(told("text", [sent([Buffer.from("\n")])])).toEqual([""]);
});

test("the bytes of a row that lies in one piece are handed on where they lie", () => {
  const stream = sent([header, Buffer.from("0001ffffffff", "hex"), trailer]);
  new CopyRows("binary", (row) => expect(row.buffer).toBe(stream.buffer)).push(stream);
  expect.assertions(1);
});

test("an extension of the header is skipped", () => {
  const extended = Buffer.concat([header.subarray(0, -4), Buffer.from("00000003aabbcc0001ffffffff", "hex")]);
  expect(told("binary", [sent([extended, trailer])])).toEqual(["0001ffffffff"]);
});

const refused: readonly [string, CopyFormat, Buffer, string][] = [
  ["another message", "text", Buffer.from(message("C", Buffer.from("COPY 1\0"))), "kind 67"],
  ["a length that cannot be", "text", Buffer.from("6400000003", "hex"), "3 bytes"],
  ["text without an end of line", "text", sent([Buffer.from("a")]), "end of line"],
  ["rows of another format", "binary", sent([Buffer.from("1\tthe first line of some text\n")]), "as binary ones do"],
  [
    "object ids",
    "binary",
    sent([Buffer.concat([header.subarray(0, 11), Buffer.from("0001000000000000", "hex")])]),
    "flags",
  ],
  [
    "an extension that is cut off",
    "binary",
    sent([Buffer.concat([header.subarray(0, 15), Buffer.from("00000001", "hex")])]),
    "cut off",
  ],
  ["half a count of fields", "binary", sent([header, Buffer.from("00", "hex")]), "a row of 1 bytes"],
  ["a row after the trailer", "binary", sent([header, trailer, Buffer.from("0000", "hex")]), "follows the trailer"],
  ["a trailer with something in it", "binary", sent([header, Buffer.from("ffff00", "hex")]), "more follows"],
  ["no trailer", "binary", sent([header, Buffer.from("0000", "hex")]), "without their trailer"],
  ["half a message", "text", sent([Buffer.from("a\n")]).subarray(0, -1), "inside of a message"],
  ["half a header of a message", "text", Buffer.from("6400", "hex"), "inside of a message"],
];

test.for(refused)("refused: %s", ([, format, stream, what]) => {
  expect(() => told(format, [stream])).toThrow(RangeError);
  expect(() => told(format, [stream])).toThrow(what);
});
