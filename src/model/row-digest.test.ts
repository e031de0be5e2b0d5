import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RowDigest } from "./row-digest.ts";

const row = fc.uint8Array({ maxLength: 100 });
const rows = fc.array(row, { maxLength: 40 });

function digestOf(some: readonly Uint8Array[]): Uint8Array {
  const digest = new RowDigest();
  for (const bytes of some) digest.add(bytes);
  return digest.digest();
}

/** As the definition reads, with whole numbers. */
function defined(some: readonly Uint8Array[]): Uint8Array {
  const sums = [BigInt(some.length), 0n, 0n, 0n];
  for (const bytes of some) {
    const sum = createHash("sha256").update(bytes).digest();
    for (const lane of [1, 2, 3]) sums[lane] = (sums[lane] as bigint) + sum.readBigUInt64LE((lane - 1) * 8);
  }
  const bytes = Buffer.alloc(32);
  for (const [field, sum] of sums.entries()) bytes.writeBigUInt64LE(sum % 2n ** 64n, field * 8);
  return Uint8Array.from(bytes);
}

test("the digest of one row is 1 and the first 24 bytes of its SHA-256; of none, zeros", () => {
  expect(Buffer.from(digestOf([Buffer.from("abc")])).toString("hex")).toBe(
    "0100000000000000ba7816bf8f01cfea414140de5dae2223b00361a396177a9c",
  );
  expect(digestOf([])).toEqual(new Uint8Array(32));
});

test("it is the count and the sums that its definition says", () => {
  fc.assert(
    fc.property(rows, (some) => {
      expect(digestOf(some)).toEqual(defined(some));
    }),
  );
});

test("the order of rows does not matter, and parts are merged into the whole, however they are cut", () => {
  fc.assert(
    fc.property(rows, fc.array(fc.nat(5), { maxLength: 40 }), (some, places) => {
      const parts = Array.from({ length: 6 }, () => new RowDigest());
      for (const [index, bytes] of some.entries()) parts[places[index] ?? 0]?.add(bytes);
      const whole = new RowDigest();
      for (const part of parts.toReversed()) whole.merge(part.digest());
      expect(whole.digest()).toEqual(digestOf(some));
      expect(whole.rows).toBe(BigInt(some.length));
    }),
  );
});

test("a row that is missing, doubled, or another by one bit is seen; so is a pair that stands there twice", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), fc.nat(), fc.nat(), (some, which, bit) => {
      const at = which % some.length;
      const one = some[at] as Uint8Array;
      const changed = one.length === 0 ? Uint8Array.of(0) : Uint8Array.from(one);
      if (one.length > 0) changed[bit % one.length] = (one[bit % one.length] as number) ^ (1 << (bit % 8));
      const whole = digestOf(some);
      for (const other of [some.toSpliced(at, 1), [...some, one], [...some, one, one], some.with(at, changed)])
        expect(digestOf(other)).not.toEqual(whole);
    }),
  );
});

test("more rows than doubles could add up exactly, and digests in between, change nothing", () => {
  const kinds = Array.from({ length: 7 }, (_, index) => Buffer.from(`row ${index}`));
  const each = 700_000n;
  const digest = new RowDigest();
  for (let at = 0; at < 7 * Number(each); at += 1) {
    digest.add(kinds[at % 7] as Buffer);
    if (at === 5) digest.digest();
  }
  const view = Buffer.from(digest.digest());
  expect(view.readBigUInt64LE(0)).toBe(7n * each);
  for (const lane of [0, 8, 16]) {
    const sums = kinds.map((kind) => createHash("sha256").update(kind).digest().readBigUInt64LE(lane) * each);
    expect(view.readBigUInt64LE(8 + lane)).toBe(sums.reduce((one, other) => one + other) % 2n ** 64n);
  }
});

test("what is no digest of rows is not merged", () => {
  expect(() => new RowDigest().merge(new Uint8Array(31))).toThrow("32 bytes");
});
