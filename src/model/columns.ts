/**
 * Columns of bytes for the codecs beside this file: values of one kind stand together, so that zstd finds them alike.
 * No format version here: each codec begins with its own. Damage is told by zstd's checksum first, by bounds second.
 */
import zlib from "node:zlib";
import { GodwitError } from "../base/errors.ts";

/** 64-bit values as pairs of 32-bit halves: BigInt arithmetic would cost ten times as much. */
export interface Wide {
  readonly halves: Uint32Array;
  readonly bigints: BigInt64Array;
}

function wide(count: number): Wide {
  const bigints = new BigInt64Array(count);
  return { bigints, halves: new Uint32Array(bigints.buffer) };
}

const two32 = 0x1_0000_0000;

/** @param value  an integer from 0 to 2^53-1 */
function setWide(column: Wide, index: number, value: number): void {
  column.halves[2 * index] = value % two32;
  column.halves[2 * index + 1] = Math.floor(value / two32);
}

export function getWide(column: Wide, index: number): number {
  return (column.halves[2 * index + 1] ?? 0) * two32 + (column.halves[2 * index] ?? 0);
}

export function damaged(what: string, cause?: unknown): GodwitError {
  return new GodwitError("state_unusable", {
    disposition: "fatal",
    what: `a stored list cannot be read (${what})`,
    hint: "The state is damaged. Restore it from a backup, or start the job anew with --new.",
    cause,
  });
}

/** A column of 64-bit values that grows. */
export class WideWriter {
  #column = wide(64);
  #length = 0;

