/**
 * Tells the rows in the CopyData messages of a COPY, however the network has cut them. A row that lies in one piece is not
 * copied. A server sends one message a row; of the binary format, the header shares a message with the first row or
 * has its own, and the trailer has its own: neither is a row
 * (https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
 */
import { must } from "../base/assert.ts";

const messageHeaderBytes = 5;
const lengthBytes = 4;
const copyData = 0x64;
const lineFeed = 0x0a;

const signature = Uint8Array.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00]);
/** The signature, flags, and the length of an extension that nobody has used so far. */
const fileHeaderBytes = signature.length + 4 + 4;
/** Of these flags a reader must know each that is set; the only one that ever was put object ids before the fields. */
const criticalFlags = 0xffff0000;
const trailerFields = 0xffff;
/** How many fields follow stands before them. */
const fieldCountBytes = 2;

export type CopyFormat = "binary" | "text";

/** The rows of one `COPY … TO STDOUT`. */
export class CopyRows {
  /** How many it has told; the server's own word at the end (`COPY 1234`) must be the same. */
  rows = 0;
  readonly #format: CopyFormat;
  readonly #onRow: (row: Uint8Array) => void;
  /** Of a message whose end is still to come: what stands in it, filled so far. */
  #begun: { readonly body: Uint8Array; filled: number } | null = null;
  /** Less than a message's header, from the end of the last piece. */
  #carried = new Uint8Array(0);
  #hasHeader = false;
  #hasTrailer = false;

  /**
   * @param onRow hears each row, valid for as long as the piece is: of the binary format the count of fields and the fields,
   * of the text format the line without its end
   */
  constructor(format: CopyFormat, onRow: (row: Uint8Array) => void) {
    this.#format = format;
    this.#onRow = onRow;
  }

  /**
   * @param messages CopyData messages with their headers, whole or broken, as `CopyOut` gives them
   * @throws RangeError when they are none, or no rows of this format
   */
  push(messages: Uint8Array): void {
    const bytes = this.#carried.length === 0 ? messages : Buffer.concat([this.#carried, messages]);
    let at = this.#begun === null ? 0 : this.#fill(bytes);
    while (bytes.length - at >= messageHeaderBytes) {
      const bodyBytes = bodyBytesAt(bytes, at);
      at += messageHeaderBytes;
      if (bodyBytes > bytes.length - at) {
        this.#begun = { body: Buffer.allocUnsafe(bodyBytes), filled: 0 };
        at += this.#fill(bytes.subarray(at));
        break;
      }
      this.#hear(bytes.subarray(at, at + bodyBytes));
      at += bodyBytes;
    }
    this.#carried = bytes.slice(at);
  }

  /** Nothing more comes. @throws RangeError when something is missing */
  end(): void {
    if (this.#begun !== null || this.#carried.length > 0) throw new RangeError("the rows end inside of a message");
    if (this.#format === "binary" && !this.#hasTrailer) throw new RangeError("the rows end without their trailer");
  }

  /** @returns how many of these bytes belong to the message that has begun */
  #fill(bytes: Uint8Array): number {
    const begun = must(this.#begun, "a message has begun");
    const length = Math.min(begun.body.length - begun.filled, bytes.length);
    begun.body.set(bytes.subarray(0, length), begun.filled);
    begun.filled += length;
    if (begun.filled === begun.body.length) {
      this.#begun = null;
      this.#hear(begun.body);
    }
    return length;
  }

  #hear(body: Uint8Array): void {
    if (this.#format === "text") this.#tell(lineOf(body));
    else if (this.#hasHeader) this.#hearBinary(body);
    else {
      const rest = afterFileHeader(body);
      this.#hasHeader = true;
      if (rest.length > 0) this.#hearBinary(rest);
    }
  }

  #hearBinary(row: Uint8Array): void {
    if (this.#hasTrailer) throw new RangeError("a message follows the trailer of the rows");
    if (row.length < fieldCountBytes) throw new RangeError(`a row of ${row.length} bytes`);
    this.#hasTrailer = (((row[0] as number) << 8) | (row[1] as number)) === trailerFields;
    if (!this.#hasTrailer) this.#tell(row);
    else if (row.length > fieldCountBytes) throw new RangeError("more follows in the trailer of the rows");
  }

  #tell(row: Uint8Array): void {
    this.rows += 1;
    this.#onRow(row);
  }
}

/** @returns how long the body of the message is that begins there */
function bodyBytesAt(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== copyData) throw new RangeError(`a message of kind ${bytes[at]}, which is no row`);
  const length = numberAt(bytes, at + 1);
  if (length < lengthBytes) throw new RangeError(`a message of ${length} bytes`);
  return length - lengthBytes;
}

function lineOf(body: Uint8Array): Uint8Array {
  if (body[body.length - 1] !== lineFeed) throw new RangeError("a row of text without an end of line");
  return body.subarray(0, -1);
}

function afterFileHeader(body: Uint8Array): Uint8Array {
  if (body.length < fileHeaderBytes || signature.some((byte, index) => body[index] !== byte))
    throw new RangeError("the rows do not begin as binary ones do");
  const flags = numberAt(body, signature.length);
  if ((flags & criticalFlags) !== 0) throw new RangeError(`binary rows with the unknown flags ${flags}`);
  const end = fileHeaderBytes + numberAt(body, signature.length + 4);
  if (end > body.length) throw new RangeError("the header of the binary rows is cut off");
  return body.subarray(end);
}

/** @returns 32 bits in network order */
function numberAt(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
