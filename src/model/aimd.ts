/**
 * How many lanes may read a source at once: halved when it has enough, one more after five quiet minutes (additive
 * increase, multiplicative decrease: Chiu and Jain 1989, https://doi.org/10.1016/0169-7552(89)90019-6).
 */
import type { Instant } from "./chunk.ts";

/** A cut shows in the signals once every worker has learned of it and has told its latency anew: not sooner. */
export const reactionMs = 30_000;
export const calmMs = 300_000;

export interface ThrottleState {
  /** From 1 on. Null: as many as there are. */
  readonly lanesAllowed: number | null;
  readonly cutAt: Instant | null;
  /** Since then no signal was above its threshold; null while one is. */
  readonly calmSince: Instant | null;
}

export const unthrottled: ThrottleState = { lanesAllowed: null, cutAt: null, calmSince: null };

export interface Pressure {
  readonly isAbove: boolean;
  /** Lanes that may be reading now. */
  readonly lanesActive: number;
  /** Lanes that would, if all were allowed. */
  readonly lanesWanted: number;
  readonly now: Instant;
}

export function react(state: ThrottleState, pressure: Pressure): ThrottleState {
  return pressure.isAbove ? cut(state, pressure) : recover(state, pressure);
}

function cut(state: ThrottleState, { lanesActive, now }: Pressure): ThrottleState {
  // A clock that was set back must not keep the fleet from backing off.
  if (state.cutAt !== null && now >= state.cutAt && now - state.cutAt < reactionMs)
    return { ...state, calmSince: null };
  // Nobody reads, so that it is not the fleet that makes the source slow.
  if (lanesActive === 0) return { ...state, calmSince: null };
  const active = Math.min(state.lanesAllowed ?? Infinity, lanesActive);
  return { lanesAllowed: Math.max(1, Math.floor(active / 2)), cutAt: now, calmSince: null };
}

function recover(state: ThrottleState, { lanesWanted, now }: Pressure): ThrottleState {
  const { lanesAllowed, cutAt } = state;
  const calmSince = Math.min(state.calmSince ?? now, now);
  if (lanesAllowed === null || now - calmSince < calmMs) return { lanesAllowed, cutAt, calmSince };
  const more = lanesAllowed + 1;
  return { lanesAllowed: more >= lanesWanted ? null : more, cutAt, calmSince: now };
}
