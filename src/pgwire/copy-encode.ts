/** Rows as the input of a COPY: binary where every column has a form of its own, else as text. */
import type { ArrayValue, IntervalValue, Row, RowValue, TimeWithZone } from "../model/row-value.ts";
import type { CopyFormat } from "./copy-rows.ts";
import { type CopyColumn, CopyValueError, type Wire } from "./copy-types.ts";
import { fieldText, writeLine } from "./copy-text.ts";
import { FieldWriter } from "./field-writer.ts";
import { NumericGroups } from "./numeric.ts";

/** From 1970-01-01, as cells count, to 2000-01-01, as PostgreSQL does. */
export const epochDays = 10_957;
export const epochMicroseconds = epochDays * 86_400_000_000;

/** A signature, no flags, and no extension. */
const fileHeader = Buffer.from("PGCOPY\n\xff\r\n\0".padEnd(19, "\0"), "latin1");
const trailerFields = 0xffff;
const nullBytes = 0xffffffff;
const jsonbVersion = 1;
const leastWhole = -(2n ** 63n);
const mostWhole = 2n ** 63n - 1n;
const leastWord = -(2 ** 31);
const mostWord = 2 ** 31 - 1;

export function formatFor(columns: readonly CopyColumn[]): CopyFormat {
  return columns.every(({ wire }) => wire !== null) ? "binary" : "text";
}

type WriteField = (value: RowValue, writer: FieldWriter) => void;

/** The input of one `COPY … FROM STDIN`. */
export class CopyEncoder {
  readonly format: CopyFormat;
  readonly #columns: readonly CopyColumn[];
  readonly #fields: readonly WriteField[];
  readonly #writer = new FieldWriter();
  #hasHeader = false;

  constructor(columns: readonly CopyColumn[]) {
    this.format = formatFor(columns);
    this.#columns = columns;
    this.#fields = this.format === "binary" ? columns.map(writerOf) : [];
  }

  /** What waits to be taken. */
  get bytes(): number {
    return this.#writer.length;
  }

