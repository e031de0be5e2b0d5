import { closeSync, fsyncSync, openSync, constants } from "node:fs";
import type { Durability } from "../../model/job.ts";
import type { BytePath } from "../../model/path.ts";
import type { BlockReceipt, OnConfirmed } from "../../ports/target.ts";
import type { Root } from "./root.ts";

/** Open files that wait for their fsync; a flush begins when there are this many. */
const openFilesMax = 1_000;
/** What was written is confirmed this often, so that a successor can continue inside the chunk. */
const flushIntervalMs = 1_000;

export interface FlushOptions {
  readonly root: Root;
  readonly durability: Durability;
  /** Directories with new names in them; emptied by a flush. */
  readonly dirty: Set<BytePath>;
  readonly onConfirmed: OnConfirmed;
}

/**
 * Holds what was written until it is durable, then confirms its blocks in order. Files are synced in batches: their
 * write-back has begun long before, so that the first fsync pays for most of the rest.
 */
export class Flush {
  readonly #options: FlushOptions;
  readonly #waits: boolean;
  readonly #files: number[] = [];
  readonly #blocks: BlockReceipt[] = [];
  #lastMs = performance.now();

  constructor(options: FlushOptions) {
    this.#options = options;
    this.#waits = options.durability === "fsync";
  }

  get waits(): boolean {
    return this.#waits;
  }

  block(receipt: BlockReceipt): void {
    if (this.#waits) this.#blocks.push(receipt);
    else this.#options.onConfirmed(receipt);
  }

  /** Takes over an open file that is complete. */
  close(fd: number): void {
    if (this.#waits) this.#files.push(fd);
    else closeSync(fd);
  }

  get isDue(): boolean {
    if (!this.#waits) return false;
    return this.#files.length >= openFilesMax || performance.now() - this.#lastMs > flushIntervalMs;
  }

  /** @param unfinished a file that goes on being written */
  flush(unfinished: number | null): void {
    if (this.#waits) {
      for (const fd of this.#files) fsyncSync(fd);
      if (unfinished !== null) fsyncSync(unfinished);
      syncDirectories(this.#options.root, this.#options.dirty);
      for (const receipt of this.#blocks) this.#options.onConfirmed(receipt);
      this.#blocks.length = 0;
      this.abandon();
    }
    this.#lastMs = performance.now();
  }

  /** Closes what is open; confirms nothing. */
  abandon(): void {
    for (const fd of this.#files) closeSync(fd);
    this.#files.length = 0;
  }
}

/** Makes new, renamed and removed names durable. */
export function syncDirectories(root: Root, dirty: Set<BytePath>): void {
  for (const path of dirty) {
    const fd = openSync(root.at(path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
  dirty.clear();
}
