import { hash } from "node:crypto";

/** Of the 32 bytes: the number of rows, then the sums of three lanes of their SHA-256, each modulo 2^64. */
const lanes = 3;

/**
 * The digest of rows whose order means nothing: two sides that hold the same rows, each as often, have the same one. A
 * sum, since with XOR two equal rows would cancel each other out.
 */
export class MultisetDigest {
  #rows = 0n;
  readonly #sums = new BigUint64Array(lanes);

  /** @param row its bytes, the same on both sides */
  update(row: Uint8Array): void {
    const lane = hash("sha256", row, "buffer");
    this.#rows += 1n;
    // Sums in 64 bits wrap around by themselves.
    for (let at = 0; at < lanes; at += 1) this.#sums[at] = (this.#sums[at] as bigint) + lane.readBigUInt64BE(at * 8);
  }

  digest(): Uint8Array {
    const bytes = Buffer.alloc(8 * (lanes + 1));
    bytes.writeBigUInt64BE(this.#rows, 0);
    this.#sums.forEach((sum, at) => bytes.writeBigUInt64BE(sum, 8 * (at + 1)));
    return bytes;
  }
}