  /** @throws CopyValueError where a column cannot hold its cell; then nothing of the row waits */
  add(row: Row): void {
    const writer = this.#writer;
    this.#begin();
    const from = writer.length;
    let at = 0;
    try {
      if (row.length !== this.#columns.length) throw new TypeError(`a row of ${row.length} cells`);
      if (this.format === "text") {
        writeLine(writer, row, this.#columns);
        return;
      }
      const fields = this.#fields;
      writer.short(fields.length);
      for (; at < fields.length; at += 1) {
        const value = row[at] as RowValue;
        if (value === null) writer.word(nullBytes);
        else (fields[at] as WriteField)(value, writer);
      }
    } catch (error) {
      writer.cut(from);
      if (error instanceof CopyValueError || !(error instanceof TypeError || error instanceof RangeError)) throw error;
      throw new CopyValueError(at, error.message);
    }
  }

  /** @returns one CopyData message of what waits, which is nobody else's; null where nothing does */
  take(): Uint8Array | null {
    return this.#writer.isEmpty ? null : this.#writer.take();
  }

  /** @returns what is still to be sent before the end; null: nothing */
  end(): Uint8Array | null {
    this.#begin();
    if (this.format === "binary") this.#writer.short(trailerFields);
    return this.take();
  }

  #begin(): void {
    this.#writer.begin();
    if (this.#hasHeader) return;
    this.#hasHeader = true;
    if (this.format === "binary") this.#writer.raw(fileHeader);
  }
}

const numericGroups = new NumericGroups();
const shortFloat = new Float32Array(1);
const shortBits = new Uint32Array(shortFloat.buffer);

const writers: Readonly<Record<Exclude<Wire, "array">, WriteField>> = {
  bool: (value, writer) => {
    if (typeof value !== "boolean") unfit("boolean", value);
    writer.word(1);
    writer.byte(value ? 1 : 0);
  },
  int2: (value, writer) => {
    if (!isWithin(value, -32_768, 32_767)) unfit("smallint", value);
    writer.word(2);
    writer.short(value);
  },
  int4: (value, writer) => {
    if (!isWithin(value, leastWord, mostWord)) unfit("integer", value);
    writer.word(4);
    writer.word(value);
  },
  int8: (value, writer) => {
    writer.word(8);
    writer.whole(wholeOf("bigint", value, 0));
  },
  numeric: (value, writer) => {
    const number = numericGroups;
    if (!number.read(typeof value === "string" ? value : decimalOf(value))) unfit("numeric", value);
    writer.word(8 + 2 * number.count);
    writer.short(number.count);
    writer.short(number.weight);
    writer.short(number.sign);
    writer.short(number.scale);
    for (let at = 0; at < number.count; at += 1) writer.short(number.groups[at] as number);
  },
  float4: (value, writer) => {
    if (typeof value !== "number") unfit("real", value);
    shortFloat[0] = value;
    writer.word(4);
    writer.word(shortBits[0] as number);
  },
  float8: (value, writer) => {
    if (typeof value !== "number") unfit("double precision", value);
    writer.word(8);
    writer.float(value);
  },
  text: (value, writer) => {
    if (typeof value !== "string") unfit("text", value);
    writer.text(value);
  },
  bytea: (value, writer) => {
    if (!(value instanceof Uint8Array)) unfit("bytea", value);
    writer.word(value.length);
    writer.raw(value);
  },
  date: (value, writer) => {
    if (typeof value !== "number") unfit("date", value);
    writer.word(4);
    writer.word(value === Infinity ? mostWord : value === -Infinity ? leastWord : value - epochDays);
  },
  time: (value, writer) => {
    if (!isWithin(value, 0, 86_400_000_000)) unfit("time", value);
    writer.word(8);
    writer.whole(value);
  },
  timetz: (value, writer) => {
    const { microseconds, zoneSeconds } = objectOf("timetz", value) as TimeWithZone;
    writer.word(12);
    writer.whole(microseconds);
    writer.word(-zoneSeconds);
  },
  timestamp: (value, writer) => {
    writer.word(8);
    writer.whole(wholeOf("timestamp", value, epochMicroseconds));
  },
  timestamptz: (value, writer) => {
    writer.word(8);
    writer.whole(wholeOf("timestamptz", value, epochMicroseconds));
  },
  interval: (value, writer) => {
    writer.word(16);
    if (typeof value === "number") {
      const word = value > 0 ? mostWord : leastWord;
      writer.whole(value > 0 ? mostWhole : leastWhole);
      writer.word(word);
      writer.word(word);
      return;
    }
    const { months, days, microseconds } = objectOf("interval", value) as IntervalValue;
    writer.whole(microseconds);
    writer.word(days);
    writer.word(months);
  },
  uuid: (value, writer) => {
    if (typeof value !== "string" || value.length !== 36) unfit("uuid", value);
    const at = writer.length;
    writer.word(0);
    writer.hex(value);
    writer.patch(at);
    if (writer.length - at !== 20) unfit("uuid", value);
  },
  jsonb: (value, writer) => {
    if (typeof value !== "string") unfit("jsonb", value);
    const at = writer.length;
    writer.word(0);
    writer.byte(jsonbVersion);
    writer.plainText(value);
    writer.patch(at);
  },
  bits: (value, writer) => {
    if (typeof value !== "string") unfit("bit", value);
    writer.word(4 + Math.ceil(value.length / 8));
    writer.word(value.length);
    for (let at = 0; at < value.length; at += 8)
      writer.byte(Number.parseInt(value.slice(at, at + 8).padEnd(8, "0"), 2));
  },
};

function writerOf({ wire, element }: CopyColumn): WriteField {
  if (wire === null) throw new TypeError("a column without a binary form");
  if (wire !== "array") return writers[wire];
  if (element === null) throw new TypeError("an array without an element");
  const write = writerOf(element);
  return (value, writer) => {
    const { dimensions, elements } = objectOf("array", value) as ArrayValue;
    const at = writer.length;
    writer.word(0);
    writer.word(dimensions.length);
    writer.word(elements.includes(null) ? 1 : 0);
    writer.word(element.oid);
    for (const { length, lowerBound } of dimensions) {
      writer.word(length);
      writer.word(lowerBound);
    }
    for (const cell of elements) {
      if (cell === null) writer.word(nullBytes);
      else write(cell, writer);
    }
    writer.patch(at);
  };
}

function isWithin(value: RowValue, least: number, most: number): value is number {
  return typeof value === "number" && value >= least && value <= most && Number.isInteger(value);
}

/** @param back what is taken from it */
function wholeOf(type: string, value: RowValue, back: number): number | bigint {
  if (typeof value === "number") {
    if (value === Infinity && back !== 0) return mostWhole;
    if (value === -Infinity && back !== 0) return leastWhole;
    const less = value - back;
    if (Number.isSafeInteger(less)) return less;
    if (!Number.isSafeInteger(value)) unfit(type, value);
  } else if (typeof value !== "bigint") unfit(type, value);
  const exact = BigInt(value) - BigInt(back);
  if (exact < leastWhole || exact > mostWhole) unfit(type, value);
  return exact;
}

function decimalOf(value: RowValue): string {
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return String(value);
  return unfit("numeric", value);
}

function objectOf(type: string, value: RowValue): object {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) unfit(type, value);
  return value;
}

/** Without the value itself, which belongs into no log. */
function unfit(type: string, value: RowValue): never {
  throw new TypeError(`a column of type ${type} cannot hold ${fieldText.describe(value)}`);
}
