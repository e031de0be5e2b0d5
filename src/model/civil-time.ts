/**
 * Dates and times as numbers, and as text in the form of ISO 8601 that PostgreSQL writes: `2024-02-29`, `0044-03-15 BC`,
 * `2024-02-29 12:34:56.789`, with a zone `…+02`, `infinity`. A date that no calendar has (`2023-02-29`, `0000-00-00`) is null.
 */
import type { IntervalValue, TimeWithZone } from "./row-value.ts";
import { mostDigits } from "./column-type.ts";

const microsecondsOfSecond = 1_000_000;
const secondsOfDay = 86_400;
export const microsecondsOfDay = secondsOfDay * microsecondsOfSecond;

const space = 0x20;
const hyphen = 0x2d;
const colon = 0x3a;
const letterT = 0x54;

const daysOfEra = 146_097;
const yearsOfEra = 400;
/** From 0000-03-01, where a year of this count begins, to 1970-01-01. */
const daysToEpoch = 719_468;
const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * @param year 0 is 1 BC, -1 is 2 BC @returns days since 1970-01-01; null where there is no such day.
 * By Howard Hinnant, http://howardhinnant.github.io/date_algorithms.html
 */
function daysOf(year: number, month: number, day: number): number | null {
  if (month < 1 || month > 12 || day < 1) return null;
  if (day > (monthLengths[month - 1] as number) && !(month === 2 && day === 29 && isLeap(year))) return null;
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / yearsOfEra);
  const yearInEra = shifted - era * yearsOfEra;
  const dayInYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayInEra = yearInEra * 365 + Math.floor(yearInEra / 4) - Math.floor(yearInEra / 100) + dayInYear;
  return era * daysOfEra + dayInEra - daysToEpoch;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % yearsOfEra === 0);
}

