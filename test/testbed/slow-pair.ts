import { createHash } from "node:crypto";
import { assert } from "../../src/base/assert.ts";
import type { Sha256Pair } from "../../src/model/block-hasher.ts";

/** Two streams hashed one by one behind the same face: for machines that cannot do it at once. */
export function slowPair(): Sha256Pair {
  let both = [createHash("sha256"), createHash("sha256")] as const;
  return {
    begin: () => {
      both = [createHash("sha256"), createHash("sha256")];
    },
    update: (one, other) => {
      assert(one.length === other.length && one.length % 64 === 0, "streams of a pair go side by side");
      both[0].update(one);
      both[1].update(other);
    },
    end: () => [both[0].digest(), both[1].digest()],
  };
}
