/**
 * From the type of one column to that of another, without loss: a value that the new type cannot hold is told with a
 * reason, never cut, rounded or guessed. docs/reference/schema-map.md lists what can be cast.
 */
import {
  formatDate,
  formatInstant,
  formatInterval,
  formatTime,
  formatTimestamp,
  formatTimeWithZone,
  joinDay,
  parseDate,
  parseInstant,
  parseTime,
  parseTimestamp,
  splitDay,
} from "../model/civil-time.ts";
import type { ColumnType } from "../model/column-type.ts";
import type { ArrayValue, IntervalValue, RowValue, TimeWithZone } from "../model/row-value.ts";
import { fitOf, unfitFor } from "./fit.ts";
import { floatText, toBoolean, toDecimal, toFloat, toInteger } from "./number-casts.ts";
import { type Cast, inTurn, unchanged, Unfit } from "./unfit.ts";

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns null where there is no such cast */
export function castBetween(from: ColumnType, to: ColumnType): Cast | null {
  switch (to.kind) {
    case "integer":
      return toInteger(from, to);
    case "decimal":
      return toDecimal(from, to);
    case "float":
      return toFloat(from, to);
    case "boolean":
      return toBoolean(from, to);
    case "text":
      return after(toText(from), to);
    case "bytes":
      return after(toBytes(from), to);
    case "bits":
      return after(toBits(from, to), to);
    case "uuid":
      return toUuid(from, to);
    case "json":
      return toJson(from, to);
    case "array":
      return from.kind === "array" ? toArray(from.element, to.element) : null;
    case "interval":
      if (from.kind === "time") return (value) => ({ months: 0, days: 0, microseconds: value as number });
      return from.kind === "interval" ? unchanged : null;
    case "timetz":
      return from.kind === "timetz" ? unchanged : null;
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return after(toMoment(from, to, to.kind), to);
  }
}

function after(cast: Cast | null, to: ColumnType): Cast | null {
  return cast === null ? null : inTurn(cast, fitOf(to));
}

function toText(from: ColumnType): Cast | null {
  switch (from.kind) {
    case "text":
    case "decimal":
    case "uuid":
    case "json":
    case "bits":
      return unchanged;
    case "integer":
    case "boolean":
      return (value) => (value as number).toString();
    case "float":
      return (value) => floatText(value as number, from.bits);
    case "bytes": {
      const unfit = new Unfit("not_utf8", "is no text: the bytes are no UTF-8");
      return (value) => {
        try {
          return utf8.decode(value as Uint8Array);
        } catch {
          return unfit;
        }
      };
    }
    case "date":
      return unlessText((value) => formatDate(value as number));
    case "time":
      return (value) => formatTime(value as number);
    case "timestamp":
      return unlessText((value) => formatTimestamp(value as number));
    case "timestamptz":
      return unlessText((value) => formatInstant(value as number));
    case "timetz":
      return (value) => formatTimeWithZone(value as TimeWithZone);
    case "interval":
      return (value) => formatInterval(value as IntervalValue);
    case "array":
      return null;
  }
}

/** What no calendar has is a text already. */
function unlessText(format: (value: RowValue) => string): Cast {
  return (value) => (typeof value === "string" ? value : format(value));
}

function toBytes(from: ColumnType): Cast | null {
  if (from.kind === "bytes") return unchanged;
  if (from.kind === "text") return (value) => Buffer.from(value as string);
  return from.kind === "uuid" ? (value) => Buffer.from((value as string).replaceAll("-", ""), "hex") : null;
}

function toBits(from: ColumnType, to: ColumnType): Cast | null {
  const unreadable = unfitFor(to, "unreadable");
  if (from.kind === "bits") return unchanged;
  if (from.kind === "boolean") return (value) => (value === true ? "1" : "0");
  return from.kind === "text" ? (value) => (/[^01]/.test(value as string) ? unreadable : value) : null;
}

function toUuid(from: ColumnType, to: ColumnType): Cast | null {
  const unreadable = unfitFor(to, "unreadable");
  if (from.kind === "uuid") return unchanged;
  if (from.kind === "text")
    return (value) => {
      if (uuidForm.test(value as string)) return value;
      const lower = (value as string).toLowerCase();
      if (uuidForm.test(lower)) return lower;
      return /^[0-9a-f]{32}$/.test(lower) ? dashed(lower) : unreadable;
    };
  if (from.kind !== "bytes") return null;
  return (value) => {
    const bytes = value as Uint8Array;
    return bytes.length === 16 ? dashed(Buffer.from(bytes).toString("hex")) : unreadable;
  };
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function toJson(from: ColumnType, to: ColumnType): Cast | null {
  const [unreadable, outside] = [unfitFor(to, "unreadable"), unfitFor(to, "out_of_range")];
  switch (from.kind) {
    case "json":
      return unchanged;
    case "text":
      return (value) => (isJson(value as string) ? value : unreadable);
    case "integer":
    case "boolean":
      return (value) => (value as number).toString();
    case "decimal":
      return (value) => (isJson(value as string) ? value : outside);
    case "float":
      return (value) => (Number.isFinite(value) ? floatText(value as number, from.bits) : outside);
    default:
      return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function toArray(from: ColumnType, to: ColumnType): Cast | null {
  const cast = castBetween(from, to);
  if (cast === null || cast === unchanged) return cast;
  return (value) => {
    const { dimensions, elements } = value as ArrayValue;
    const made: RowValue[] = [];
    for (const element of elements) {
      const next = element === null ? null : cast(element);
      if (next instanceof Unfit) return next;
      made.push(next);
    }
    return { dimensions, elements: made };
  };
}

const parsers = { date: parseDate, time: parseTime, timestamp: parseTimestamp, timestamptz: parseInstant } as const;

/** A zone is never guessed: between timestamps with and without one there is no cast. */
function toMoment(from: ColumnType, to: ColumnType, kind: keyof typeof parsers): Cast | null {
  const [unreadable, inexact, noSuchDate] = [
    unfitFor(to, "unreadable"),
    unfitFor(to, "inexact"),
    unfitFor(to, "no_such_date"),
  ];
  if (from.kind === "text") {
    const parse = parsers[kind];
    return (value) => parse(value as string) ?? unreadable;
  }
  const real =
    (cast: Cast): Cast =>
    (value) =>
      typeof value === "string" ? noSuchDate : cast(value);
  if (from.kind === kind) return kind === "time" ? realTime(unfitFor(to, "out_of_range")) : real(unchanged);
  if (from.kind === "date" && kind === "timestamp")
    return real((value) => (Number.isFinite(value) ? joinDay(value as number, 0) : value));
  if (from.kind === "timestamp" && kind === "date")
    return real((value) => {
      if (typeof value === "number" && !Number.isFinite(value)) return value;
      const { days, rest } = splitDay(value as number | bigint);
      return rest === 0 ? days : inexact;
    });
  return null;
}

/** MySQL's times go below midnight and beyond a day. */
function realTime(outside: Unfit): Cast {
  return (value) => ((value as number) >= 0 && (value as number) <= 86_400_000_000 ? value : outside);
}
