const pieceBytes = 262_144;

/** Bytes that came in pieces of any size, held in buffers that are used again. */
export class Gathered {
  /** So many wait. */
  bytes = 0;
  readonly #full: Buffer[] = [];
  readonly #free: Buffer[] = [];
  #filling: Buffer | null = null;
  #filled = 0;
  /** The buffer of the piece that was taken last. */
  #taken: Buffer | null = null;

  /** Copies them. */
  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      this.#filling ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
      const part = bytes.subarray(from, from + pieceBytes - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled < pieceBytes) continue;
      this.#full.push(this.#filling);
      this.#filling = null;
      this.#filled = 0;
    }
    this.bytes += bytes.length;
  }

  /** @returns a piece, valid until the next one is taken; null where nothing waits */
  take(): Buffer | null {
    if (this.#taken !== null) this.#free.push(this.#taken);
    this.#taken = this.#full.shift() ?? this.#filling;
    if (this.#taken === null) return null;
    let piece = this.#taken;
    if (this.#taken === this.#filling) {
      piece = this.#taken.subarray(0, this.#filled);
      this.#filling = null;
      this.#filled = 0;
    }
    this.bytes -= piece.length;
    return piece;
  }
}
