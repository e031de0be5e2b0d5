/**
 * Columns of PostgreSQL, by the names that `format_type` gives their types: what a cell of one is held as, and the form
 * in which COPY takes it.
 */
import { type ColumnType, mostDigits } from "../model/column-type.ts";

/** Forms of a field in binary rows: what each type's own send function writes. */
export type Wire =
  | "bool"
  | "int2"
  | "int4"
  | "int8"
  | "numeric"
  | "float4"
  | "float8"
  | "text"
  | "bytea"
  | "date"
  | "time"
  | "timetz"
  | "timestamp"
  | "timestamptz"
  | "interval"
  | "uuid"
  | "jsonb"
  | "bits"
  | "array";

export interface CopyColumn {
  /** As PostgreSQL calls it, such as `numeric(10,2)`. */
  readonly type: string;
  readonly column: ColumnType;
  /** Null: known as text only, as its engine writes it. */
  readonly wire: Wire | null;
  /** The element of an array. */
  readonly element: CopyColumn | null;
  /** Number of the type in every server; 0 where there is none. */
  readonly oid: number;
}

interface Known {
  readonly wire: Wire;
  readonly oid: number;
  readonly column: (numbers: readonly number[]) => ColumnType;
}

const known: Readonly<Record<string, Known>> = {
  boolean: { wire: "bool", oid: 16, column: () => ({ kind: "boolean" }) },
  smallint: { wire: "int2", oid: 21, column: () => integer(16) },
  integer: { wire: "int4", oid: 23, column: () => integer(32) },
  bigint: { wire: "int8", oid: 20, column: () => integer(64) },
  numeric: { wire: "numeric", oid: 1700, column: decimal },
  real: { wire: "float4", oid: 700, column: () => ({ kind: "float", bits: 32 }) },
  "double precision": { wire: "float8", oid: 701, column: () => ({ kind: "float", bits: 64 }) },
  text: { wire: "text", oid: 25, column: () => ({ kind: "text", length: null, isPadded: false }) },
  "character varying": {
    wire: "text",
    oid: 1043,
    column: ([length = null]) => ({ kind: "text", length, isPadded: false }),
  },
  character: { wire: "text", oid: 1042, column: ([length = 1]) => ({ kind: "text", length, isPadded: true }) },
  bpchar: { wire: "text", oid: 1042, column: () => ({ kind: "text", length: null, isPadded: true }) },
  bytea: { wire: "bytea", oid: 17, column: () => ({ kind: "bytes", length: null }) },
  date: { wire: "date", oid: 1082, column: () => ({ kind: "date" }) },
  "time without time zone": { wire: "time", oid: 1083, column: moment("time") },
  "time with time zone": { wire: "timetz", oid: 1266, column: () => ({ kind: "timetz" }) },
  "timestamp without time zone": { wire: "timestamp", oid: 1114, column: moment("timestamp") },
  "timestamp with time zone": { wire: "timestamptz", oid: 1184, column: moment("timestamptz") },
  interval: { wire: "interval", oid: 1186, column: () => ({ kind: "interval" }) },
  uuid: { wire: "uuid", oid: 2950, column: () => ({ kind: "uuid" }) },
  json: { wire: "text", oid: 114, column: () => ({ kind: "json", isStored: true }) },
  jsonb: { wire: "jsonb", oid: 3802, column: () => ({ kind: "json", isStored: false }) },
  bit: { wire: "bits", oid: 1560, column: ([length = 1]) => ({ kind: "bits", length }) },
  "bit varying": { wire: "bits", oid: 1562, column: ([length = null]) => ({ kind: "bits", length }) },
};

/** @param type as `format_type` gives it: `character varying(40)`, `timestamp(3) without time zone`, `integer[]` */
export function copyColumn(type: string): CopyColumn {
  if (type.endsWith("[]")) {
    const element = copyColumn(type.slice(0, -2));
    const column: ColumnType = { kind: "array", element: element.column };
    return { type, column, wire: element.wire === null ? null : "array", element, oid: 0 };
  }
  const numbers = /\(([\d, -]+)\)/.exec(type)?.[1]?.split(",").map(Number) ?? [];
  // The numbers stand in the middle of some names; `interval day to second(3)` is an interval as well.
  const word = type.startsWith("interval") ? "interval" : type.replace(/\s*\([\d, -]+\)/, "");
  const found = Object.hasOwn(known, word) ? known[word] : undefined;
  if (found === undefined)
    return { type, column: { kind: "text", length: null, isPadded: false }, wire: null, element: null, oid: 0 };
  return { type, column: found.column(numbers), wire: found.wire, element: null, oid: found.oid };
}

function integer(bits: 16 | 32 | 64): ColumnType {
  return { kind: "integer", bits, isUnsigned: false };
}

/** A scale below zero or above the precision is PostgreSQL's own: then the numbers bound nothing here. */
function decimal([precision, scale = 0]: readonly number[]): ColumnType {
  if (precision === undefined || scale < 0 || scale > precision)
    return { kind: "decimal", precision: null, scale: null };
  return { kind: "decimal", precision, scale };
}

function moment(kind: "time" | "timestamp" | "timestamptz") {
  return ([digits = mostDigits]: readonly number[]): ColumnType => ({ kind, digits });
}

/** What a cell cannot be in a column of this type: the row is as it was. */
export class CopyValueError extends Error {
  override readonly name = "CopyValueError";
  /** Counted from 0. */
  readonly column: number;

  constructor(column: number, what: string) {
    super(what);
    this.column = column;
  }
}
