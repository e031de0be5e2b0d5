/** What the Store has accepted of each chunk: its leases, its confirmed blocks, and what was found right. Invariant 3 and 7. */
import type { ErrorRecord } from "../../src/base/errors.ts";
import { blockStarts, type ChunkId, type ChunkKind, type Item, type Lease, type Stage } from "../../src/model/chunk.ts";
import { attemptsMax } from "../../src/model/effects.ts";
import { versionText } from "../../src/model/entry.ts";
import type { ItemEnding, Progress, Task, TaskResult } from "../../src/model/task.ts";

export interface Violation {
  readonly invariant: string;
  readonly text: string;
}

export interface ChunkHistory {
  readonly kind: ChunkKind;
  readonly items: readonly Item[];
  epoch: number;
  /** Who may write now. */
  lease: Lease | null;
  stage: Stage;
  attempt: number;
  claimedAt: number;
  /** Digests of confirmed blocks, from the first on; forgotten when they are void. */
  confirmed: Buffer[];
  readonly ended: Set<number>;
  /** For each item, when the task began that last found the target's bytes right. */
  readonly proof: Map<number, number>;
}

export class ChunkHistories {
  readonly chunks = new Map<ChunkId, ChunkHistory>();
  /** Slices that were read back and found right, until something voids that. */
  readonly #verified = new Set<string>();
  readonly #violate: (invariant: string, text: string) => void;

  constructor(violate: (invariant: string, text: string) => void) {
    this.#violate = violate;
  }

  claimed(task: Task, items: readonly Item[], moment: number): void {
    const { chunkId, kind, stage, lease, attempt } = task;
    const before = this.chunks.get(chunkId);
    if (before !== undefined && lease.epoch <= before.epoch)
      this.#violate("4 fencing", `chunk ${chunkId} was claimed with epoch ${lease.epoch} after ${before.epoch}`);
    const now = { epoch: lease.epoch, lease, stage, attempt, claimedAt: moment };
    const fresh = { kind, items, confirmed: [], ended: new Set<number>(), proof: new Map<number, number>() };
    const chunk: ChunkHistory = before === undefined ? { ...fresh, ...now } : Object.assign(before, now);
    this.chunks.set(chunkId, chunk);
    if (stage !== "transfer") return;
    if (task.receipts.count < chunk.confirmed.length)
      this.#violate(
        "7 checkpoints",
        `chunk ${chunkId}: ${chunk.confirmed.length} blocks were confirmed, its next worker is told ${task.receipts.count}`,
      );
    const skip = new Set(task.endings.map(({ item }) => item));
    for (const [index, item] of items.entries()) {
      if (!skip.has(index) && this.#verified.has(keyOf(item)))
        this.#violate("3 no repeated work", `${keyText(item)} was verified, and is sent again in chunk ${chunkId}`);
    }
  }

  confirm(chunk: ChunkHistory, { firstBlock, receipts, endings }: Progress): void {
    if (firstBlock > chunk.confirmed.length)
      this.#violate("7 checkpoints", `blocks before ${firstBlock} were never confirmed`);
    for (let at = 0; at < receipts.count; at += 1)
      chunk.confirmed[firstBlock + at] = Buffer.from(receipts.digests.subarray(32 * at, 32 * at + 32));
    for (const { item, outcome } of endings) {
      chunk.ended.add(item);
      // Compared by this task, before it transferred the others.
      if (outcome === "identical") chunk.proof.set(item, chunk.claimedAt);
    }
    if (chunk.kind === "range" && endings.length > 0) this.#forget(chunk);
  }

  finished(chunk: ChunkHistory, result: TaskResult): void {
    switch (result.type) {
      case "transferred":
        this.confirm(chunk, result.progress);
        return;
      case "read_back": {
        const bad = new Set([...result.bad, ...result.endings].map(({ item }) => item));
        for (const [index, item] of chunk.items.entries()) {
          if (chunk.ended.has(index)) continue;
          if (bad.has(index)) {
            this.#verified.delete(keyOf(item));
            chunk.ended.add(index);
            continue;
          }
          chunk.proof.set(index, chunk.claimedAt);
          if (item.entry.kind === "file") this.#verified.add(keyOf(item));
        }
        if (chunk.kind === "range" && bad.size > 0) {
          chunk.confirmed = [];
          chunk.ended.clear();
        }
        return;
      }
      case "same":
        chunk.proof.set(0, chunk.claimedAt);
        return;
      case "entry_ended":
        this.#forget(chunk);
        return;
      case "digested":
        if (result.error !== null && result.error.code !== "digest_mismatch") this.#forget(chunk);
        return;
      case "prehashed":
      case "published":
        this.#endItems(chunk, result.endings);
        return;
      default:
    }
  }

  #endItems(chunk: ChunkHistory, endings: readonly ItemEnding[]): void {
    for (const { item } of endings) {
      chunk.ended.add(item);
      this.#verified.delete(keyOf(chunk.items[item] as Item));
    }
    if (endings.length > 0 && chunk.kind === "head") this.#forget(chunk);
  }

  gaveUp(chunk: ChunkHistory, { code, disposition }: ErrorRecord): void {
    if (disposition === "fatal" || disposition === "cancelled") return;
    const isLast = disposition !== "retry" || chunk.attempt + 1 >= attemptsMax;
    if (isLast) for (const index of chunk.items.keys()) chunk.ended.add(index);
    if (isLast || code === "upload_vanished") this.#forget(chunk);
  }

  /** The entry of a head or range starts anew, or ends: what was confirmed of it is void. */
  #forget({ kind, items }: ChunkHistory): void {
    const path = items[0]?.entry.path;
    if (kind !== "head" && kind !== "range") return;
    for (const other of this.chunks.values()) {
      if ((other.kind !== "head" && other.kind !== "range") || other.items[0]?.entry.path !== path) continue;
      other.confirmed = [];
      for (const item of other.items) this.#verified.delete(keyOf(item));
    }
  }
}

/** First block of an item in its chunk's confirmed ones. */
export function firstBlocks({ items }: ChunkHistory): readonly number[] {
  return blockStarts(items);
}

function keyOf({ entry, offset }: Item): string {
  return `${entry.path}\0${versionText(entry.version)}\0${offset}`;
}

function keyText({ entry, offset, length }: Item): string {
  return `${entry.path} bytes ${offset}-${offset + length - 1}`;
}