  /** @param value  an integer from 0 to 2^53-1 */
  push(value: number): void {
    if (this.#length === this.#column.bigints.length) this.#grow();
    setWide(this.#column, this.#length, value);
    this.#length += 1;
  }

  pushBig(value: bigint): void {
    if (this.#length === this.#column.bigints.length) this.#grow();
    this.#column.bigints[this.#length] = value;
    this.#length += 1;
  }

  /** What was pushed; valid until the next push. */
  column(): Wide {
    const { bigints, halves } = this.#column;
    return { bigints: bigints.subarray(0, this.#length), halves: halves.subarray(0, 2 * this.#length) };
  }

  #grow(): void {
    const bigger = wide(4 * this.#length);
    bigger.bigints.set(this.#column.bigints);
    this.#column = bigger;
  }
}

/** A column of Latin-1 text that grows. */
export class TextColumn {
  readonly #lengths = new ColumnWriter();
  readonly #text = new ColumnWriter();

  /** The text from there on. */
  push(text: string, from: number): void {
    this.#lengths.varint(text.length - from + 1);
    this.#text.latin1(text, from);
  }

  /** As `ColumnWriter.strings` writes them. */
  appendTo(writer: ColumnWriter): void {
    writer.raw(this.#lengths.bytes);
    writer.raw(this.#text.bytes);
  }
}

/** How a column of wide values was told: as they are, as steps from the one before, or as steps from a peer column. */
const modes = { plain: 0, step: 1, peer: 2 } as const;

export class ColumnWriter {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  #grow(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const bigger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(bigger, 0, 0, this.#length);
    this.#bytes = bigger;
  }

  byte(value: number): void {
    this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    this.#grow(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Names are short: a call into Node for each would take longer than this loop. */
  latin1(text: string, from: number): void {
    this.#grow(text.length - from);
    for (let at = from; at < text.length; at += 1) this.#bytes[this.#length++] = text.charCodeAt(at);
  }

  /** What was written; valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Lengths first (0 for null, else one more than the bytes), then all text together. */
  strings(values: readonly (string | null)[], encoding: "latin1" | "utf8"): void {
    for (const value of values) this.varint(value === null ? 0 : Buffer.byteLength(value, encoding) + 1);
    this.raw(Buffer.from(values.map((value) => value ?? "").join(""), encoding));
  }

  /** Byte planes, least significant first, after whichever of the three modes leaves the fewest bits. */
  wide(column: Wide, peer?: Wide): void {
    const step = steps(column, column, 1);
    const choices: [number, Uint32Array][] = [
      [modes.plain, column.halves],
      [modes.step, step],
    ];
    if (peer !== undefined) choices.push([modes.peer, steps(column, peer, 0)]);
    let [mode, best] = choices[0] as [number, Uint32Array];
    let fewest = bits(best);
    for (const [otherMode, halves] of choices.slice(1)) {
      const count = bits(halves);
      if (count < fewest) [mode, best, fewest] = [otherMode, halves, count];
    }
    this.byte(mode);
    this.#planes(best);
  }

  #planes(halves: Uint32Array): void {
    let low = 0;
    let high = 0;
    for (let at = 0; at < halves.length; at += 2) {
      low |= halves[at] ?? 0;
      high |= halves[at + 1] ?? 0;
    }
    const planes = high !== 0 ? 8 - (Math.clz32(high) >> 3) : 4 - (Math.clz32(low) >> 3);
    this.byte(planes);
    this.#grow((planes * halves.length) / 2);
    for (let plane = 0; plane < planes; plane += 1) {
      const shift = (plane % 4) * 8;
      for (let at = plane >> 2; at < halves.length; at += 2) this.#bytes[this.#length++] = (halves[at] ?? 0) >>> shift;
    }
  }

  /** The format's version byte, then one zstd frame with a checksum. */
  finish(version: number): Uint8Array {
    const { ZSTD_c_compressionLevel: level, ZSTD_c_checksumFlag: checksum } = zlib.constants;
    const frame = zlib.zstdCompressSync(this.#bytes.subarray(0, this.#length), {
      params: { [level]: 3, [checksum]: 1 },
    });
    const out = new Uint8Array(frame.length + 1);
    out[0] = version;
    out.set(frame, 1);
    return out;
  }
}

export class ColumnReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(stored: Uint8Array, version: number) {
    if (stored[0] !== version) throw damaged(`format ${stored[0] ?? "missing"}, not ${version}`);
    try {
      this.#bytes = zlib.zstdDecompressSync(stored.subarray(1));
    } catch (error) {
      throw damaged("zstd", error);
    }
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw damaged("too short");
    return value;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw damaged("a number is too long");
  }

  /** A number of things that take at least `bytesEach` bytes: bounded by what is left, so that damage asks no memory. */
  count(bytesEach: number): number {
    const count = this.varint();
    if (count * bytesEach > this.#bytes.length - this.#at) throw damaged("too many");
    return count;
  }

  raw(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw damaged("too short");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  strings(count: number, encoding: "latin1" | "utf8"): (string | null)[] {
    const lengths = Array.from({ length: count }, () => this.varint());
    return lengths.map((length) => (length === 0 ? null : this.raw(length - 1).toString(encoding)));
  }

  wide(count: number, peer?: Wide): Wide {
    const column = wide(count);
    const mode = this.byte();
    const planes = this.byte();
    if (planes > 8) throw damaged("planes");
    const bytes = this.raw(planes * count);
    for (let plane = 0; plane < planes; plane += 1) {
      const shift = (plane % 4) * 8;
      for (let index = 0; index < count; index += 1) {
        const half = 2 * index + (plane >> 2);
        column.halves[half] = (column.halves[half] ?? 0) | ((bytes[plane * count + index] ?? 0) << shift);
      }
    }
    if (mode === modes.step) unstep(column, column, 1);
    else if (mode === modes.peer && peer !== undefined) unstep(column, peer, 0);
    else if (mode !== modes.plain) throw damaged("mode");
    return column;
  }

  /** @throws state_unusable when bytes are left over */
  end(): void {
    if (this.#at !== this.#bytes.length) throw damaged("too long");
  }
}

/** `column[i] - base[i - back]` modulo 2^64, zigzag, so that small steps of either sign have small bits. */
function steps(column: Wide, base: Wide, back: number): Uint32Array {
  const from = column.halves;
  const other = base.halves;
  const out = new Uint32Array(from.length);
  for (let at = 0; at < from.length; at += 2) {
    const before = at - 2 * back;
    const lowBase = other[before] ?? 0;
    const low = (from[at] ?? 0) - lowBase;
    const high = ((from[at + 1] ?? 0) - (other[before + 1] ?? 0) - (low < 0 ? 1 : 0)) | 0;
    const sign = high >> 31;
    out[at] = (low << 1) ^ sign;
    out[at + 1] = ((high << 1) | (low >>> 31)) ^ sign;
  }
  return out;
}

function unstep(column: Wide, base: Wide, back: number): void {
  const { halves } = column;
  const other = base.halves;
  for (let at = 0; at < halves.length; at += 2) {
    const low = halves[at] ?? 0;
    const high = halves[at + 1] ?? 0;
    const sign = -(low & 1);
    const before = at - 2 * back;
    const sum = ((((low >>> 1) | (high << 31)) ^ sign) >>> 0) + (other[before] ?? 0);
    halves[at] = sum;
    halves[at + 1] = ((high >>> 1) ^ sign) + (other[before + 1] ?? 0) + (sum >= two32 ? 1 : 0);
  }
}

function bits(halves: Uint32Array): number {
  let sum = 0;
  for (let at = 0; at < halves.length; at += 2) {
    const high = halves[at + 1] ?? 0;
    sum += high === 0 ? 32 - Math.clz32(halves[at] ?? 0) : 64 - Math.clz32(high);
  }
  return sum;
}
