import { chunkBytesOf, type Item } from "../model/chunk.ts";
import { decodeEndings } from "../model/ending-codec.ts";
import type { Outcome } from "../model/entry.ts";
import { unpackItems } from "../model/item-codec.ts";
import type { JobSpec } from "../model/job.ts";
import { displayPath } from "../model/path.ts";
import type { ItemEnding, NewChunk } from "../model/task.ts";
import type { DryRunDocument, NotCarried } from "./json-shapes.ts";

type Plan = DryRunDocument["plan"];
type Sum = keyof Omit<Plan, "chunks">;

/** `check` settles what is only on one side while it plans: nothing there is moved, and it is no matter of a plan. */
const sumOf: Readonly<Record<Outcome, Sum | null>> = {
  verified: null,
  identical: "identical",
  unchanged: "unchanged",
  filtered: "filtered",
  unsupported: "unsupported",
  changed: "unreadable",
  vanished: "unreadable",
  failed: "unreadable",
  missing: null,
  extra: null,
  different: null,
};

/** Counts the rows of a plan by what would happen to their entries. */
export class DryRunTally {
  readonly #spec: JobSpec;
  readonly #tell: (found: NotCarried) => void;
  readonly #sums: Record<Sum, { entries: number; bytes: number }> = {
    listed: { entries: 0, bytes: 0 },
    move: { entries: 0, bytes: 0 },
    compare: { entries: 0, bytes: 0 },
    unchanged: { entries: 0, bytes: 0 },
    identical: { entries: 0, bytes: 0 },
    filtered: { entries: 0, bytes: 0 },
    unsupported: { entries: 0, bytes: 0 },
    unreadable: { entries: 0, bytes: 0 },
    delete: { entries: 0, bytes: 0 },
  };
  #chunks = 0;

  constructor(spec: JobSpec, tell: (found: NotCarried) => void) {
    this.#spec = spec;
    this.#tell = tell;
  }

  add(row: NewChunk): void {
    const endings = row.settled === undefined ? [] : decodeEndings(row.settled.endings);
    if (row.kind === "pack") this.#chunks += 1;
    for (const [index, item] of unpackItems(row.items).entries()) this.#item(row, item, endings[index]);
  }

  sums(): Plan {
    return { ...this.#sums, chunks: this.#chunks };
  }

  #item({ kind }: NewChunk, item: Item, ending: ItemEnding | undefined): void {
    if (kind === "extras" || kind === "extra_directories") return this.#count("delete", item);
    this.#count("listed", item);
    if (kind === "head") this.#chunks += Math.ceil(item.length / chunkBytesOf(item.blockBytes, this.#spec.chunkBytes));
    if (ending === undefined) return this.#count(item.compare ? "compare" : "move", item);
    const sum = sumOf[ending.outcome];
    if (sum !== null) this.#count(sum, item);
    if (ending.error === null || (sum !== "unsupported" && sum !== "unreadable")) return;
    const { path, kind: entryKind } = item.entry;
    this.#tell({ type: sum, path: displayPath(path), kind: entryKind, error: ending.error });
  }

  #count(sum: Sum, { entry }: Item): void {
    this.#sums[sum].entries += 1;
    this.#sums[sum].bytes += entry.sizeBytes;
  }
}
