/**
 * The one form of a row that is hashed, whatever engine it comes from: two rows have the same bytes exactly when their
 * cells count as the same. docs/reference/canonical-rows.md is the definition; it and this file change together, and
 * then the number of the form with them.
 *
 * A row is the count of its cells (16 bits) and the cells. A cell is a mark of one byte and what belongs to it. Numbers
 * have their highest byte first; what has no fixed length comes after its length in bytes (32 bits).
 */
import { assert } from "../base/assert.ts";
import { trimEndOf } from "../base/trim-end.ts";
import { canonicalJsonText } from "./canonical-json.ts";
import { CanonicalWriter } from "./canonical-writer.ts";
import type { ColumnType } from "./column-type.ts";
import { isFiniteDecimal, isWholeDecimal, normalDecimal } from "./decimal.ts";
import type { ArrayValue, IntervalValue, Row, RowValue, TimeWithZone } from "./row-value.ts";

/** To be told wherever a digest of canonical rows is kept. */
export const canonicalRowForm = 1;

const marks = {
  null: 0x00,
  false: 0x01,
  true: 0x02,
  whole: 0x03,
  decimal: 0x04,
  float: 0x05,
  text: 0x06,
  bytes: 0x07,
  date: 0x08,
  time: 0x09,
  timetz: 0x0a,
  timestamp: 0x0b,
  timestamptz: 0x0c,
  interval: 0x0d,
  uuid: 0x0e,
  json: 0x0f,
  bits: 0x10,
  array: 0x11,
  /** A date or a time that no calendar has. */
  noTime: 0x12,
} as const;

const leastWhole = -(2n ** 63n);
const mostWhole = 2n ** 63n - 1n;
const leastWord = -(2 ** 31);
const mostWord = 2 ** 31 - 1;
/** So many digits, with a sign, are safe as a number. */
const safeDigits = 15;

type WriteCell = (value: RowValue, writer: CanonicalWriter) => void;

/** Rows of one table. */
export class CanonicalRows {
  readonly #cells: readonly WriteCell[];
  readonly #writer = new CanonicalWriter();

  /** @param types of the columns of the target, in its order, on both sides */
  constructor(types: readonly ColumnType[]) {
    this.#cells = types.map(cellOf);
  }

  /** @returns its bytes, valid until the next call */
  encode(row: Row): Uint8Array {
    const [cells, writer] = [this.#cells, this.#writer];
    assert(row.length === cells.length, `a row has ${row.length} cells, its table ${cells.length} columns`);
    writer.begin();
    writer.short(cells.length);
    for (let index = 0; index < cells.length; index += 1) {
      const value = row[index] as RowValue;
      if (value === null) writer.byte(marks.null);
      else (cells[index] as WriteCell)(value, writer);
    }
    return writer.written();
  }
}

function cellOf(type: ColumnType): WriteCell {
  switch (type.kind) {
    case "boolean":
      return writeBoolean;
    case "integer":
      return writeInteger;
    case "decimal":
      return writeDecimal;
    case "float":
      return type.bits === 32 ? writeShortFloat : writeFloat;
    case "text":
      return type.isPadded ? writePadded : writeText;
    case "bytes":
      return writeBytes;
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return momentWriter(marks[type.kind]);
    case "timetz":
      return writeTimeWithZone;
    case "interval":
      return writeInterval;
    case "uuid":
      return writeUuid;
    case "json":
      return type.isStored ? writeText : writeJson;
    case "bits":
      return writeBits;
    case "array":
      return arrayWriter(type.element);
  }
}

/** @throws always: the value is none of its column's kind, which its reader must have seen to */
function unfit(kind: string, value: RowValue): never {
  throw new TypeError(`a cell of a column of kind ${kind} is held as ${typeof value}`);
}

function isObject(value: RowValue): boolean {
  return typeof value === "object" && !(value instanceof Uint8Array);
}

function writeBoolean(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "boolean") unfit("boolean", value);
  writer.byte(value ? marks.true : marks.false);
}

/** Whole numbers beyond 64 bits are written as decimals: a number has one form, whatever its column is called. */
function writeInteger(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    writer.byte(marks.whole);
    writer.whole(value);
  } else if (typeof value === "bigint") writeBigInt(value, writer);
  else unfit("integer", value);
}

