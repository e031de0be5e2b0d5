/**
 * Rows of a COPY in text format: for tables with a type whose binary form nobody here knows. It is read as a session
 * writes it with ISO dates, intervals in PostgreSQL's own style, bytea in hexadecimal digits and three more digits of
 * floats (https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2).
 */
import {
  formatDate,
  formatInstant,
  formatInterval,
  formatTime,
  formatTimestamp,
  formatTimeWithZone,
  parseDate,
  parseInstant,
  parseTime,
  parseTimestamp,
  parseZone,
} from "../model/civil-time.ts";
import type { ColumnType } from "../model/column-type.ts";
import {
  type ArrayDimension,
  type ArrayValue,
  type IntervalValue,
  type Row,
  type RowValue,
  type TimeWithZone,
  wholeNumber,
} from "../model/row-value.ts";
import { type CopyColumn, CopyValueError } from "./copy-types.ts";
import type { FieldWriter } from "./field-writer.ts";

const tab = 0x09;
const lineFeed = 0x0a;
const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\b": String.raw`\b`,
  "\f": String.raw`\f`,
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  "\t": String.raw`\t`,
  "\v": String.raw`\v`,
};
const unescapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
// oxlint-disable-next-line no-control-regex -- these are what a line cannot hold
const toEscape = /[\\\b\f\n\r\t\v]/g;
const toQuote = /^$|^null$|[{}",\\\s]/i;

export function writeLine(writer: FieldWriter, row: Row, columns: readonly CopyColumn[]): void {
  for (let at = 0; at < columns.length; at += 1) {
    if (at > 0) writer.byte(tab);
    const value = row[at] as RowValue;
    let text: string;
    try {
      text =
        value === null
          ? String.raw`\N`
          : fieldText
              .format(value, (columns[at] as CopyColumn).column)
              .replace(toEscape, (one) => escapes[one] as string);
    } catch (error) {
      throw error instanceof TypeError ? new CopyValueError(at, error.message) : error;
    }
    writer.plainText(text);
  }
  writer.byte(lineFeed);
}

/** @param line without its end */
export function readLine(line: Buffer, columns: readonly CopyColumn[]): Row {
  const fields = columns.length === 0 ? [] : line.toString("utf8").split("\t");
  if (fields.length !== columns.length) throw new RangeError(`a row of ${fields.length} fields`);
  return fields.map((field, at) => {
    if (field === String.raw`\N`) return null;
    const text = field.includes("\\") ? field.replace(/\\(.)/gs, (_, one: string) => unescapes[one] ?? one) : field;
    return fieldText.parse(text, (columns[at] as CopyColumn).column);
  });
}

/** Single cells, not NULL, as PostgreSQL writes and reads them. */
export const fieldText = { format, parse, describe };

/** @throws TypeError when the value is none of its column's kind */
function format(value: RowValue, column: ColumnType): string {
  if (typeof value === "string") return value;
  if (column.kind === "boolean" && typeof value === "boolean") return value ? "t" : "f";
  if (value instanceof Uint8Array && column.kind === "bytes") return `\\x${Buffer.from(value).toString("hex")}`;
  if (typeof value === "number" || typeof value === "bigint") return numberText(value, column);
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    if (column.kind === "timetz") return formatTimeWithZone(value as TimeWithZone);
    if (column.kind === "interval") return formatInterval(value as IntervalValue);
    if (column.kind === "array") return arrayText(value as ArrayValue, column.element);
  }
  throw new TypeError(`a column of kind ${column.kind} cannot hold ${describe(value)}`);
}

function numberText(value: number | bigint, column: ColumnType): string {
  switch (column.kind) {
    case "date":
      return formatDate(Number(value));
    case "time":
      return formatTime(Number(value));
    case "timestamp":
      return formatTimestamp(value);
    case "timestamptz":
      return formatInstant(value);
    case "interval":
      return formatInterval(Number(value));
    case "float":
      return Object.is(value, -0) ? "-0" : String(value);
    case "integer":
    case "decimal":
      return String(value);
    default:
      throw new TypeError(`a column of kind ${column.kind} cannot hold ${describe(value)}`);
  }
}

