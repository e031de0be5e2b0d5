/** How long reads of a source take by what is asked of it. */
import type { LatencyModel } from "./scenario.ts";

/** Past it a read is as good as lost; it keeps the search below within numbers. */
const slownessMax = 10_000;

/** @returns how many times as long as on an idle source: 1 or more, growing with the load */
export function slownessAt(model: LatencyModel, bytesPerSecond: number): number {
  const { risesAtBytesPerSecond: rises, saturatesAtBytesPerSecond: full } = model;
  if (bytesPerSecond <= rises) return 1;
  if (bytesPerSecond >= full) return slownessMax;
  return Math.min(slownessMax, (full - rises) / (full - bytesPerSecond));
}

const rounds = 40;

/**
 * Readers slow down as the source does, and the source as they read: the slowness at which both agree. (What is asked
 * for falls as slowness grows, and slowness grows with what is asked for: there is one such point, found by halving.)
 * @param demand bytes per second that the fleet reads at that slowness
 * @param others what is read beside it
 */
export function settledSlowness(model: LatencyModel, demand: (slowness: number) => number, others: number): number {
  let low = 1;
  let high = slownessMax;
  if (slownessAt(model, demand(low) + others) <= low) return low;
  for (let round = 0; round < rounds; round += 1) {
    const middle = Math.sqrt(low * high);
    if (slownessAt(model, demand(middle) + others) > middle) low = middle;
    else high = middle;
  }
  return high;
}
