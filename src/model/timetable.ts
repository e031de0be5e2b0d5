/**
 * When a source may be read how fast: lines such as `08:00-20:00 50MB/s`, `mon-fri 22:00-06:00 200MB/s` or
 * `sun 02:00-04:00 closed`, by the wall clock of one time zone. A window that passes midnight belongs to the day on
 * which it begins. Outside of all windows the timetable says nothing.
 */
import { GodwitError } from "../base/errors.ts";
import { parseRate } from "../base/sizes.ts";
import type { Instant } from "./chunk.ts";

export interface Timetable {
  /** A name of the tz database, such as `Europe/Berlin`. */
  readonly timeZone: string;
  readonly lines: readonly string[];
}

interface Window {
  readonly line: string;
  /** Minutes since Monday 00:00; the end is not part of it. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** 0: nothing is read. */
  readonly bytesPerSecond: number;
}

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const minutesOfDay = 24 * 60;
const minutesOfWeek = 7 * minutesOfDay;

/** @throws config_invalid naming the line: not to be read, an empty window, two windows at one moment, no such zone */
export function checkTimetable({ timeZone, lines }: Timetable): void {
  formatterOf(timeZone);
  const windows = lines.flatMap(parseLine).toSorted((a, b) => a.fromMinute - b.fromMinute);
  for (const [index, window] of windows.entries()) {
    const earlier = windows[index - 1];
    if (earlier !== undefined && earlier.toMinute > window.fromMinute)
      throw invalid(
        `the timetable's lines "${earlier.line}" and "${window.line}" are in force at the same time`,
        "Let each moment of the week stand in one line at most; no rate would otherwise be the right one.",
      );
  }
}

/** @returns bytes per second, 0 where the source is closed, null where no line speaks */
export function rateAt({ timeZone, lines }: Timetable, at: Instant): number | null {
  const minute = minuteOfWeek(timeZone, at);
  const window = lines.flatMap(parseLine).find(({ fromMinute, toMinute }) => fromMinute <= minute && minute < toMinute);
  return window?.bytesPerSecond ?? null;
}

/** One window for each of its days; two where it passes the end of the week. */
function parseLine(line: string): readonly Window[] {
  const parsed = /^(?:([a-z]{3}(?:[-,][a-z]{3})*)\s+)?(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)\s+(\S.*)$/i.exec(line.trim());
  if (parsed === null)
    throw invalid(`the timetable's line "${line}" cannot be read`, "Write it as `08:00-20:00 50MB/s`.");
  const [, days, fromHour, fromMinute, toHour, toMinute, rate = ""] = parsed;
  const from = minuteOfDay(line, Number(fromHour), Number(fromMinute));
  const to = minuteOfDay(line, Number(toHour), Number(toMinute));
  if (from === minutesOfDay) throw invalid(`the timetable's line "${line}" begins at 24:00`, "Write 00:00.");
  if (from === to)
    throw invalid(`the window of the timetable's line "${line}" is empty`, "The whole day is 00:00-24:00.");
  const bytesPerSecond = rateOf(line, rate);
  const lengthMinutes = to > from ? to - from : to + minutesOfDay - from;
  return daysOf(line, days).flatMap((day) => {
    const begin = day * minutesOfDay + from;
    const end = begin + lengthMinutes;
    const window = { line, bytesPerSecond };
    if (end <= minutesOfWeek) return [{ ...window, fromMinute: begin, toMinute: end }];
    return [
      { ...window, fromMinute: begin, toMinute: minutesOfWeek },
      { ...window, fromMinute: 0, toMinute: end - minutesOfWeek },
    ];
  });
}

function minuteOfDay(line: string, hour: number, minute: number): number {
  const of = hour * 60 + minute;
  if (minute > 59 || of > minutesOfDay)
    throw invalid(`the timetable's line "${line}" names no time of a day`, "Times go from 00:00 to 24:00.");
  return of;
}

function rateOf(line: string, rate: string): number {
  if (rate.trim().toLowerCase() === "closed") return 0;
  try {
    return parseRate(rate);
  } catch (cause) {
    throw invalid(
      `the timetable's line "${line}" has no rate`,
      "Write a size and a time, such as 50MB/s or 400GB/h, or `closed`.",
      cause,
    );
  }
}

function daysOf(line: string, days: string | undefined): readonly number[] {
  if (days === undefined) return dayNames.keys().toArray();
  const found = days.split(",").flatMap((part) => {
    const [first = "", last = first, more] = part.toLowerCase().split("-");
    const [from, to] = [indexOf(line, first), indexOf(line, last)];
    if (more !== undefined) throw unknownDay(line);
    const count = ((to - from + 7) % 7) + 1;
    return Array.from({ length: count }, (_, index) => (from + index) % 7);
  });
  if (new Set(found).size < found.length)
    throw invalid(`the timetable's line "${line}" names a day twice`, "Name each day once.");
  return found;
}

function indexOf(line: string, name: string): number {
  const index = dayNames.findIndex((day) => day === name);
  if (index < 0) throw unknownDay(line);
  return index;
}

function unknownDay(line: string): GodwitError {
  return invalid(`the timetable's line "${line}" names no days`, `Days are ${dayNames.join(", ")}, or mon-fri.`);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  try {
    const parts = { weekday: "short", hour: "2-digit", minute: "2-digit" } as const;
    const formatter = new Intl.DateTimeFormat("en-GB", { timeZone, hourCycle: "h23", ...parts });
    formatters.set(timeZone, formatter);
    return formatter;
  } catch (cause) {
    throw invalid(`there is no time zone "${timeZone}"`, "Name one of the tz database, such as Europe/Berlin.", cause);
  }
}

function minuteOfWeek(timeZone: string, at: Instant): number {
  const parts = new Map(
    formatterOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const day = dayNames.findIndex((name) => name === parts.get("weekday")?.toLowerCase());
  return day * minutesOfDay + Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
}

function invalid(what: string, hint: string, cause?: unknown): GodwitError {
  return new GodwitError("config_invalid", { disposition: "rejected", what, hint, cause });
}
