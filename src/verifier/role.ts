import type { NewSha256Pair } from "../model/block-hasher.ts";
import type { ReadFrom } from "../model/entry.ts";
import type { Meter } from "../model/meter.ts";
import type { Source } from "../ports/source.ts";
import type { Target } from "../ports/target.ts";

/** What a verifier's tasks work with: opened once for each lane. */
export interface VerifierRole {
  /** Null for `check`: nothing is written, so nothing is read back. */
  readonly target: Target | null;
  /** The target's tree as a source, and the source: for comparing content that is already there. */
  readonly existing: Source;
  readonly existingReadFrom: ReadFrom;
  readonly source: Source;
  readonly meter: Meter;
  /** Null where this machine hashes streams one by one. */
  readonly newPair: NewSha256Pair | null;
}
