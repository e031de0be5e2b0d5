/** What a test of the whole program works on: directories of its own, and one bit of a file that it may flip. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

export interface Place {
  readonly source: string;
  readonly target: string;
  readonly state: string;
}

/** Flips one bit in place, keeping the length. */
export function flipBit(path: string, offset: number): void {
  const fd = openSync(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    if (readSync(fd, byte, 0, 1, offset) !== 1) throw new Error(`${path} has no byte ${offset}`);
    byte.writeUInt8(byte.readUInt8(0) ^ 0x10, 0);
    writeSync(fd, byte, 0, 1, offset);
  } finally {
    closeSync(fd);
  }
}
