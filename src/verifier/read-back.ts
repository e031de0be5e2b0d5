/**
 * Verification: what the target stores is read back and every block compared with the digest that was computed while
 * the source was read. It knows nothing of how the bytes got there, and never reads the source.
 */
import { hash } from "node:crypto";
import { must } from "../base/assert.ts";
import { BlockHasher, type NewSha256Pair } from "../model/block-hasher.ts";
import { displayPath } from "../model/path.ts";
import { blockStarts, type Item } from "../model/chunk.ts";
import type { Entry } from "../model/entry.ts";
import type { BadBlock, ItemEnding, TaskResult } from "../model/task.ts";
import type { Assignment } from "../ports/assignment.ts";
import type { BytesFrame, ItemEnd } from "../ports/source.ts";
import type { VerifierRole } from "./role.ts";

const digestBytes = 32;

export async function readBack(role: VerifierRole, assignment: Assignment): Promise<TaskResult> {
  const { task, work, skip, signal } = assignment;
  const target = must(role.target, "a read-back has a target");
  const published = task.stage === "reconcile" || target.publishFirst;
  const check = new BlockCheck(assignment, role.newPair);
  const request = { work, receipts: task.receipts, skip, published, paired: role.newPair !== null };
  const frames = target.readBack(request, signal);
  for await (const frame of frames) {
    if ("end" in frame) {
      check.end(frame.item, frame.end);
    } else if ("stored" in frame) {
      check.compare(frame.item, frame.block, frame.stored);
    } else {
      role.meter.add("targetBytesRead", frame.bytes.length);
      check.bytes(frame);
    }
  }
  return { type: "read_back", bad: check.bad, endings: check.endings, readFrom: target.readFrom };
}

class BlockCheck {
  readonly bad: BadBlock[] = [];
  readonly endings: ItemEnding[] = [];
  readonly #items: readonly Item[];
  readonly #starts: readonly number[];
  readonly #expected: Uint8Array;
  readonly #hasher: BlockHasher<BytesFrame>;
  /** Blocks of the present item that were compared. */
  #compared = 0;

  constructor({ items, task }: Assignment, newPair: NewSha256Pair | null) {
    this.#items = items;
    this.#starts = blockStarts(items);
    this.#hasher = new BlockHasher(items, newPair);
    this.#expected = task.receipts.digests;
  }

  bytes(frame: BytesFrame): void {
    for (const { frame: hashed, block, digest } of this.#hasher.take(frame))
      if (digest !== null) this.compare(hashed.item, block, digest);
  }

  compare(item: number, block: number, digest: Uint8Array): void {
    this.#compared += 1;
    const expected = this.#expected.subarray(block * digestBytes, (block + 1) * digestBytes);
    if (Buffer.compare(expected, digest) === 0) return;
    this.bad.push({ item, block, source: toHex(expected), target: toHex(digest) });
  }

  end(index: number, end: ItemEnd): void {
    const item = this.#items[index] as Item;
    const compared = this.#compared;
    this.#compared = 0;
    const whole = this.#hasher.end(index);
    if (end.outcome !== "read") {
      this.endings.push(missing(index, item, end.error.what));
      return;
    }
    if (whole !== null) {
      this.compare(index, whole.block, whole.digest);
      this.#compared = 0;
      return;
    }
    if (item.entry.kind !== "file") {
      const difference = structureDifference(item.entry, end.observed.entry);
      if (difference !== null) this.endings.push(missing(index, item, difference));
      return;
    }
    if (item.length === 0 && compared === 0) this.compare(index, this.#starts[index] as number, emptyDigest);
    else this.#blocksMissing(index, compared);
    this.#compared = 0;
  }

  /** A target that ends early has lost the rest: each block that never came is bad. */
  #blocksMissing(index: number, compared: number): void {
    const first = (this.#starts[index] as number) + compared;
    for (let block = first; block < (this.#starts[index + 1] as number); block += 1) {
      const expected = this.#expected.subarray(block * digestBytes, (block + 1) * digestBytes);
      this.bad.push({ item: index, block, source: toHex(expected), target: null });
    }
  }
}

const emptyDigest = hash("sha256", new Uint8Array(0), "buffer");

function structureDifference(wanted: Entry, found: Entry): string | null {
  const what = displayPath(wanted.path);
  if (found.kind !== wanted.kind) return `${what} is a ${found.kind} on the target, not a ${wanted.kind}`;
  if (wanted.kind !== "directory" && found.link !== wanted.link) return `${what} points elsewhere on the target`;
  return null;
}

/** What was written is not there: written once more, like damaged bytes. */
function missing(index: number, item: Item, why: string): ItemEnding {
  const error = {
    code: "digest_mismatch",
    disposition: "retry",
    what: `${displayPath(item.entry.path)} could not be read back: ${why}`,
    hint: "Something else writes to the target, or its medium loses data. It is sent again, up to 3 times in all.",
  } as const;
  return { item: index, outcome: "failed", evidence: "none", error, now: null, again: false };
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
