/** Rows in the output of a COPY as values, by the types of its columns. */
import { wholeNumber, type ArrayDimension, type Row, type RowValue } from "../model/row-value.ts";
import { epochDays, epochMicroseconds, formatFor } from "./copy-encode.ts";
import type { CopyFormat } from "./copy-rows.ts";
import { readLine } from "./copy-text.ts";
import type { CopyColumn, Wire } from "./copy-types.ts";
import { numericText } from "./numeric.ts";

const leastWhole = -(2n ** 63n);
const mostWhole = 2n ** 63n - 1n;
const leastWord = -(2 ** 31);
const mostWord = 2 ** 31 - 1;
const upperHalf = 2 ** 32;
/** Below it a number of 64 bits is safe whatever its lower half. */
const safeUpper = 2 ** 21;
/** Below this it is faster to look at characters one by one than to ask the platform. */
const shortBytes = 12;

interface Bytes {
  readonly buffer: Buffer;
  readonly view: DataView;
}

type ReadField = (bytes: Bytes, at: number, length: number) => RowValue;

/** The rows of one `COPY … TO STDOUT`, in the format that `formatFor` names. */
export class CopyDecoder {
  readonly format: CopyFormat;
  readonly #columns: readonly CopyColumn[];
  readonly #fields: readonly ReadField[];

  constructor(columns: readonly CopyColumn[]) {
    this.format = formatFor(columns);
    this.#columns = columns;
    this.#fields = this.format === "binary" ? columns.map(readerOf) : [];
  }

  /**
   * @param row as `CopyRows` tells it; values are no views into it
   * @throws RangeError when it is no row of these columns
   */
  decode(row: Uint8Array): Row {
    const buffer = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
    if (this.format === "text") return readLine(buffer, this.#columns);
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    const bytes: Bytes = { buffer, view };
    const fields = this.#fields;
    if (view.getUint16(0) !== fields.length) throw new RangeError(`a row of ${view.getUint16(0)} fields`);
    const values: RowValue[] = [];
    let at = 2;
    for (let index = 0; index < fields.length; index += 1) {
      const length = view.getInt32(at);
      at += 4;
      if (length < 0) values.push(null);
      else {
        values.push((fields[index] as ReadField)(bytes, at, length));
        at += length;
      }
    }
    if (at !== row.length) throw new RangeError(`a row of ${row.length} bytes ends after ${at}`);
    return values;
  }
}

const readers: Readonly<Record<Exclude<Wire, "array">, ReadField>> = {
  bool: ({ buffer }, at) => buffer[at] === 1,
  int2: ({ view }, at) => view.getInt16(at),
  int4: ({ view }, at) => view.getInt32(at),
  int8: ({ view }, at) => wholeAt(view, at),
  numeric: ({ view }, at) => numericText(view, at),
  float4: ({ view }, at) => view.getFloat32(at),
  float8: ({ view }, at) => view.getFloat64(at),
  text: ({ buffer }, at, length) => textAt(buffer, at, at + length),
  bytea: ({ buffer }, at, length) => new Uint8Array(buffer.subarray(at, at + length)),
  date: ({ view }, at) => {
    const days = view.getInt32(at);
    if (days === mostWord) return Infinity;
    return days === leastWord ? -Infinity : days + epochDays;
  },
  time: ({ view }, at) => wholeAt(view, at),
  timetz: ({ view }, at) => ({ microseconds: Number(wholeAt(view, at)), zoneSeconds: 0 - view.getInt32(at + 8) }),
  timestamp: ({ view }, at) => momentAt(view, at),
  timestamptz: ({ view }, at) => momentAt(view, at),
  interval: ({ view }, at) => {
    const [microseconds, days, months] = [wholeAt(view, at), view.getInt32(at + 8), view.getInt32(at + 12)];
    if (microseconds === mostWhole && days === mostWord && months === mostWord) return Infinity;
    if (microseconds === leastWhole && days === leastWord && months === leastWord) return -Infinity;
    return { months, days, microseconds };
  },
  uuid: ({ buffer }, at) => {
    const hex = buffer.toString("hex", at, at + 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
  jsonb: ({ buffer }, at, length) => {
    if (buffer[at] !== 1) throw new RangeError(`jsonb of version ${buffer[at]}`);
    return buffer.toString("utf8", at + 1, at + length);
  },
  bits: ({ buffer, view }, at, length) => {
    let text = "";
    for (let index = at + 4; index < at + length; index += 1)
      text += (buffer[index] as number).toString(2).padStart(8, "0");
    return text.slice(0, view.getInt32(at));
  },
};

function readerOf({ wire, element }: CopyColumn): ReadField {
  if (wire === null) throw new TypeError("a column without a binary form");
  if (wire !== "array") return readers[wire];
  if (element === null) throw new TypeError("an array without an element");
  const read = readerOf(element);
  return (bytes, at, length) => {
    const { view } = bytes;
    const dimensions: ArrayDimension[] = [];
    let next = at + 12;
    for (let count = view.getInt32(at); count > 0; count -= 1, next += 8)
      dimensions.push({ length: view.getInt32(next), lowerBound: view.getInt32(next + 4) });
    const elements: RowValue[] = [];
    while (next < at + length) {
      const size = view.getInt32(next);
      next += 4;
      elements.push(size < 0 ? null : read(bytes, next, size));
      next += Math.max(0, size);
    }
    return { dimensions, elements };
  };
}

function wholeAt(view: DataView, at: number): number | bigint {
  const upper = view.getInt32(at);
  if (upper < safeUpper && upper >= -safeUpper) {
    const value = upper * upperHalf + view.getUint32(at + 4);
    // The least of them is one too small.
    if (Number.isSafeInteger(value)) return value;
  }
  return view.getBigInt64(at);
}

function momentAt(view: DataView, at: number): number | bigint {
  const since2000 = wholeAt(view, at);
  if (since2000 === mostWhole) return Infinity;
  if (since2000 === leastWhole) return -Infinity;
  if (typeof since2000 === "number") {
    const value = since2000 + epochMicroseconds;
    if (Number.isSafeInteger(value)) return value;
  }
  return wholeNumber(BigInt(since2000) + BigInt(epochMicroseconds));
}

function textAt(buffer: Buffer, from: number, end: number): string {
  if (end - from > shortBytes) return buffer.toString("utf8", from, end);
  let text = "";
  for (let at = from; at < end; at += 1) {
    const code = buffer[at] as number;
    if (code > 0x7f) return buffer.toString("utf8", from, end);
    text += String.fromCharCode(code);
  }
  return text;
}