function arrayText({ dimensions, elements }: ArrayValue, element: ColumnType): string {
  if (dimensions.length === 0) return "{}";
  const bounds = dimensions.some(({ lowerBound }) => lowerBound !== 1)
    ? `${dimensions.map(({ length, lowerBound }) => `[${lowerBound}:${lowerBound + length - 1}]`).join("")}=`
    : "";
  let at = 0;
  const level = (depth: number): string => {
    const { length } = dimensions[depth] as ArrayDimension;
    const parts = Array.from({ length }, () => {
      if (depth + 1 < dimensions.length) return level(depth + 1);
      const cell = elements[at++] as RowValue;
      if (cell === null) return "NULL";
      const text = format(cell, element);
      return toQuote.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : text;
    });
    return `{${parts.join(",")}}`;
  };
  return `${bounds}${level(0)}`;
}

/** @throws RangeError when the text is none of the column's kind */
function parse(text: string, column: ColumnType): RowValue {
  switch (column.kind) {
    case "boolean":
      return text === "t";
    case "integer":
      return wholeNumber(BigInt(text));
    case "float":
      return column.bits === 32 ? Math.fround(Number(text)) : Number(text);
    case "bytes":
      return Uint8Array.from(Buffer.from(text.slice(2), "hex"));
    case "date":
      return parsed(parseDate(text), column);
    case "time":
      return parsed(parseTime(text), column);
    case "timestamp":
      return parsed(parseTimestamp(text), column);
    case "timestamptz":
      return parsed(parseInstant(text), column);
    case "timetz": {
      const [, time = "", zone = ""] = /^([\d:.]+)(.+)$/.exec(text) ?? [];
      return {
        microseconds: parsed(parseTime(time), column) as number,
        zoneSeconds: parsed(parseZone(zone), column) as number,
      };
    }
    case "interval":
      return parseInterval(text);
    case "array":
      return parseArray(text, column.element);
    case "decimal":
    case "text":
    case "uuid":
    case "json":
    case "bits":
      return text;
  }
}

function parsed(value: number | bigint | null, { kind }: ColumnType): number | bigint {
  if (value === null) throw new RangeError(`what is no ${kind}`);
  return value;
}

/** Such as `1 year 2 mons -3 days -04:05:06.5`. */
function parseInterval(text: string): RowValue {
  if (text === "infinity") return Infinity;
  if (text === "-infinity") return -Infinity;
  const amount = (unit: string): number => Number(new RegExp(`(-?\\d+) ${unit}s?\\b`).exec(text)?.[1] ?? 0);
  const [, sign, hours, minutes, seconds, fraction = ""] = /([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  const whole =
    hours === undefined
      ? 0n
      : ((BigInt(hours) * 60n + BigInt(minutes ?? 0)) * 60n + BigInt(seconds ?? 0)) * 1_000_000n +
        BigInt(fraction.padEnd(6, "0"));
  return {
    months: amount("year") * 12 + amount("mon"),
    days: amount("day"),
    microseconds: wholeNumber(sign === "-" ? -whole : whole),
  };
}

function parseArray(text: string, element: ColumnType): ArrayValue {
  const at = text.indexOf("{");
  const bounds = [...text.slice(0, at).matchAll(/\[(-?\d+):-?\d+\]/g)].map(([, lower]) => Number(lower));
  const elements: RowValue[] = [];
  const lengths: number[] = [];
  let depth = 0;
  const counts: number[] = [];
  for (const [part] of text.slice(at).matchAll(/[{}]|"(?:[^"\\]|\\.)*"|[^{},"]+/gs)) {
    if (part === "{") {
      if (depth > 0) counts[depth - 1] = (counts[depth - 1] ?? 0) + 1;
      counts[depth] = 0;
      depth += 1;
    } else if (part === "}") {
      depth -= 1;
      lengths[depth] = counts[depth] ?? 0;
    } else {
      counts[depth - 1] = (counts[depth - 1] ?? 0) + 1;
      if (part === "NULL") elements.push(null);
      else elements.push(parse(part.startsWith('"') ? part.slice(1, -1).replace(/\\(.)/gs, "$1") : part, element));
    }
  }
  if (elements.length === 0) return { dimensions: [], elements };
  return { dimensions: lengths.map((length, index) => ({ length, lowerBound: bounds[index] ?? 1 })), elements };
}

/** Its kind, never the value itself, which belongs into no log. */
function describe(value: RowValue): string {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array) return "bytes";
  return typeof value === "string" ? "this text" : `this ${typeof value}`;
}
