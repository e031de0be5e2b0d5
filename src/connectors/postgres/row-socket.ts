import { Socket } from "node:net";

/** Which the constructor takes as well as `connect`, and its types do not say. */
type ConstructorOptions = ConstructorParameters<typeof Socket>[0] & {
  readonly onread: { readonly buffer: Buffer; readonly callback: (length: number) => boolean };
};

/** As much as one call of the system may bring. */
const readBytes = 262_144;

/**
 * A socket that reads into one buffer over and over, and hands on what came at once: rows by the gigabyte would else be a
 * new buffer for each read, and most of the work that of the garbage collector. Where nobody listens for rows, it is a
 * socket like any other. Under TLS the bytes are those of the session above, and come as its own events.
 */
export class RowSocket extends Socket {
  /** Sees the bytes while they are there, and keeps none; null: they are events. */
  onBytes: ((bytes: Uint8Array) => void) | null = null;

  constructor() {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const options: ConstructorOptions = {
      onread: { buffer, callback: (length) => this.#read(buffer.subarray(0, length)) },
    };
    super(options);
  }

  #read(bytes: Buffer): boolean {
    if (this.onBytes === null) this.emit("data", Buffer.from(bytes));
    else this.onBytes(bytes);
    return true;
  }
}
