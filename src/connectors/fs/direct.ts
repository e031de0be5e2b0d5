/**
 * Reads past the page cache (O_DIRECT), so that what is read back comes from the medium. Offset, length and address
 * must be multiples of the device's block; 4 KiB satisfies all. Whether it works is found by trying, per file system.
 */
import { closeSync, constants, openSync, readSync, statfsSync } from "node:fs";
import { frameBytes, type FramePlace } from "./frame-order.ts";
import { systemCode } from "./errors.ts";
import { native } from "./native.ts";
import type { FsPath } from "./root.ts";

const alignment = 4_096;
/** malloc aligns to this: addresses that need trying without koffi. */
const addressStep = 16;

const { O_RDONLY, O_NOFOLLOW } = constants;
const direct: number | undefined = (constants as { readonly O_DIRECT?: number }).O_DIRECT;

/** File systems in memory take O_DIRECT (tmpfs since Linux 6.6) and have no medium. Numbers of <linux/magic.h>. */
const inMemory = new Set([0x01021994, 0x858458f6]);

export interface OpenStored {
  readonly fd: number;
  readonly isDirect: boolean;
}

/** Memory into which O_DIRECT can read once it is known where in it an aligned address is. */
class AlignedMemory {
  // Unaligned frames need up to two blocks more, the address one more.
  readonly whole = Buffer.allocUnsafeSlow(frameBytes + 3 * alignment);
  /** Null while nobody knows. */
  aligned: Buffer | null = null;

  constructor() {
    if (native !== null) this.aligned = this.from(Number(-native.address(this.whole) & BigInt(alignment - 1)));
  }

  from(start: number): Buffer {
    return this.whole.subarray(start, start + frameBytes + 2 * alignment);
  }
}

export class StoredReader {
  /** The second is for pairs: made when the first of them is read. */
  readonly #memories: AlignedMemory[] = [];
  #wantsDirect: boolean;
  readonly #inMemory = new Map<number, boolean>();

  constructor(wantsDirect: boolean) {
    this.#wantsDirect = wantsDirect && direct !== undefined;
  }

  open(path: FsPath, more: number): OpenStored {
    const flags = O_RDONLY | O_NOFOLLOW | more;
    if (this.#wantsDirect && direct !== undefined) {
      try {
        const fd = openSync(path, flags | direct);
        if (this.#probe(fd)) return { fd, isDirect: true };
        closeSync(fd);
      } catch (error) {
        if (systemCode(error) !== "EINVAL") throw error;
      }
    }
    return { fd: openSync(path, flags), isDirect: false };
  }

  /** True when bytes of this device come from a medium at all. */
  hasMedium(path: FsPath, device: number): boolean {
    let known = this.#inMemory.get(device);
    if (known === undefined) {
      known = inMemory.has(statfsSync(path).type);
      this.#inMemory.set(device, known);
    }
    return !known;
  }

  /** @returns the bytes, fewer at the end of the file; valid until the next call with this buffer */
  read({ fd, isDirect }: OpenStored, { position, length, buffer }: Omit<FramePlace, "pairsWithNext">): Buffer {
    const memory = (this.#memories[buffer] ??= new AlignedMemory());
    const view = isDirect && this.#align(memory, fd) ? memory.aligned : null;
    if (view === null) return memory.whole.subarray(0, fill(fd, memory.whole, [position, length], 1));
    const before = position % alignment;
    const whole = Math.ceil((before + length) / alignment) * alignment;
    const got = fill(fd, view, [position - before, whole], alignment);
    return view.subarray(before, Math.max(before, Math.min(got, before + length)));
  }

  #probe(fd: number): boolean {
    const isAligned = this.#align((this.#memories[0] ??= new AlignedMemory()), fd);
    if (!isAligned) this.#wantsDirect = false;
    return isAligned;
  }

  /** Without koffi the address is unknown: the first view that the system takes is aligned. */
  #align(memory: AlignedMemory, fd: number): boolean {
    for (let tried = 1; memory.aligned === null && tried <= alignment / addressStep; tried += 1) {
      const view = memory.from(alignment - tried * addressStep);
      try {
        readSync(fd, view, 0, alignment, 0);
        memory.aligned = view;
      } catch (error) {
        if (systemCode(error) !== "EINVAL") throw error;
      }
    }
    return memory.aligned !== null;
  }
}

/**
 * Some file systems give less than was asked for, and more when asked again; only nothing is the end of the file.
 * @param grain  where a read may go on: an end between two of them is the end of the file
 */
function fill(fd: number, into: Buffer, [position, length]: readonly [number, number], grain: number): number {
  let filled = 0;
  while (filled < length && filled % grain === 0) {
    const got = readSync(fd, into, filled, length - filled, position + filled);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}
