/** A lane whose bytes only flow: it takes the time that they take, and says what a lane would say at its end. */
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { decodeItems } from "../model/item-codec.ts";
import { Meter } from "../model/meter.ts";
import type { BadBlock, Progress, Task, TaskResult } from "../model/task.ts";
import type { OpenLane } from "../worker/lane-pool.ts";
import type { Pump } from "./pump.ts";
import { blockBytes } from "./sim-places.ts";

export interface SimLaneOptions {
  readonly name: string;
  /** Source to target. */
  readonly transfers: Pump;
  /** Target to verifier. */
  readonly readBacks: Pump;
  readonly notes: LaneNotes;
}

/** What the simulation wants to know of tasks. */
export interface LaneNotes {
  readonly transferred: (task: Task) => void;
  /** @returns whether the read-back finds other bytes than were sent */
  readonly readBack: (task: Task, bytes: number) => boolean;
  /** Bytes of the source that must be read again. */
  readonly wasted: (bytes: number, why: GodwitError) => void;
}

interface Transfer {
  readonly task: Task;
  readonly sizeBytes: number;
  readonly left: () => number;
  readonly onProgress: (progress: Progress) => void;
  readonly fail: AbortController;
  /** Blocks of which the Store knows. */
  confirmed: number;
}

const digestBytes = 32;

export class SimLane implements OpenLane {
  readonly name: string;
  readonly meter = new Meter();
  readonly opened = Promise.resolve();
  readonly #options: SimLaneOptions;
  #task: Task | null = null;
  #transfer: Transfer | null = null;

  constructor(options: SimLaneOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get task(): Task | null {
    return this.#task;
  }

  get isTransferring(): boolean {
    return this.#transfer !== null;
  }

  async run(task: Task, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<TaskResult> {
    this.#task = task;
    try {
      return await this.#run(task, onProgress, signal);
    } catch (error) {
      throw toGodwitError(error);
    } finally {
      this.#task = null;
      this.#transfer = null;
    }
  }

  /** A read of the source fails: the task ends with that. */
  failRead(): void {
    this.#transfer?.fail.abort(
      new GodwitError("unreadable", { disposition: "retry", what: "a read of the source failed", hint: "Simulated." }),
    );
  }

  /**
   * What is durable by now is recorded. A real lane does so block by block; it makes a difference only to a successor, so
   * it is done once, when this lane is about to lose its task. @returns bytes that were read and are not recorded
   */
  confirm(): number {
    const transfer = this.#transfer;
    if (transfer === null) return 0;
    const moved = transfer.sizeBytes - transfer.left();
    const blocks = Math.floor(moved / blockBytes);
    if (blocks > transfer.confirmed) transfer.onProgress(progressOf(transfer, blocks));
    transfer.confirmed = Math.max(blocks, transfer.confirmed);
    return Math.max(0, moved - transfer.confirmed * blockBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #run(task: Task, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<TaskResult> {
    const { readBacks, notes } = this.#options;
    const sizeBytes = decodeItems(task.items).reduce((sum, { length }) => sum + length, 0);
    switch (task.stage) {
      case "transfer":
        return this.#move(task, sizeBytes, { onProgress, signal });
      case "verify": {
        await readBacks.flow(sizeBytes, signal).done;
        this.meter.add("targetBytesRead", sizeBytes);
        const bad = notes.readBack(task, sizeBytes) ? [damage] : [];
        return { type: "read_back", bad, endings: [], readFrom: "medium" };
      }
      case "publish":
        return { type: "published", endings: [], lost: [] };
      default:
        throw new Error(`a simulated job has no stage ${task.stage}`);
    }
  }

  async #move(
    task: Task,
    sizeBytes: number,
    { onProgress, signal }: { onProgress: (progress: Progress) => void; signal: AbortSignal },
  ): Promise<TaskResult> {
    const { transfers, notes } = this.#options;
    const fail = new AbortController();
    const from = Math.min(sizeBytes, task.receipts.count * blockBytes);
    const { done, left } = transfers.flow(sizeBytes - from, AbortSignal.any([signal, fail.signal]));
    const transfer: Transfer = { task, sizeBytes, left, onProgress, fail, confirmed: task.receipts.count };
    this.#transfer = transfer;
    try {
      await done;
    } catch (cause) {
      notes.wasted(this.confirm(), toGodwitError(cause));
      throw cause;
    }
    this.meter.add("sourceBytesRead", sizeBytes - from);
    this.meter.add("targetBytesWritten", sizeBytes - from);
    notes.transferred(task);
    const progress = progressOf(transfer, Math.ceil(sizeBytes / blockBytes));
    return { type: "transferred", progress, evidence: "one_read", lost: [] };
  }
}

const damage: BadBlock = { item: 0, block: 0, source: "00".repeat(digestBytes), target: "ff".repeat(digestBytes) };

function progressOf({ confirmed, sizeBytes }: Pick<Transfer, "confirmed" | "sizeBytes">, to: number): Progress {
  const count = Math.max(0, to - confirmed);
  return {
    firstBlock: confirmed,
    receipts: { count, digests: new Uint8Array(digestBytes * count), tags: null },
    bytes: Math.min(sizeBytes, (confirmed + count) * blockBytes),
    endings: [],
  };
}
