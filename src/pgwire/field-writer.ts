/** Where the rows of one CopyData message are put together. Numbers have their highest byte first. */

const messageHeaderBytes = 5;
const copyData = 0x64;
const firstBytes = 64 * 1024;
const keptBytesMax = 2 ** 20;
/** UTF-8 takes no more of one UTF-16 code unit. */
const bytesPerUnitMax = 3;
/** Below this it is faster to write characters one by one than to ask the platform. */
const shortUnits = 24;
const upperHalf = 2 ** 32;
const hyphen = 0x2d;

export class FieldWriter {
  #bytes = Buffer.allocUnsafeSlow(firstBytes);
  #view = viewOf(this.#bytes);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** Nothing stands in the message. */
  get isEmpty(): boolean {
    return this.#at <= messageHeaderBytes;
  }

  /** Goes on where a message has begun. */
  begin(): void {
    if (this.#at > 0) return;
    this.#at = messageHeaderBytes;
  }

  /** @returns the message; the writer goes on in other memory */
  take(): Uint8Array {
    this.#view.setUint8(0, copyData);
    this.#view.setUint32(1, this.#at - 1);
    const message = this.#bytes.subarray(0, this.#at);
    // The next one is as long as this one, unless a single long row was in it.
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(this.#bytes.length, keptBytesMax));
    this.#view = viewOf(this.#bytes);
    this.#at = 0;
    return message;
  }

  /** Takes back what follows. */
  cut(length: number): void {
    this.#at = length;
  }

  byte(value: number): void {
    this.#need(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  short(value: number): void {
    this.#need(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  word(value: number): void {
    this.#need(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** 64 bits. @param value whole, and a number only where it is safe */
  whole(value: number | bigint): void {
    this.#need(8);
    if (typeof value === "bigint") this.#view.setBigInt64(this.#at, value);
    else {
      const upper = Math.floor(value / upperHalf);
      this.#view.setInt32(this.#at, upper);
      this.#view.setUint32(this.#at + 4, value - upper * upperHalf);
    }
    this.#at += 8;
  }

  float(value: number): void {
    this.#need(8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** In UTF-8, after its length in bytes. */
  text(value: string): void {
    const from = this.#at;
    this.#need(4 + value.length * bytesPerUnitMax);
    this.#at += 4;
    this.plainText(value);
    this.#view.setInt32(from, this.#at - from - 4);
  }

  /** Without its length. */
  plainText(value: string): void {
    this.#need(value.length * bytesPerUnitMax);
    const length = value.length <= shortUnits ? this.#ascii(value) : -1;
    if (length < 0 && value.includes("\0")) throw noZeros();
    this.#at += length >= 0 ? length : this.#bytes.write(value, this.#at, "utf8");
  }

  /** Pairs of hexadecimal digits; hyphens between them say nothing. */
  hex(value: string): void {
    this.#need(value.length);
    for (let at = 0; at < value.length; at += 2) {
      if (value.charCodeAt(at) === hyphen) at += 1;
      const byte = (digitOf(value.charCodeAt(at)) << 4) | digitOf(value.charCodeAt(at + 1));
      if (byte < 0) throw new TypeError("what is no hexadecimal number");
      this.#bytes[this.#at] = byte;
      this.#at += 1;
    }
  }

  /** Writes the length of what follows a word into this word. @param at where it stands */
  patch(at: number): void {
    this.#view.setInt32(at, this.#at - at - 4);
  }

  #ascii(value: string): number {
    const from = this.#at;
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      if (code > 0x7f) return -1;
      if (code === 0) throw noZeros();
      this.#bytes[from + at] = code;
    }
    return value.length;
  }

  #need(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

function noZeros(): RangeError {
  return new RangeError("a text of PostgreSQL cannot hold the character U+0000");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @returns below zero where it is none */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -0x100;
}