function writeBigInt(value: bigint, writer: CanonicalWriter): void {
  if (value >= leastWhole && value <= mostWhole) {
    writer.byte(marks.whole);
    writer.whole(value);
  } else {
    writer.byte(marks.decimal);
    writer.text(value.toString());
  }
}

function writeDecimal(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "string") unfit("decimal", value);
  const normal = normalDecimal(value);
  if (normal === null) throw new TypeError("a cell of a column of kind decimal is no number");
  if (!isFiniteDecimal(normal) || !isWholeDecimal(normal)) {
    writer.byte(marks.decimal);
    writer.text(normal);
  } else if (normal.length <= safeDigits) {
    writer.byte(marks.whole);
    writer.whole(Number(normal));
  } else writeBigInt(BigInt(normal), writer);
}

function writeFloat(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "number") unfit("float", value);
  writer.byte(marks.float);
  // There are many NaN, and all are the same.
  writer.float(Number.isNaN(value) ? NaN : value);
}

function writeShortFloat(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "number") unfit("float", value);
  writeFloat(Math.fround(value), writer);
}

function writeText(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "string") unfit("text", value);
  writer.byte(marks.text);
  writer.text(value);
}

/** Without the spaces at its end; whatever else is white counts. */
function writePadded(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "string") unfit("text", value);
  writeText(trimEndOf(value, " "), writer);
}

function writeBytes(value: RowValue, writer: CanonicalWriter): void {
  if (!(value instanceof Uint8Array)) unfit("bytes", value);
  writer.byte(marks.bytes);
  writer.bytes(value);
}

function momentWriter(mark: number): WriteCell {
  return (value, writer) => {
    if (typeof value === "string") {
      writer.byte(marks.noTime);
      writer.text(value);
      return;
    }
    if (typeof value !== "number" && typeof value !== "bigint") unfit("date or time", value);
    writer.byte(mark);
    writer.whole(withoutInfinity(value));
  };
}

function withoutInfinity(value: number | bigint): number | bigint {
  if (value === Infinity) return mostWhole;
  return value === -Infinity ? leastWhole : value;
}

function writeTimeWithZone(value: RowValue, writer: CanonicalWriter): void {
  if (!isObject(value)) unfit("timetz", value);
  const { microseconds, zoneSeconds } = value as TimeWithZone;
  writer.byte(marks.timetz);
  writer.whole(microseconds);
  writer.word(zoneSeconds);
}

function writeInterval(value: RowValue, writer: CanonicalWriter): void {
  writer.byte(marks.interval);
  if (typeof value === "number") {
    writer.word(value > 0 ? mostWord : leastWord);
    writer.word(value > 0 ? mostWord : leastWord);
    writer.whole(withoutInfinity(value));
    return;
  }
  if (!isObject(value)) unfit("interval", value);
  const { months, days, microseconds } = value as IntervalValue;
  writer.word(months);
  writer.word(days);
  writer.whole(microseconds);
}

function writeUuid(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "string" || value.length !== 36) unfit("uuid", value);
  writer.byte(marks.uuid);
  writer.text(value);
}

function writeJson(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "string") unfit("json", value);
  const canonical = canonicalJsonText(value);
  writer.byte(canonical === null ? marks.text : marks.json);
  writer.text(canonical ?? value);
}

function writeBits(value: RowValue, writer: CanonicalWriter): void {
  if (typeof value !== "string") unfit("bits", value);
  writer.byte(marks.bits);
  writer.text(value);
}

function arrayWriter(element: ColumnType): WriteCell {
  const write = cellOf(element);
  return (value, writer) => {
    if (!isObject(value)) unfit("array", value);
    const { dimensions, elements } = value as ArrayValue;
    writer.byte(marks.array);
    writer.short(dimensions.length);
    for (const { length, lowerBound } of dimensions) {
      writer.word(length);
      writer.word(lowerBound);
    }
    for (const cell of elements) {
      if (cell === null) writer.byte(marks.null);
      else write(cell, writer);
    }
  };
}
