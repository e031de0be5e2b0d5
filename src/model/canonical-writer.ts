/** Where canonical rows are put together: one stretch of memory, used again for every row. */

const firstBytes = 64 * 1024;
/** What a single long row has made larger than this is given back after it. */
const keptBytesMax = 8 * 2 ** 20;
/** UTF-8 takes no more of one UTF-16 code unit. */
const bytesPerUnitMax = 3;
/** Below this it is faster to write characters one by one than to ask the platform. */
const shortUnits = 32;
const lengthBytes = 4;
const numberBytes = 8;
const upperHalf = 2 ** 32;

export class CanonicalWriter {
  #bytes = Buffer.allocUnsafe(firstBytes);
  #view = viewOf(this.#bytes);
  #at = 0;

  begin(): void {
    if (this.#bytes.length > keptBytesMax) this.#move(firstBytes);
    this.#at = 0;
  }

  /** @returns what was written since `begin`, valid until the next one */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  byte(value: number): void {
    this.#need(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  /** 16 bits, the highest byte first, as all numbers here. */
  short(value: number): void {
    this.#need(2);
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  /** 32 bits in two's complement. */
  word(value: number): void {
    this.#need(lengthBytes);
    this.#view.setInt32(this.#at, value);
    this.#at += lengthBytes;
  }

  /** 64 bits in two's complement. @param value whole, and a number only where it is safe */
  whole(value: number | bigint): void {
    this.#need(numberBytes);
    if (typeof value === "bigint") this.#view.setBigInt64(this.#at, value);
    else {
      const upper = Math.floor(value / upperHalf);
      this.#view.setInt32(this.#at, upper);
      this.#view.setUint32(this.#at + lengthBytes, value - upper * upperHalf);
    }
    this.#at += numberBytes;
  }

  /** 64 bits as IEEE 754 has them. */
  float(value: number): void {
    this.#need(numberBytes);
    this.#view.setFloat64(this.#at, value);
    this.#at += numberBytes;
  }

  /** After the length of the bytes. */
  bytes(value: Uint8Array): void {
    this.#need(lengthBytes + value.length);
    this.#view.setUint32(this.#at, value.length);
    this.#bytes.set(value, this.#at + lengthBytes);
    this.#at += lengthBytes + value.length;
  }

  /** In UTF-8, after its length in bytes. */
  text(value: string): void {
    this.#need(lengthBytes + value.length * bytesPerUnitMax);
    const from = this.#at + lengthBytes;
    const length =
      (value.length <= shortUnits ? this.#ascii(value, from) : null) ?? this.#bytes.write(value, from, "utf8");
    this.#view.setUint32(this.#at, length);
    this.#at = from + length;
  }

  /** @returns the length; null where a character is none of ASCII */
  #ascii(value: string, from: number): number | null {
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      if (code > 0x7f) return null;
      this.#bytes[from + at] = code;
    }
    return value.length;
  }

  #need(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    this.#move(Math.max(this.#bytes.length * 2, this.#at + count));
  }

  #move(size: number): void {
    const larger = Buffer.allocUnsafe(size);
    this.#bytes.copy(larger, 0, 0, Math.min(this.#at, size));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
