/**
 * One digest of rows whose order nobody knows: how many they are, and sums of parts of their SHA-256. Two sides that hold
 * the same rows, each as often, have the same digest; digests of parts are merged into that of the whole. Sums, not XOR:
 * a row that stands there twice would vanish from an XOR.
 *
 * The digest has 32 bytes: the count, then three lanes. Lane n is the sum, modulo 2^64, of bytes 8n to 8n + 7 of each row's
 * SHA-256. All four are 64-bit numbers, their lowest byte first. So the digest of a single row is 1 and the first 24 bytes
 * of its SHA-256.
 */
import { hash } from "node:crypto";
import { assert } from "../base/assert.ts";

const rowDigestBytes = 32;
const fields = 4;
const fieldBytes = 8;
const fieldModulus = 2n ** 64n;
const halfBits = 32n;
/** So many numbers of 32 bits are added up before a double could round their sum. */
const addsBeforeCarry = 2 ** 20;

export class RowDigest {
  /** Count, then three lanes: what has been carried so far. */
  readonly #carried = new BigUint64Array(fields);
  /** Of rows since the last carry: the lower and the upper half of each lane. Doubles, since BigInt costs more than the hash. */
  #low0 = 0;
  #high0 = 0;
  #low1 = 0;
  #high1 = 0;
  #low2 = 0;
  #high2 = 0;
  #adds = 0;

  /** @param row its bytes, in one form on both sides */
  add(row: Uint8Array): void {
    // A character a byte: Node makes a string of a digest three times as fast as a Buffer.
    const sum = hash("sha256", row, "binary");
    this.#low0 += wordAt(sum, 0);
    this.#high0 += wordAt(sum, 4);
    this.#low1 += wordAt(sum, 8);
    this.#high1 += wordAt(sum, 12);
    this.#low2 += wordAt(sum, 16);
    this.#high2 += wordAt(sum, 20);
    this.#adds += 1;
    if (this.#adds === addsBeforeCarry) this.#carry();
  }

  /** @param digest of other rows, as `digest` gives it: counts as if each of them had been added */
  merge(digest: Uint8Array): void {
    assert(digest.length === rowDigestBytes, `a digest of rows has ${rowDigestBytes} bytes, not ${digest.length}`);
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    for (let field = 0; field < fields; field += 1) this.#addTo(field, view.getBigUint64(field * fieldBytes, true));
  }

  get rows(): bigint {
    return (this.#carried[0] as bigint) + BigInt(this.#adds);
  }

  /** More may be added afterwards. */
  digest(): Uint8Array {
    this.#carry();
    const bytes = new Uint8Array(rowDigestBytes);
    const view = new DataView(bytes.buffer);
    for (const [field, value] of this.#carried.entries()) view.setBigUint64(field * fieldBytes, value, true);
    return bytes;
  }

  #carry(): void {
    this.#addTo(0, BigInt(this.#adds));
    this.#addTo(1, BigInt(this.#low0) + (BigInt(this.#high0) << halfBits));
    this.#addTo(2, BigInt(this.#low1) + (BigInt(this.#high1) << halfBits));
    this.#addTo(3, BigInt(this.#low2) + (BigInt(this.#high2) << halfBits));
    this.#low0 = this.#high0 = this.#low1 = this.#high1 = this.#low2 = this.#high2 = this.#adds = 0;
  }

  #addTo(field: number, value: bigint): void {
    this.#carried[field] = ((this.#carried[field] as bigint) + value) % fieldModulus;
  }
}

/** @returns 32 bits, the lowest byte first */
function wordAt(sum: string, at: number): number {
  return (
    (sum.charCodeAt(at) |
      (sum.charCodeAt(at + 1) << 8) |
      (sum.charCodeAt(at + 2) << 16) |
      (sum.charCodeAt(at + 3) << 24)) >>>
    0
  );
}
