/**
 * What may be read of a source. The cap is hard: the least of the operator's limit, a tenth of the stated peak and the
 * timetable's rate at that moment. A source marked production of which none is known may not be read at all.
 */
import { GodwitError } from "../base/errors.ts";
import type { Instant } from "./chunk.ts";
import { checkThresholds, type Threshold } from "./threshold.ts";
import { checkTimetable, rateAt, type Timetable } from "./timetable.ts";

export type SourceId = string;

export interface SourceLimits {
  readonly id: SourceId;
  /** A URL: the source is everything at it and beneath it. */
  readonly location: string;
  /** Others depend on it: it is never read without a cap. */
  readonly production: boolean;
  /** What it serves when it is busiest; a tenth of it may be read. Null: not known. */
  readonly statedPeakBytesPerSecond: number | null;
  /** Null: none. */
  readonly limitBytesPerSecond: number | null;
  readonly timetable: Timetable | null;
  readonly thresholds: readonly Threshold[];
}

const peakParts = 10;

/** @returns bytes per second that all jobs together may read at that moment; null without a cap */
export function capOf(source: Omit<SourceLimits, "id" | "location" | "thresholds">, at: Instant): number | null {
  const { statedPeakBytesPerSecond: peak, limitBytesPerSecond: limit, timetable } = source;
  if (isUnlimited(source)) return 0;
  const caps = [
    limit,
    peak === null ? null : Math.floor(peak / peakParts),
    timetable === null ? null : rateAt(timetable, at),
  ];
  return caps.reduce(least, null);
}

/**
 * The cap of something that is given now and kept for a while: no window of the timetable that begins in between may be
 * exceeded. A window lasts a minute at least, so that a shorter while meets it at one of its ends.
 */
export function capDuring(source: SourceLimits, from: Instant, ms: number): number | null {
  return least(capOf(source, from), capOf(source, from + ms));
}

/** Null is no limit. */
function least(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** Of the sources at or above a place, the nearest one. */
export function coveringSource<S extends Pick<SourceLimits, "location">>(
  sources: readonly S[],
  location: string,
): S | null {
  let found: S | null = null;
  for (const source of sources) {
    const isNearer = found === null || withSlash(source.location).length > withSlash(found.location).length;
    if (isNearer && covers(source.location, location)) found = source;
  }
  return found;
}

/** By whole names: `s3://logs` does not cover `s3://logs-old`. */
function covers(location: string, place: string): boolean {
  return withSlash(place).startsWith(withSlash(location));
}

function withSlash(location: string): string {
  return location.endsWith("/") ? location : `${location}/`;
}

/**
 * Whether a job on that place may be submitted. A job also reads what lies beneath its place: a production source there
 * would be read under another's cap.
 * @throws source_unlimited
 */
export function checkSubmission(sources: readonly SourceLimits[], location: string): void {
  const covering = coveringSource(sources, location);
  if (covering !== null && isUnlimited(covering))
    throw refused(
      `the source ${covering.id} (${covering.location}) is marked production, and has neither a stated peak nor a limit`,
      "State what it serves when it is busiest (a tenth of it may then be read), or set a limit.",
    );
  const beneath = sources.find(
    (source) => source.production && source !== covering && covers(location, source.location),
  );
  if (beneath !== undefined)
    throw refused(
      `${location} holds the production source ${beneath.id} (${beneath.location}), whose cap would not apply to a job above it`,
      "Make one job of that source and others of what lies beside it.",
    );
}

/** @throws config_invalid naming what is wrong */
export function checkSource(source: SourceLimits): void {
  const { id, location, statedPeakBytesPerSecond, limitBytesPerSecond, timetable, thresholds } = source;
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(id))
    throw invalid(
      `"${id}" is no id of a source`,
      "Use up to 63 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first.",
    );
  if (!/^[a-z][a-z0-9]*:\/\/\S/.test(location) || /^[a-z0-9]+:\/\/[^/]*@/.test(location))
    throw invalid(
      `the location of the source ${id} is no URL of a place`,
      "Write it as jobs name it, such as file:///srv/data or s3://bucket/prefix, without credentials.",
    );
  for (const [name, value] of Object.entries({ statedPeakBytesPerSecond, limitBytesPerSecond }))
    if (value !== null && !(Number.isSafeInteger(value) && value > 0))
      throw invalid(`${name} of the source ${id} is ${value}`, "It is a whole number above 0, or null.");
  if (timetable !== null) checkTimetable(timetable);
  checkThresholds(id, thresholds);
}

function isUnlimited(source: Pick<SourceLimits, "production" | "statedPeakBytesPerSecond" | "limitBytesPerSecond">) {
  return source.production && source.statedPeakBytesPerSecond === null && source.limitBytesPerSecond === null;
}

function refused(what: string, hint: string): GodwitError {
  return new GodwitError("source_unlimited", { disposition: "rejected", what, hint });
}

function invalid(what: string, hint: string): GodwitError {
  return new GodwitError("config_invalid", { disposition: "rejected", what, hint });
}
