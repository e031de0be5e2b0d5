/**
 * Cells of MySQL's binary rows as values (https://mariadb.com/kb/en/resultset-row/#binary-resultset-row): a byte of zero,
 * a bit for each cell that is NULL, and the others, each in the form of its type. As text, a float would lose digits.
 */
import { joinDay } from "../../model/civil-time.ts";
import type { ColumnType } from "../../model/column-type.ts";
import type { RowValue } from "../../model/row-value.ts";

/** Numbers of types in the protocol. */
const wire = { tiny: 1, short: 2, long: 3, float: 4, double: 5, longLong: 8, int24: 9, year: 13 };

const secondMicroseconds = 1_000_000;
const upperHalf = 2 ** 32;
const safeUpper = 2 ** 21;
/** Below this it is faster to look at characters one by one than to ask the platform. */
const shortBytes = 16;
/** The two bits before the first cell's say nothing. */
const nullBitsBefore = 2;

interface Cursor {
  at: number;
}

type ReadCell = (bytes: Buffer, cursor: Cursor) => RowValue;

/** The rows of one answer. */
export class BinaryRows {
  readonly #cells: readonly ReadCell[];
  readonly #cursor: Cursor = { at: 0 };

  /** @param wireTypes numbers of the types, as the server tells them @param kinds what the cells are to be */
  constructor(wireTypes: readonly number[], kinds: readonly ColumnType[]) {
    this.#cells = kinds.map((kind, at) => readerOf(kind, wireTypes[at] ?? 0));
  }

  /** @param at where the packet's body begins @returns values that are no views into the bytes */
  decode(bytes: Buffer, at: number): RowValue[] {
    const [cells, cursor] = [this.#cells, this.#cursor];
    const nulls = at + 1;
    cursor.at = nulls + ((cells.length + 7 + nullBitsBefore) >> 3);
    // oxlint-disable-next-line unicorn/no-new-array -- of known length, for each row
    const row = new Array<RowValue>(cells.length);
    for (let index = 0; index < cells.length; index += 1) {
      const bit = index + nullBitsBefore;
      const isNull = ((bytes[nulls + (bit >> 3)] as number) >> (bit & 7)) & 1;
      row[index] = isNull === 1 ? null : (cells[index] as ReadCell)(bytes, cursor);
    }
    return row;
  }
}

/** A table of another shape has another type in the protocol, and is noticed here. */
function readerOf(kind: ColumnType, wireType: number): ReadCell {
  switch (kind.kind) {
    case "integer":
      return integerReader(kind.isUnsigned, wireType);
    case "float":
      if (wireType === wire.float) return readFloat;
      if (wireType === wire.double) return readDouble;
      throw new RangeError(`a float has the type ${wireType}`);
    case "decimal":
    case "text":
    case "json":
    case "uuid":
      return readText;
    case "bytes":
      return readBytes;
    case "bits":
      return bitsReader(kind.length ?? 1);
    case "date":
      return readDate;
    case "time":
      return readTime;
    case "timestamp":
    case "timestamptz":
      return momentReader(kind.digits);
    default:
      throw new RangeError(`MySQL has no ${kind.kind}`);
  }
}

function integerReader(isUnsigned: boolean, wireType: number): ReadCell {
  switch (wireType) {
    case wire.tiny:
      return isUnsigned
        ? (bytes, cursor) => bytes[cursor.at++] as number
        : (bytes, cursor) => ((bytes[cursor.at++] as number) << 24) >> 24;
    case wire.short:
    case wire.year:
      return (bytes, cursor) => {
        const value = (bytes[cursor.at] as number) | ((bytes[cursor.at + 1] as number) << 8);
        cursor.at += 2;
        return isUnsigned ? value : (value << 16) >> 16;
      };
    case wire.long:
    case wire.int24:
      return (bytes, cursor) => {
        const value = wordAt(bytes, cursor.at);
        cursor.at += 4;
        return isUnsigned ? value >>> 0 : value;
      };
    case wire.longLong:
      return isUnsigned ? readUnsignedLong : readLong;
    default:
      throw new RangeError(`an integer has the type ${wireType}`);
  }
}

/** @returns with a sign */
function wordAt(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function readLong(bytes: Buffer, cursor: Cursor): number | bigint {
  const { at } = cursor;
  cursor.at += 8;
  const upper = wordAt(bytes, at + 4);
  if (upper < safeUpper && upper > -safeUpper) return upper * upperHalf + (wordAt(bytes, at) >>> 0);
  return safe(bytes.readBigInt64LE(at));
}

function readUnsignedLong(bytes: Buffer, cursor: Cursor): number | bigint {
  const { at } = cursor;
  cursor.at += 8;
  const upper = wordAt(bytes, at + 4) >>> 0;
  return upper < safeUpper ? upper * upperHalf + (wordAt(bytes, at) >>> 0) : bytes.readBigUInt64LE(at);
}

function safe(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function readFloat(bytes: Buffer, cursor: Cursor): number {
  cursor.at += 4;
  return bytes.readFloatLE(cursor.at - 4);
}

function readDouble(bytes: Buffer, cursor: Cursor): number {
  cursor.at += 8;
  return bytes.readDoubleLE(cursor.at - 8);
}

/** https://mariadb.com/kb/en/protocol-data-types/#length-encoded-integers */
function lengthAt(bytes: Buffer, cursor: Cursor): number {
  const first = bytes[cursor.at] as number;
  cursor.at += 1;
  if (first < 0xfb) return first;
  const size = first === 0xfc ? 2 : first === 0xfd ? 3 : 8;
  cursor.at += size;
  return size === 8 ? Number(bytes.readBigUInt64LE(cursor.at - size)) : bytes.readUIntLE(cursor.at - size, size);
}

function readText(bytes: Buffer, cursor: Cursor): string {
  const length = lengthAt(bytes, cursor);
  const from = cursor.at;
  const end = from + length;
  cursor.at = end;
  if (length > shortBytes) return bytes.toString("utf8", from, end);
  let text = "";
  for (let at = from; at < end; at += 1) {
    const code = bytes[at] as number;
    if (code > 0x7f) return bytes.toString("utf8", from, end);
    text += String.fromCharCode(code);
  }
  return text;
}

function readBytes(bytes: Buffer, cursor: Cursor): Uint8Array {
  const length = lengthAt(bytes, cursor);
  cursor.at += length;
  return new Uint8Array(bytes.subarray(cursor.at - length, cursor.at));
}

function bitsReader(bits: number): ReadCell {
  return (bytes, cursor) => {
    const length = lengthAt(bytes, cursor);
    let text = "";
    for (const end = cursor.at + length; cursor.at < end; cursor.at += 1)
      text += (bytes[cursor.at] as number).toString(2).padStart(8, "0");
    return text.padStart(bits, "0").slice(-bits);
  };
}

/** The days before each month of a year without a leap day. */
const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334] as const;
const monthLengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** From the first day of year 0 to 1970-01-01. */
const daysToEpoch = 719_528;

/** @returns days since 1970-01-01; null where no calendar has this date, and for year 0, which MySQL does not reckon with */
function dayOf(year: number, month: number, day: number): number | null {
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > (monthLengths[month - 1] as number)) return null;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (!isLeap && month === 2 && day === 29) return null;
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) + 1;
  const inYear = (daysBefore[month - 1] as number) + day - 1 + (isLeap && month > 2 ? 1 : 0);
  return year * 365 + leapDays + inYear - daysToEpoch;
}

