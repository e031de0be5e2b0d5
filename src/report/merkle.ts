/**
 * The Merkle tree hash of RFC 6962 section 2.1 over a stream of leaves, in O(log n) memory.
 * https://www.rfc-editor.org/rfc/rfc6962#section-2.1
 */
import { hash } from "node:crypto";

const leafPrefix = 0x00;
const nodePrefix = 0x01;
const digestBytes = 32;

/** Hashing is synchronous, so one place serves for all inputs; a million small buffers would be work for the collector. */
const nodeBytes = Buffer.alloc(1 + 2 * digestBytes, nodePrefix);
let leafBytes = Buffer.alloc(4096, leafPrefix);

/** MTH of one leaf: SHA-256(0x00 || data). */
function leafHash(data: Uint8Array): Buffer {
  if (leafBytes.length <= data.length) leafBytes = Buffer.alloc(2 * data.length, leafPrefix);
  leafBytes.set(data, 1);
  return hash("sha256", leafBytes.subarray(0, 1 + data.length), "buffer");
}

/** SHA-256(0x01 || left || right). */
function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeBytes.set(left, 1);
  nodeBytes.set(right, 1 + digestBytes);
  return hash("sha256", nodeBytes, "buffer");
}

/**
 * Holds the root of one perfect subtree for each bit that is set in the number of leaves so far, the largest first:
 * that is how the RFC splits a tree (the largest power of two below n goes left).
 */
export class MerkleTree {
  #leaves = 0;
  readonly #roots: Buffer[] = [];

  get leaves(): number {
    return this.#leaves;
  }

  add(data: Uint8Array): void {
    let subtree = leafHash(data);
    // Plain division, not bit shifts: those end at 2^31 leaves.
    for (let rest = this.#leaves; rest % 2 === 1; rest = (rest - 1) / 2) {
      subtree = nodeHash(this.#roots.pop() as Buffer, subtree);
    }
    this.#roots.push(subtree);
    this.#leaves += 1;
  }

  /** The tree hash of the leaves so far; SHA-256 of nothing where there are none. Leaves may follow. */
  root(): Buffer {
    let root: Buffer | null = null;
    for (const subtree of this.#roots.toReversed()) root = root === null ? subtree : nodeHash(subtree, root);
    return root ?? hash("sha256", Buffer.alloc(0), "buffer");
  }
}
