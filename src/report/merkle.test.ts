import { createHash } from "node:crypto";
import { array, assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { MerkleTree } from "./merkle.ts";

/** The tests of Certificate Transparency (google/certificate-transparency, merkletree/merkle_tree_test.cc). */
const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

test("the roots of 0 to 8 leaves are those of Certificate Transparency", () => {
  const tree = new MerkleTree();
  const found = [tree.root().toString("hex")];
  for (const leaf of leaves) {
    tree.add(Buffer.from(leaf, "hex"));
    found.push(tree.root().toString("hex"));
  }
  expect(found).toEqual(roots);
  expect(tree.leaves).toBe(8);
});

test("the streamed root is the one of the RFC's recursive definition, for any leaves", () => {
  assert(
    property(array(uint8Array({ maxLength: 80 }), { maxLength: 70 }), (data) => {
      const tree = new MerkleTree();
      for (const leaf of data) tree.add(leaf);
      expect(tree.root()).toEqual(definition(data));
    }),
  );
});

test("a leaf longer than any before is hashed whole", () => {
  const tree = new MerkleTree();
  tree.add(Buffer.alloc(10, 1));
  tree.add(Buffer.alloc(100_000, 2));
  tree.add(Buffer.alloc(4095, 3));
  expect(tree.root()).toEqual(definition([Buffer.alloc(10, 1), Buffer.alloc(100_000, 2), Buffer.alloc(4095, 3)]));
});

/** RFC 6962 section 2.1, word for word. */
function definition(data: readonly Uint8Array[]): Buffer {
  if (data.length === 0) return sha256([]);
  if (data.length === 1) return sha256([Buffer.of(0), data[0] as Uint8Array]);
  let k = 1;
  while (k * 2 < data.length) k *= 2;
  return sha256([Buffer.of(1), definition(data.slice(0, k)), definition(data.slice(k))]);
}

function sha256(parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