function readDate(bytes: Buffer, cursor: Cursor): RowValue {
  const length = bytes[cursor.at] as number;
  const at = cursor.at + 1;
  cursor.at = at + length;
  if (length === 0) return "0000-00-00";
  const year = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  const [month, day] = [bytes[at + 2] as number, bytes[at + 3] as number];
  return dayOf(year, month, day) ?? dateText(year, month, day);
}

/** @param digits of a second that the column keeps, and that a text of it has */
function momentReader(digits: number): ReadCell {
  return (bytes, cursor) => {
    const length = bytes[cursor.at] as number;
    const at = cursor.at + 1;
    cursor.at = at + length;
    const year = length === 0 ? 0 : (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    const [month, day] = length === 0 ? [0, 0] : [bytes[at + 2] as number, bytes[at + 3] as number];
    const seconds =
      length < 7 ? 0 : ((bytes[at + 4] as number) * 60 + (bytes[at + 5] as number)) * 60 + (bytes[at + 6] as number);
    const fraction = length < 11 ? 0 : wordAt(bytes, at + 7);
    const days = dayOf(year, month, day);
    if (days !== null) return joinDay(days, seconds * secondMicroseconds + fraction);
    return `${dateText(year, month, day)} ${clockText(seconds, fraction, digits)}`;
  };
}

/** Beyond a day and below zero as well. */
function readTime(bytes: Buffer, cursor: Cursor): number {
  const length = bytes[cursor.at] as number;
  const at = cursor.at + 1;
  cursor.at = at + length;
  if (length === 0) return 0;
  const hours = wordAt(bytes, at + 1) * 24 + (bytes[at + 5] as number);
  const seconds = (hours * 60 + (bytes[at + 6] as number)) * 60 + (bytes[at + 7] as number);
  const microseconds = seconds * secondMicroseconds + (length > 8 ? wordAt(bytes, at + 8) : 0);
  return bytes[at] === 1 ? -microseconds : microseconds;
}

function dateText(year: number, month: number, day: number): string {
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
}

function clockText(seconds: number, fraction: number, digits: number): string {
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = parts.map((part) => padded(part, 2)).join(":");
  return digits === 0 ? clock : `${clock}.${padded(fraction, 6).slice(0, digits)}`;
}

function padded(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
