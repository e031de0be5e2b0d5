/**
 * What a column holds, in words that all engines share, with the bounds that a value of it must keep. It has one name, such
 * as `int4`, `decimal(10,2)` or `text[]`; SQL's usual words are understood as well.
 */
import { GodwitError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";

export type ColumnType =
  | { readonly kind: "boolean" }
  | { readonly kind: "integer"; readonly bits: IntegerBits; readonly isUnsigned: boolean }
  /** Both null: any. Digits in all, and those after the point. */
  | { readonly kind: "decimal"; readonly precision: number | null; readonly scale: number | null }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  /** Of code points; null: any. Padded: spaces at the end do not count, as with `char(n)`. */
  | { readonly kind: "text"; readonly length: number | null; readonly isPadded: boolean }
  | { readonly kind: "bytes"; readonly length: number | null }
  | { readonly kind: "date" | "timetz" | "interval" | "uuid" }
  /** Digits of a second after the point: 6 at most. */
  | { readonly kind: "time" | "timestamp" | "timestamptz"; readonly digits: number }
  /** Stored: every character counts, as with PostgreSQL's `json`. Else only what it says, as with `jsonb`. */
  | { readonly kind: "json"; readonly isStored: boolean }
  | { readonly kind: "bits"; readonly length: number | null }
  | { readonly kind: "array"; readonly element: ColumnType };

export type IntegerBits = 8 | 16 | 24 | 32 | 64;

export const mostDigits = 6;

/** What a name without brackets means; `n` is the number in them. */
const makers: Readonly<Record<string, (first: number | null, second: number | null) => ColumnType | null>> = {
  boolean: plain({ kind: "boolean" }),
  ...integers(),
  decimal: (precision, scale) =>
    precision === null
      ? { kind: "decimal", precision: null, scale: null }
      : precision >= 1 && (scale ?? 0) <= precision
        ? { kind: "decimal", precision, scale: scale ?? 0 }
        : null,
  float4: plain({ kind: "float", bits: 32 }),
  float8: plain({ kind: "float", bits: 64 }),
  text: sized((length) => ({ kind: "text", length, isPadded: false })),
  char: sized((length) => ({ kind: "text", length: length ?? 1, isPadded: true })),
  bytes: sized((length) => ({ kind: "bytes", length })),
  date: plain({ kind: "date" }),
  time: digital("time"),
  timetz: plain({ kind: "timetz" }),
  timestamp: digital("timestamp"),
  timestamptz: digital("timestamptz"),
  interval: plain({ kind: "interval" }),
  uuid: plain({ kind: "uuid" }),
  json: plain({ kind: "json", isStored: false }),
  json_text: plain({ kind: "json", isStored: true }),
  bits: sized((length) => ({ kind: "bits", length })),
};

/** SQL's words for them. */
const alsoCalled: Readonly<Record<string, string>> = {
  bool: "boolean",
  tinyint: "int1",
  smallint: "int2",
  mediumint: "int3",
  int: "int4",
  integer: "int4",
  bigint: "int8",
  numeric: "decimal",
  real: "float4",
  float: "float8",
  double: "float8",
  "double precision": "float8",
  varchar: "text",
  string: "text",
  bytea: "bytes",
  blob: "bytes",
  varbinary: "bytes",
  datetime: "timestamp",
  jsonb: "json",
  bit: "bits",
};

/** @param name such as `decimal(10,2)` or `int4[]` @throws config_invalid with the name that may have been meant */
export function parseColumnType(name: string): ColumnType {
  const text = name.trim().toLowerCase();
  if (text.endsWith("[]")) return { kind: "array", element: parseColumnType(text.slice(0, -2)) };
  const parsed = /^([a-z][a-z0-9_ ]*?)\s*(?:\(\s*(\d{1,9})\s*(?:,\s*(\d{1,9})\s*)?\))?$/.exec(text);
  const word = parsed?.[1] ?? text;
  const maker = Object.hasOwn(makers, word) ? makers[word] : makers[ownOf(alsoCalled, word) ?? ""];
  if (maker === undefined) throw unknownType(name, word);
  const [first, second] = [parsed?.[2], parsed?.[3]].map((digits) => (digits === undefined ? null : Number(digits)));
  const type = maker(first ?? null, second ?? null);
  if (type !== null) return type;
  throw new GodwitError("config_invalid", {
    disposition: "rejected",
    what: `the type ${name} cannot have these numbers`,
    hint: "Write such as decimal(10,2), text(40), timestamp(3), or the name alone.",
  });
}

/** The name by which `parseColumnType` finds it again. */
export function columnTypeName(type: ColumnType): string {
  switch (type.kind) {
    case "integer":
      return `${type.isUnsigned ? "uint" : "int"}${type.bits / 8}`;
    case "decimal":
      return type.precision === null ? "decimal" : `decimal(${type.precision},${type.scale})`;
    case "float":
      return type.bits === 32 ? "float4" : "float8";
    case "text":
      return type.isPadded ? `char(${type.length})` : withLength("text", type.length);
    case "bytes":
    case "bits":
      return withLength(type.kind, type.length);
    case "time":
    case "timestamp":
    case "timestamptz":
      return withLength(type.kind, type.digits === mostDigits ? null : type.digits);
    case "json":
      return type.isStored ? "json_text" : "json";
    case "array":
      return `${columnTypeName(type.element)}[]`;
    case "boolean":
    case "date":
    case "timetz":
    case "interval":
    case "uuid":
      return type.kind;
  }
}

function withLength(name: string, length: number | null): string {
  return length === null ? name : `${name}(${length})`;
}

function plain(type: ColumnType) {
  return (first: number | null): ColumnType | null => (first === null ? type : null);
}

function sized(make: (length: number | null) => ColumnType) {
  return (length: number | null, second: number | null): ColumnType | null =>
    second === null && length !== 0 ? make(length) : null;
}

function digital(kind: "time" | "timestamp" | "timestamptz") {
  return (digits: number | null, second: number | null): ColumnType | null =>
    second === null && (digits ?? 0) <= mostDigits ? { kind, digits: digits ?? mostDigits } : null;
}

function integers(): Record<string, (first: number | null) => ColumnType | null> {
  const all = ([8, 16, 24, 32, 64] as const).flatMap((bits) =>
    [false, true].map((isUnsigned) => [
      `${isUnsigned ? "uint" : "int"}${bits / 8}`,
      plain({ kind: "integer", bits, isUnsigned }),
    ]),
  );
  return Object.fromEntries(all) as Record<string, (first: number | null) => ColumnType | null>;
}

function ownOf(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function unknownType(name: string, word: string): GodwitError {
  const known = Object.keys(makers);
  const meant = nearest(word, [...known, ...Object.keys(alsoCalled)]);
  return new GodwitError("config_invalid", {
    disposition: "rejected",
    what: `there is no type ${name}`,
    hint: meant === null ? `Types are ${known.join(", ")}.` : `Perhaps ${meant} was meant.`,
  });
}