export interface CivilDate {
  /** 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export function civilOf(days: number): CivilDate {
  const shifted = days + daysToEpoch;
  const era = Math.floor(shifted / daysOfEra);
  const dayInEra = shifted - era * daysOfEra;
  const yearInEra = Math.floor(
    (dayInEra - Math.floor(dayInEra / 1460) + Math.floor(dayInEra / 36_524) - Math.floor(dayInEra / 146_096)) / 365,
  );
  const dayInYear = dayInEra - (365 * yearInEra + Math.floor(yearInEra / 4) - Math.floor(yearInEra / 100));
  const monthFromMarch = Math.floor((5 * dayInYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearInEra + era * yearsOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayInYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}

export function formatDate(days: number): string {
  if (!Number.isFinite(days)) return infinityWord(days);
  const { year, month, day } = civilOf(days);
  const text = `${padded(year > 0 ? year : 1 - year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
  return year > 0 ? text : `${text} BC`;
}

/** @returns days since 1970-01-01 */
export function parseDate(text: string): number | null {
  if (text.length === 10) return usualDate(text);
  const parsed = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/.exec(text);
  return parsed === null ? infinityOf(text) : daysOfTexts(parsed, parsed[4]);
}

/** @param parts from the second on: year, month, day @param era undefined for ours */
function daysOfTexts(parts: readonly (string | undefined)[], era: string | undefined): number | null {
  const year = Number(parts[1]);
  if (year === 0) return null;
  return daysOf(era === undefined ? year : 1 - year, Number(parts[2]), Number(parts[3]));
}

/** `12:34:56.5`; below zero `-12:34:56.5`, above a day `838:59:59`. */
export function formatTime(microseconds: number): string {
  const sign = microseconds < 0 ? "-" : "";
  const whole = Math.abs(microseconds);
  const seconds = Math.floor(whole / microsecondsOfSecond);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return `${sign}${padded(hours, 2)}:${padded(minutes, 2)}:${padded(seconds % 60, 2)}${fractionText(whole % microsecondsOfSecond)}`;
}

/** @returns microseconds since midnight, 24:00 at most */
export function parseTime(text: string): number | null {
  const parsed = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/.exec(text);
  return parsed === null ? null : timeOfTexts(parsed, 1);
}

/** @param parts hours, minutes, and perhaps seconds and a fraction, from this place on */
function timeOfTexts(parts: readonly (string | undefined)[], at: number): number | null {
  const [hours, minutes, seconds = "0", fraction = ""] = [parts[at], parts[at + 1], parts[at + 2], parts[at + 3]];
  if (Number(minutes) > 59 || Number(seconds) > 59) return null;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const microseconds = whole * microsecondsOfSecond + Number(fraction.padEnd(mostDigits, "0"));
  return microseconds <= microsecondsOfDay ? microseconds : null;
}

/** Such as `+02`, `-03:30`, `+00:19:32`. @param seconds east of UTC */
export function formatZone(seconds: number): string {
  const whole = Math.abs(seconds);
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts.slice(0, parts[2] === 0 ? (parts[1] === 0 ? 1 : 2) : 3);
  return `${seconds < 0 ? "-" : "+"}${shown.map((value) => padded(value, 2)).join(":")}`;
}

/** @returns seconds east of UTC */
export function parseZone(text: string): number | null {
  if (text === "Z" || text === "z") return 0;
  const parsed = /^([+-])(\d\d)(?::?(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (parsed === null) return null;
  const [, sign, hours, minutes = "0", seconds = "0"] = parsed;
  if (Number(hours) > 15 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return sign === "-" && whole !== 0 ? -whole : whole;
}

/** @param microseconds since 1970-01-01 00:00 of the same clock */
export function formatTimestamp(microseconds: number | bigint): string {
  return stamp(microseconds, "");
}

/** @param microseconds since 1970-01-01 00:00 UTC @returns with `+00` */
export function formatInstant(microseconds: number | bigint): string {
  return stamp(microseconds, "+00");
}

function stamp(microseconds: number | bigint, zone: string): string {
  if (typeof microseconds === "number" && !Number.isFinite(microseconds)) return infinityWord(microseconds);
  const { days, rest } = splitDay(microseconds);
  const date = formatDate(days);
  const [day, era] = date.endsWith(" BC") ? [date.slice(0, -3), " BC"] : [date, ""];
  return `${day} ${formatTime(rest)}${zone}${era}`;
}

/** @returns microseconds since 1970-01-01 00:00 of the same clock; null for a text with a zone as well */
export function parseTimestamp(text: string): number | bigint | null {
  const infinity = infinityOf(text);
  return infinity ?? parseStamp(text, false);
}

/** @returns microseconds since 1970-01-01 00:00 UTC; null for a text without a zone as well: which one was meant is not to be guessed */
export function parseInstant(text: string): number | bigint | null {
  const infinity = infinityOf(text);
  return infinity ?? parseStamp(text, true);
}

/** `2024-02-29` at the start of a text, the form of nearly all dates: without a pattern it is read in a fifth of the time. */
function usualDate(text: string): number | null {
  if (text.charCodeAt(4) !== hyphen || text.charCodeAt(7) !== hyphen) return null;
  const [year, month, day] = [digitsAt(text, 0, 4), digitsAt(text, 5, 2), digitsAt(text, 8, 2)];
  return year < 1 || month < 0 || day < 0 ? null : daysOf(year, month, day);
}

/** `12:34:56` at a place. */
function usualTime(text: string, at: number): number | null {
  if (text.charCodeAt(at + 2) !== colon || text.charCodeAt(at + 5) !== colon) return null;
  const [hours, minutes, seconds] = [digitsAt(text, at, 2), digitsAt(text, at + 3, 2), digitsAt(text, at + 6, 2)];
  const isTime = hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && seconds >= 0 && seconds < 60;
  return isTime ? ((hours * 60 + minutes) * 60 + seconds) * microsecondsOfSecond : null;
}

/** @returns below 0 where something else stands there */
function digitsAt(text: string, at: number, count: number): number {
  let value = 0;
  for (let place = at; place < at + count; place += 1) {
    const digit = text.charCodeAt(place) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** What may follow the seconds: a fraction, and a zone of hours. */
const usualRest = /^(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d)(?::?00)?)?$/;

/** The most frequent forms; null for any other, and for what is no time at all. */
function usualStamp(text: string, hasZone: boolean): number | bigint | null {
  const separator = text.charCodeAt(10);
  if (text.length < 19 || (separator !== space && separator !== letterT)) return null;
  const [days, time] = [usualDate(text), usualTime(text, 11)];
  if (days === null || time === null) return null;
  if (text.length === 19) return hasZone ? null : joinDay(days, time);
  const rest = usualRest.exec(text.slice(19));
  if (rest === null) return null;
  const [whole, fraction = "", sign, hours] = rest;
  if ((sign !== undefined || whole.endsWith("Z")) !== hasZone || Number(hours) > 15) return null;
  const zone = sign === undefined ? 0 : Number(`${sign}${hours}`) * 3_600 * microsecondsOfSecond;
  return joinDay(days, time + Number(fraction.padEnd(mostDigits, "0")) - zone);
}

const stampForm = /^(\d{4,7})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|z|[+-][\d:]{2,8})?( BC)?$/;

function parseStamp(text: string, hasZone: boolean): number | bigint | null {
  const usual = usualStamp(text, hasZone);
  if (usual !== null) return usual;
  const parsed = stampForm.exec(text);
  if (parsed === null) return null;
  const [zone, era] = [parsed[8], parsed[9]];
  if ((zone !== undefined) !== hasZone) return null;
  const days = daysOfTexts(parsed, era);
  const microseconds = timeOfTexts(parsed, 4);
  const zoneSeconds = zone === undefined ? 0 : parseZone(zone);
  if (days === null || microseconds === null || zoneSeconds === null) return null;
  return joinDay(days, microseconds - zoneSeconds * microsecondsOfSecond);
}

/** @param microseconds finite */
export function splitDay(microseconds: number | bigint): { readonly days: number; readonly rest: number } {
  if (typeof microseconds === "number") {
    const days = Math.floor(microseconds / microsecondsOfDay);
    return { days, rest: microseconds - days * microsecondsOfDay };
  }
  const day = BigInt(microsecondsOfDay);
  const rest = ((microseconds % day) + day) % day;
  return { days: Number((microseconds - rest) / day), rest: Number(rest) };
}

/** @param days finite @returns microseconds: a number where that is exact */
export function joinDay(days: number, microseconds: number): number | bigint {
  const sum = days * microsecondsOfDay + microseconds;
  return Number.isSafeInteger(sum) ? sum : BigInt(days) * BigInt(microsecondsOfDay) + BigInt(microseconds);
}

export function formatTimeWithZone({ microseconds, zoneSeconds }: TimeWithZone): string {
  return `${formatTime(microseconds)}${formatZone(zoneSeconds)}`;
}

/** ISO 8601: `P1Y2M3DT4H5M6.5S`, `PT0S`; each part has its own sign. */
export function formatInterval(interval: IntervalValue | number): string {
  if (typeof interval === "number") return infinityWord(interval);
  const { months, days } = interval;
  const microseconds = BigInt(interval.microseconds);
  const second = BigInt(microsecondsOfSecond);
  const seconds = microseconds / second;
  const date = `${part(Math.trunc(months / 12), "Y")}${part(months % 12, "M")}${part(days, "D")}`;
  const fraction = microseconds % second;
  const sign = fraction < 0n && seconds % 60n === 0n ? "-" : "";
  const exact = `${sign}${seconds % 60n}${fractionText(Math.abs(Number(fraction)))}`;
  const last = exact === "0" ? "" : `${exact}S`;
  const time = `${part(seconds / 3_600n, "H")}${part((seconds / 60n) % 60n, "M")}${last}`;
  if (date === "" && time === "") return "PT0S";
  return `P${date}${time === "" ? "" : `T${time}`}`;
}

function part(value: number | bigint, unit: string): string {
  return Number(value) === 0 ? "" : `${value}${unit}`;
}

function infinityOf(text: string): number | null {
  if (text === "infinity") return Infinity;
  return text === "-infinity" ? -Infinity : null;
}

function infinityWord(value: number): string {
  return value > 0 ? "infinity" : "-infinity";
}

function padded(value: number, length: number): string {
  return String(value).padStart(length, "0");
}

function fractionText(microseconds: number): string {
  return microseconds === 0 ? "" : `.${padded(microseconds, mostDigits).replace(/0+$/, "")}`;
}
