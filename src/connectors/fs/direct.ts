/**
 * Reads past the page cache (O_DIRECT), so that what is read back comes from the medium. Offset, length and address
 * must be multiples of the device's block; 4 KiB satisfies all. Whether it works is found by trying, per file system.
 */
import { closeSync, constants, openSync, readSync, statfsSync } from "node:fs";
import { frameBytes } from "./read.ts";
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

export class StoredReader {
  readonly #memory: Buffer;
  #view: Buffer | null = null;
  #wantsDirect: boolean;
  readonly #inMemory = new Map<number, boolean>();

  constructor(wantsDirect: boolean) {
    this.#wantsDirect = wantsDirect && direct !== undefined;
    // Unaligned frames need up to two blocks more, the address one more.
    this.#memory = Buffer.allocUnsafeSlow(frameBytes + 3 * alignment);
    if (native !== null) this.#view = this.#alignedAt(Number(-native.address(this.#memory) & BigInt(alignment - 1)));
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

  /** @returns the bytes, fewer at the end of the file; valid until the next call */
  read({ fd, isDirect }: OpenStored, position: number, length: number): Buffer {
    if (!isDirect) {
      const got = readSync(fd, this.#memory, 0, length, position);
      return this.#memory.subarray(0, got);
    }
    const view = this.#view as Buffer;
    const before = position % alignment;
    const whole = Math.ceil((before + length) / alignment) * alignment;
    const got = readSync(fd, view, 0, whole, position - before);
    return view.subarray(before, Math.max(before, Math.min(got, before + length)));
  }

  /** Without koffi the address is unknown: the first view that the system takes is aligned. */
  #probe(fd: number): boolean {
    if (this.#view !== null) return true;
    for (let tried = 1; tried <= alignment / addressStep; tried += 1) {
      const view = this.#alignedAt(alignment - tried * addressStep);
      try {
        readSync(fd, view, 0, alignment, 0);
        this.#view = view;
        return true;
      } catch (error) {
        if (systemCode(error) !== "EINVAL") throw error;
      }
    }
    this.#wantsDirect = false;
    return false;
  }

  #alignedAt(start: number): Buffer {
    return this.#memory.subarray(start, start + frameBytes + 2 * alignment);
  }
}
