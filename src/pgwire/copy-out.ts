/**
 * Finds the rows in what a PostgreSQL server sends during `COPY … TO STDOUT`, in whatever pieces the network gives it, and
 * copies none of them. A server sends one CopyData message a row; another server takes the same bytes as its input, so
 * they can be passed from socket to socket as they come, half rows as well.
 *
 * Messages: one byte says the kind, four the length of the rest, themselves included, in network order
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 */

const headerBytes = 5;
const lengthBytes = 4;
const copyData = 0x64;
/** A row is a gigabyte at most; what is longer is no message of this protocol. */
const mostBytes = 2 ** 30 + 2 ** 20;

export interface CopyOutListener {
  /** Whole or broken CopyData messages, headers included: valid for as long as the piece is. */
  readonly onData: (bytes: Uint8Array) => void;
  /** Any other message, whole: its kind as a character, and what follows its length. */
  readonly onMessage: (kind: string, body: Uint8Array) => void;
}

/** One server's answer to one `COPY`. */
export class CopyOut {
  readonly #listener: CopyOutListener;
  /** Of the message that has begun: bytes that are still to come. */
  #left = 0;
  /** Of another message than CopyData that has begun: what has come of it. */
  #other: { readonly kind: string; readonly parts: Uint8Array[] } | null = null;
  /** Less than a header, from the end of the last piece. */
  #carried = new Uint8Array(0);

  constructor(listener: CopyOutListener) {
    this.#listener = listener;
  }

  /** @param piece may be changed afterwards @throws RangeError when the bytes are no messages */
  push(piece: Uint8Array): void {
    const bytes = this.#carried.length === 0 ? piece : Buffer.concat([this.#carried, piece]);
    this.#carried = new Uint8Array(0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let [at, dataFrom] = [0, 0];
    const giveData = (end: number): void => {
      if (end > dataFrom) this.#listener.onData(bytes.subarray(dataFrom, end));
    };
    for (;;) {
      if (this.#left > 0) {
        const length = Math.min(this.#left, bytes.length - at);
        if (this.#other !== null) this.#other.parts.push(copyOf(bytes.subarray(at, at + length)));
        this.#left -= length;
        at += length;
        if (this.#left > 0) break;
      }
      if (this.#other !== null) {
        const { kind, parts } = this.#other;
        this.#other = null;
        dataFrom = at;
        this.#listener.onMessage(kind, Buffer.concat(parts));
      }
      if (bytes.length - at < headerBytes) break;
      const kind = bytes[at] as number;
      const length = view.getUint32(at + 1);
      if (length < lengthBytes || length > mostBytes) throw new RangeError(`a message of ${length} bytes`);
      this.#left = length - lengthBytes;
      if (kind !== copyData) {
        giveData(at);
        this.#other = { kind: String.fromCharCode(kind), parts: [] };
      }
      at += headerBytes;
    }
    if (this.#other === null) giveData(at);
    this.#carried = copyOf(bytes.subarray(at));
  }
}

/** `slice` of a Buffer is none. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
