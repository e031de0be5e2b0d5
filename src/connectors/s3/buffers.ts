/** Large buffers are used again: fresh ones cost a page fault for every 4 KiB. */
const pooledBytesMin = 256 * 1024;
const keptMax = 8;

export class Buffers {
  readonly #free: Buffer[] = [];

  take(bytes: number): Buffer {
    if (bytes < pooledBytesMin) return Buffer.allocUnsafe(bytes);
    const at = this.#free.findIndex(({ length }) => length >= bytes && length <= 2 * bytes);
    if (at >= 0) return (this.#free.splice(at, 1)[0] as Buffer).subarray(0, bytes);
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** Nobody may look at it any more. */
  give(buffer: Buffer): void {
    if (buffer.buffer.byteLength < pooledBytesMin) return;
    if (this.#free.length >= keptMax) this.#free.shift();
    this.#free.push(Buffer.from(buffer.buffer, 0));
  }
}
