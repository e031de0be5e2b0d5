import { type ErrorRecord, GodwitError } from "../base/errors.ts";
import type { Item } from "../model/chunk.ts";
import type { Evidence } from "../model/entry.ts";
import type { Witness } from "./digest-frames.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { EvidenceProvider, Expectation } from "./role.ts";

/** Compares whole items of a chunk with what the evidence expects of them. */
export interface EvidenceWitness extends Witness {
  /** What the proof of this item rests on when nothing speaks against it; null where the evidence says nothing of it. */
  evidenceOf(item: number): Evidence | null;
}

const asksAtOnce = 16;

/** Asks for the evidence of every file of the chunk, some at a time. Ranges are no whole entries: their head is judged. */
export async function openWitness(provider: EvidenceProvider, assignment: Assignment): Promise<EvidenceWitness | null> {
  const { items, skip, signal, task } = assignment;
  if (task.kind === "range") return null;
  const expectations = new Map<number, Expectation>();
  const wanted = items.flatMap((item, index) => (item.entry.kind === "file" && !skip.has(index) ? [index] : []));
  for (let from = 0; from < wanted.length; from += asksAtOnce) {
    await Promise.all(
      wanted.slice(from, from + asksAtOnce).map(async (index) => {
        const expectation = await expect(provider, items[index] as Item, signal);
        if (expectation !== null) expectations.set(index, expectation);
      }),
    );
  }
  return {
    evidenceOf: (item) => (expectations.has(item) ? provider.evidence : null),
    bytes: (item, bytes) => expectations.get(item)?.update(bytes),
    objection: async ({ item, digest, isLast }) =>
      isLast ? ((await expectations.get(item)?.objection(digest)) ?? null) : null,
  };
}

/** An entry that may not be asked about ends with that error, and its neighbours go on. */
async function expect(provider: EvidenceProvider, item: Item, signal: AbortSignal): Promise<Expectation | null> {
  try {
    return await provider.expect(item, signal);
  } catch (error) {
    if (!(error instanceof GodwitError) || (error.disposition !== "rejected" && error.disposition !== "corrupt"))
      throw error;
    const refused = error.toJSON();
    return { update: () => {}, objection: () => Promise.resolve(refused) };
  }
}

/** Compares each block with that of the pre-flight read. */
export function secondReadWitness(earlier: Uint8Array): EvidenceWitness {
  return {
    evidenceOf: () => "second_read",
    bytes: () => {},
    objection: async ({ block, digest }): Promise<ErrorRecord | null> => {
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
