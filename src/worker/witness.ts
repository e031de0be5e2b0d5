import type { Item } from "../model/chunk.ts";
import type { Witness } from "./digest-frames.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { EvidenceProvider, Expectation } from "./role.ts";

/** Compares whole items of a chunk with what the evidence expects of them. */
export interface EvidenceWitness extends Witness {
  /** Items about which the evidence says nothing: their proof rests on one read. */
  readonly silent: number;
}

/** Asks for the evidence of every file of the chunk, some at a time. Ranges are no whole entries: their head is judged. */
export async function openWitness(provider: EvidenceProvider, assignment: Assignment): Promise<EvidenceWitness | null> {
  const { items, skip, signal, task } = assignment;
  if (task.kind === "range") return null;
  const expectations = new Map<number, Expectation>();
  let silent = 0;
  const wanted = items.flatMap((item, index) => (item.entry.kind === "file" && !skip.has(index) ? [index] : []));
  const atOnce = 16;
  for (let from = 0; from < wanted.length; from += atOnce) {
    await Promise.all(
      wanted.slice(from, from + atOnce).map(async (index) => {
        const expectation = await provider.expect(items[index] as Item, signal);
        if (expectation === null) silent += 1;
        else expectations.set(index, expectation);
      }),
    );
  }
  return {
    silent,
    bytes: (item, bytes) => expectations.get(item)?.update(bytes),
    objection: async ({ item, digest, isLast }) =>
      isLast ? ((await expectations.get(item)?.objection(digest)) ?? null) : null,
  };
}

/** Compares each block with that of the pre-flight read. */
export function secondReadWitness(earlier: Uint8Array): Witness {
  return {
    bytes: () => {},
    objection: async ({ block, digest }) => {
      if (Buffer.compare(earlier.subarray(block * 32, block * 32 + 32), digest) === 0) return null;
      return {
        code: "source_evidence_mismatch",
        disposition: "retry",
        what: "two reads of the source gave different bytes, though its version stayed the same",
        hint: "Suspect the source's medium, memory or network. The entry is read again, up to 3 times in all.",
      };
    },
  };
}
