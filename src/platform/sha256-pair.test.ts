import { hash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { slowPair } from "../../test/testbed/slow-pair.ts";
import { sha256Pairs } from "./sha256-pair.ts";

/** On a machine that cannot hash two streams at once the reference stands in: it keeps the same contract. */
const newPair = sha256Pairs() ?? slowPair;
const unit = 64;

function hex(digests: readonly Uint8Array[]): string[] {
  return digests.map((digest) => Buffer.from(digest).toString("hex"));
}

test("two streams at once have the digests that they have one by one, however they are cut and wherever they lie", () => {
  const cuts = fc.array(fc.nat(40), { maxLength: 6 });
  const offsets = fc.tuple(fc.nat(70), fc.nat(70));
  fc.assert(
    fc.property(cuts, offsets, fc.nat(), (units, [skipOne, skipOther], seed) => {
      const length = units.reduce((sum, each) => sum + each * unit, 0);
      const bytes = Buffer.from(Array.from({ length: 2 * length + 140 }, (_, at) => (at * 197 + seed) % 253));
      const one = bytes.subarray(skipOne, skipOne + length);
      const other = bytes.subarray(length + skipOther, 2 * length + skipOther);
      const pair = newPair();
      pair.begin();
      let at = 0;
      for (const each of units) {
        pair.update(one.subarray(at, at + each * unit), other.subarray(at, at + each * unit));
        at += each * unit;
      }
      expect(hex(pair.end())).toEqual([hash("sha256", one), hash("sha256", other)]);
    }),
  );
});

test("a pair can be begun anew, and two of them do not disturb each other", () => {
  const [first, second] = [newPair(), newPair()];
  const [zeros, ones] = [new Uint8Array(128), new Uint8Array(128).fill(1)];
  first.begin();
  first.update(ones, ones);
  first.begin();
  second.begin();
  first.update(zeros, ones);
  second.update(ones, zeros);
  expect(hex(first.end())).toEqual([hash("sha256", zeros), hash("sha256", ones)]);
  expect(hex(second.end())).toEqual([hash("sha256", ones), hash("sha256", zeros)]);
});

test("streams of different lengths, or of half a unit, are refused", () => {
  const pair = newPair();
  pair.begin();
  expect(() => pair.update(new Uint8Array(64), new Uint8Array(128))).toThrow(/side by side/);
  expect(() => pair.update(new Uint8Array(32), new Uint8Array(32))).toThrow(/side by side/);
});
