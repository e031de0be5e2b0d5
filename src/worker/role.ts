import type { ErrorRecord } from "../base/errors.ts";
import type { NewSha256Pair } from "../model/block-hasher.ts";
import type { Item } from "../model/chunk.ts";
import { type Evidence, hasContent, type Outcome } from "../model/entry.ts";
import type { Meter } from "../model/meter.ts";
import type { ItemEnding } from "../model/task.ts";
import type { Clock } from "../ports/clock.ts";
import type { Source } from "../ports/source.ts";
import type { Target } from "../ports/target.ts";

/** What a worker's tasks work with: opened once for each lane. */
export interface WorkerRole {
  readonly source: Source;
  readonly target: Target;
  readonly clock: Clock;
  /** What a range is to have. */
  readonly chunkBytes: number;
  readonly meter: Meter;
  /** Null where this machine hashes streams one by one. */
  readonly newPair: NewSha256Pair | null;
  /** Where the source's bytes shall be compared with evidence; null where there is none. */
  readonly evidence: EvidenceProvider | null;
}

/** Knows what the bytes of whole entries should be, from somewhere else than the read that is under way. */
export interface EvidenceProvider {
  /** What the proof then rests on. */
  readonly evidence: Evidence;
  /** @returns null when it knows nothing of this item */
  expect(item: Item, signal: AbortSignal): Promise<Expectation | null>;
}

/** Fed with the bytes of one whole entry, in order. */
export interface Expectation {
  update(bytes: Uint8Array): void;
  /** @param blockDigest the SHA-256 of the last block: the whole entry's, where it has one block */
  objection(blockDigest: Uint8Array): Promise<ErrorRecord | null>;
}

/**
 * A changed entry is cut anew by its new size: with parts as small as before it might need more of them than the target
 * takes. It ends here when the target can never hold what it has become.
 */
export function recut(target: Pick<Target, "accepts" | "blockBytes">, ending: ItemEnding): ItemEnding {
  const { now } = ending;
  if (now === null) return ending;
  const accepted = target.accepts(now);
  if (!accepted.ok) return refusal(ending.item, accepted.error);
  return { ...ending, nowBlockBytes: target.blockBytes(hasContent(now.kind) ? now.sizeBytes : 0) };
}

const neverHeld = new Set<string>([
  "name_unsupported",
  "kind_unsupported",
  "too_large",
  "target_conflict",
  "target_escape",
]);

/** The ending of an item that the target did not take. */
export function refusal(item: number, error: ErrorRecord): ItemEnding {
  const isFinal = error.disposition !== "retry";
  const outcome: Outcome = isFinal && neverHeld.has(error.code) ? "unsupported" : "failed";
  return { item, outcome, evidence: "none", error, now: null, again: false };
}
