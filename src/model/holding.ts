/**
 * What a worker may be making use of. A renewal that gives less does not take effect when it is written: its answer may
 * be lost, and the worker then keeps to what it had until that runs out. So both count, until the worker asks again and
 * names what it keeps to.
 */
import type { Instant } from "./chunk.ts";
import { grantMs } from "./shares.ts";

/** Bytes per second; null: no limit. */
type Rate = number | null;

export interface Holding {
  readonly given: Rate;
  readonly givenUntil: Instant;
  /** What it kept to when it was given that. */
  readonly held: Rate;
  readonly heldUntil: Instant;
}

/** The most that it may be making use of: 0 when all has run out. */
export function countedBytes({ given, givenUntil, held, heldUntil }: Holding, now: Instant): Rate {
  const rates = [givenUntil > now ? given : 0, heldUntil > now ? held : 0];
  return rates.includes(null) ? null : Math.max(...rates.map((rate) => rate ?? 0));
}

export interface Renewal {
  readonly given: Rate;
  /** What the worker keeps to until it has the answer. */
  readonly holds: Rate;
  readonly now: Instant;
}

/** @param before null: it had none, or none that is known any more */
export function renewHolding(before: Holding | null, { given, holds, now }: Renewal): Holding {
  const until = before === null ? now + grantMs : Math.max(before.givenUntil, before.heldUntil);
  return { given, givenUntil: now + grantMs, held: holds, heldUntil: holds === 0 ? 0 : until };
}
