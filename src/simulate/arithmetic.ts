/** What can be said without a simulation: a division, and one by the hours of a timetable. */
import { capOf } from "../model/budget.ts";
import type { Instant } from "../model/chunk.ts";
import type { Timetable } from "../model/timetable.ts";
import type { SourceModel } from "./scenario.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const minuteMs = 60_000;
/** Whoever is not done by then is never done. */
const yearsMax = 5;
/** Windows come again each week: whoever moved nothing for longer never will. */
const idleMsMax = 15 * dayMs;

/** @returns milliseconds */
export function transferMs(bytes: number, bytesPerSecond: number): number {
  return (bytes / bytesPerSecond) * 1_000;
}

/** @returns bytes per second that must be kept up all the time */
export function requiredRate(bytes: number, deadlineMs: number): number {
  return (bytes / deadlineMs) * 1_000;
}

/** Of a source whose limits are those of the scenario; null without a cap. */
function capAt(source: SourceModel, at: Instant): number | null {
  const { statedPeakBytesPerSecond, limitBytesPerSecond, timetable } = source;
  return capOf({ production: false, statedPeakBytesPerSecond, limitBytesPerSecond, timetable }, at);
}

/** The same, looked up once for each slot of the timetable. */
export function capsByMinute(source: SourceModel): (at: Instant) => number | null {
  return bySlot(source.timetable, (at) => capAt(source, at));
}

/** Time zones are whole quarters of an hour apart: minutes of a timetable are the same ones everywhere, counted in these. */
const quarterMinutes = 15;
const slotsMax = 20_000;

/** What a timetable decides, remembered from one minute that it names to the next. */
export function bySlot<T>(timetable: Timetable | null, decide: (at: Instant) => T): (at: Instant) => T {
  const named = (timetable?.lines ?? []).flatMap((line) =>
    Array.from(line.matchAll(/\d\d:(\d\d)/g), ([, m]) => Number(m)),
  );
  const starts = new Set(named.map((minute) => minute % quarterMinutes));
  const known = new Map<number, T>();
  return (at) => {
    let minute = timetable === null ? 0 : Math.floor(at / minuteMs);
    while (minute > 0 && !starts.has(minute % quarterMinutes)) minute -= 1;
    const seen = known.get(minute);
    if (seen !== undefined) return seen;
    const decided = decide(minute * minuteMs);
    if (known.size >= slotsMax) known.clear();
    known.set(minute, decided);
    return decided;
  };
}

/**
 * How long bytes take at what is allowed and possible at each moment, nothing else in the way.
 * @param possible bytes per second at most, by the moment
 * @returns milliseconds; null when it would take years
 */
export function cappedTransferMs(
  bytes: number,
  start: Instant,
  { cap, possible }: { readonly cap: (at: Instant) => number | null; readonly possible: (at: Instant) => number },
): number | null {
  let left = bytes;
  let movedAt = start;
  const end = start + yearsMax * 365 * dayMs;
  for (let at = start; at < end;) {
    const until = Math.floor(at / minuteMs + 1) * minuteMs;
    const rate = Math.min(cap(at) ?? Infinity, possible(at));
    const moved = (rate * (until - at)) / 1_000;
    if (moved >= left) return at - start + transferMs(left, rate);
    left -= moved;
    if (moved > 0) movedAt = until;
    if (until - movedAt > idleMsMax) return null;
    at = until;
  }
  return null;
}
