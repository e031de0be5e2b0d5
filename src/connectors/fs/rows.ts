/**
 * What was looked at in another thread: a row of 64 bytes for each name, handed over without copying. A row is read in
 * place, as a `FileStat`; it makes no objects but the numbers that an entry keeps.
 */
import type { BigIntStats } from "node:fs";
import type { FileStat } from "./stat-entry.ts";

const rowBytes = 64;

/** Nothing is known (a directory, or something went wrong): it is looked at where it is needed, as if by itself. */
export type Mark = "unknown" | "known" | "filtered";
const marks: readonly Mark[] = ["unknown", "known", "filtered"];

/** 64-bit fields, then 32-bit ones, in units of their size. */
const wide = { inode: 0, mtime: 1, ctime: 2, size: 3, blocks: 4, device: 5, count: 8 } as const;
const narrow = { mode: 12, links: 13, uid: 14, gid: 15, count: 16 } as const;
const markShift = 16;
const two16 = 0x1_0000;
const two32 = 0x1_0000_0000;

/** Of `struct statx` in <linux/stat.h>, in units of 4 bytes (the mode has 2). */
const statx = {
  links: 4,
  uid: 5,
  gid: 6,
  mode: 7,
  inode: 8,
  size: 10,
  blocks: 12,
  changed: 24,
  modified: 28,
  major: 34,
  minor: 35,
} as const;
export const statxBytes = 256;

export class RowWriter {
  readonly buffer: ArrayBuffer;
  readonly #bigints: BigInt64Array;
  readonly #doubles: Float64Array;
  readonly #halves: Uint32Array;

  constructor(rows: number) {
    this.buffer = new ArrayBuffer(rows * rowBytes);
    this.#bigints = new BigInt64Array(this.buffer);
    this.#doubles = new Float64Array(this.buffer);
    this.#halves = new Uint32Array(this.buffer);
  }

  mark(row: number, mark: Mark): void {
    const at = row * narrow.count + narrow.mode;
    this.#halves[at] = ((this.#halves[at] ?? 0) % two16) + marks.indexOf(mark) * two16;
  }

  setStat(row: number, stat: BigIntStats): void {
    const at = row * wide.count;
    this.#bigints[at + wide.inode] = stat.ino;
    this.#bigints[at + wide.mtime] = stat.mtimeNs;
    this.#bigints[at + wide.ctime] = stat.ctimeNs;
    this.#bigints[at + wide.device] = stat.dev;
    this.#doubles[at + wide.size] = Number(stat.size);
    this.#doubles[at + wide.blocks] = Number(stat.blocks);
    const half = row * narrow.count;
    this.#halves[half + narrow.mode] = Number(stat.mode);
    this.#halves[half + narrow.links] = Number(stat.nlink);
    this.#halves[half + narrow.uid] = Number(stat.uid);
    this.#halves[half + narrow.gid] = Number(stat.gid);
    this.mark(row, "known");
  }

  /** @param from  a `struct statx` as the system filled it */
  setStatx(row: number, from: Uint32Array): void {
    const at = row * wide.count;
    const half = row * narrow.count;
    this.#setHalves(at + wide.inode, from[statx.inode] ?? 0, from[statx.inode + 1] ?? 0);
    this.#setTime(at + wide.mtime, from, statx.modified);
    this.#setTime(at + wide.ctime, from, statx.changed);
    this.#doubles[at + wide.size] = (from[statx.size + 1] ?? 0) * two32 + (from[statx.size] ?? 0);
    this.#doubles[at + wide.blocks] = (from[statx.blocks + 1] ?? 0) * two32 + (from[statx.blocks] ?? 0);
    // As `makedev` puts it together, so that it is the number which `lstat` gives.
    const major = from[statx.major] ?? 0;
    const minor = from[statx.minor] ?? 0;
    const low = ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xffffff00) << 12);
    this.#setHalves(at + wide.device, low, (major & 0xfffff000) | (minor >>> 20));
    this.#halves[half + narrow.mode] = (from[statx.mode] ?? 0) % two16;
    this.#halves[half + narrow.links] = from[statx.links] ?? 0;
    this.#halves[half + narrow.uid] = from[statx.uid] ?? 0;
    this.#halves[half + narrow.gid] = from[statx.gid] ?? 0;
    this.mark(row, "known");
  }

  #setHalves(at: number, low: number, high: number): void {
    this.#halves[2 * at] = low;
    this.#halves[2 * at + 1] = high;
  }

  /** Seconds and nanoseconds as one number of nanoseconds: in halves, since BigInt arithmetic makes garbage. */
  #setTime(at: number, from: Uint32Array, time: number): void {
    const low = from[time] ?? 0;
    const high = from[time + 1] ?? 0;
    const nanoseconds = from[time + 2] ?? 0;
    if (high >= 2) {
      // Before 1970, or after 2514.
      const seconds = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
      this.#bigints[at] = seconds * 1_000_000_000n + BigInt(nanoseconds);
      return;
    }
    // Each product below 2^53: the seconds are cut at 16 bits.
    const upper = (high * two16 + Math.floor(low / two16)) * 1e9;
    const lower = (upper % two16) * two16 + (low % two16) * 1e9 + nanoseconds;
    this.#setHalves(at, lower % two32, Math.floor(upper / two16) + Math.floor(lower / two32));
  }
}

/** One row at a time, the one at `at`. */
export class Rows implements FileStat {
  at = 0;
  readonly #buffer: ArrayBuffer;
  readonly #bigints: BigInt64Array;
  readonly #doubles: Float64Array;
  readonly #halves: Uint32Array;

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
    this.#bigints = new BigInt64Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#halves = new Uint32Array(buffer);
  }

  /** Gives the memory back now: left to the garbage collector, some 100 MB of them would pile up. */
  release(): void {
    if (!this.#buffer.detached) this.#buffer.transfer(0);
  }

  get mark(): Mark {
    return marks[this.#narrow(narrow.mode) >>> markShift] ?? "unknown";
  }

  get ino(): bigint {
    return BigInt.asUintN(64, this.#wide(wide.inode));
  }

  get mtimeNs(): bigint {
    return this.#wide(wide.mtime);
  }

  get ctimeNs(): bigint {
    return this.#wide(wide.ctime);
  }

  get dev(): bigint {
    return BigInt.asUintN(64, this.#wide(wide.device));
  }

  get size(): number {
    return this.#doubles[this.at * wide.count + wide.size] ?? 0;
  }

  get blocks(): number {
    return this.#doubles[this.at * wide.count + wide.blocks] ?? 0;
  }

  get mode(): number {
    return this.#narrow(narrow.mode) % two16;
  }

  get nlink(): number {
    return this.#narrow(narrow.links);
  }

  get uid(): number {
    return this.#narrow(narrow.uid);
  }

  get gid(): number {
    return this.#narrow(narrow.gid);
  }

  #wide(field: number): bigint {
    return this.#bigints[this.at * wide.count + field] ?? 0n;
  }

  #narrow(field: number): number {
    return this.#halves[this.at * narrow.count + field] ?? 0;
  }
}
