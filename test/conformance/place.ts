/** What the connector suite asks of a kind of place, and how it drives source and target through a whole move. */
import { test } from "vitest";
import { blockStarts, type ChunkKind, type Item, type Work } from "../../src/model/chunk.ts";
import type { Entry } from "../../src/model/entry.ts";
import { Meter } from "../../src/model/meter.ts";
import type { BytePath } from "../../src/model/path.ts";
import { noReceipts, type RangeReceipts, type Receipts } from "../../src/model/task.ts";
import type { Connector, OpenOptions } from "../../src/ports/connector.ts";
import type { Cursor, ItemEnd, PlanPage, Source } from "../../src/ports/source.ts";
import type { Target, WriteReceipt } from "../../src/ports/target.ts";
import { must } from "../../src/base/assert.ts";
import type { NewSha256Pair } from "../../src/model/block-hasher.ts";
import { digestFrames } from "../../src/worker/digest-frames.ts";

export interface PutOptions {
  readonly mode?: number;
  readonly mtimeNs?: bigint;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** A tree as another program sees it: never through the connector under test. */
export interface Tree {
  put(path: BytePath, bytes: Uint8Array, options?: PutOptions): Promise<void>;
  /** @returns null when nothing is there */
  read(path: BytePath): Promise<Uint8Array | null>;
  remove(path: BytePath): Promise<void>;
  /** Paths of everything but the root, staged leftovers included, in byte order. */
  names(): Promise<readonly BytePath[]>;
  readonly makeDirectory?: (path: BytePath) => Promise<void>;
  readonly symlink?: (path: BytePath, text: BytePath) => Promise<void>;
  readonly hardLink?: (first: BytePath, path: BytePath) => Promise<void>;
  /** Flips one byte of a published entry without a trace. */
  readonly damage?: (path: BytePath, offset: number) => Promise<void>;
  /** Removes what is staged, as a sweep or a person would. */
  readonly loseStaged?: () => Promise<void>;
}

export interface Capabilities {
  /** Names of any bytes but NUL and slash; otherwise UTF-8 alone. */
  readonly anyBytes: boolean;
  /** Bytes of the longest single name. */
  readonly nameBytes: number;
  /** Directories are entries of their own, with attributes. */
  readonly directories: boolean;
  readonly symlinks: boolean;
  readonly hardLinks: boolean;
  readonly xattrs: boolean;
  /** Modes and times survive, the latter in nanoseconds. */
  readonly attributes: boolean;
  /** Names that directories cannot hold are refused (`a//b`, `a/../b`). */
  readonly plainSegments: boolean;
  /** A place that is not there can be told from an empty one; each place then has an `absentUrl`. */
  readonly absence: boolean;
}

export interface ContractPlace {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly source: Tree;
  readonly target: Tree;
  /** A new place that is there and holds nothing; the source's own where absent. */
  readonly emptyUrl?: string;
  /** Beside the source and named almost like it, but nothing is there. */
  readonly absentUrl?: string;
  dispose?(): Promise<void>;
}

export interface ContractSubject {
  readonly name: string;
  readonly connector: Connector;
  readonly capabilities: Capabilities;
  readonly options?: Partial<OpenOptions>;
  /** Frames are asked for in pairs, and hashed by this. */
  readonly newPair?: NewSha256Pair;
  /** Cases that its server cannot show, by name, each with the reason. */
  readonly beyond?: Readonly<Record<string, string>>;
  createPlace(): Promise<ContractPlace>;
}

/** Registers a case of the contract where it applies to the subject: what does not apply is no skipped test. */
export function caseOf(subject: ContractSubject, applies: boolean, name: string, run: () => Promise<void>): void {
  if (applies && subject.beyond?.[name] === undefined) test(name, run);
}

export const defaultOptions: OpenOptions = {
  jobId: "job-1",
  links: "preserve",
  durability: "fsync",
  verify: "readback",
  include: [],
  exclude: [],
  filesFrom: null,
  s3: { endpoint: null, region: null, pathStyle: false, profile: null },
};

export const never = new AbortController().signal;

export interface Transfer {
  readonly receipt: WriteReceipt;
  /** Blocks in the order in which the target confirmed them. */
  readonly confirmed: readonly number[];
  /** What the target told on the way, in order. */
  readonly told: readonly string[];
  readonly receipts: Receipts;
  readonly ends: ReadonlyMap<number, ItemEnd>;
  readonly bytesRead: number;
}

export interface TransferOptions {
  readonly from?: number;
  readonly skip?: ReadonlySet<number>;
  readonly before?: Receipts;
  readonly signal?: AbortSignal;
  /** Called before each frame goes on to the target. */
  readonly onFrame?: (frame: number) => Promise<void> | void;
}

/** An open source and target, and the steps of a move between them. */
export class Mover implements AsyncDisposable {
  readonly place: ContractPlace;
  readonly source: Source;
  readonly target: Target;
  readonly jobId: string;
  readonly #newPair: NewSha256Pair | null;

  private constructor(
    subject: ContractSubject,
    place: ContractPlace,
    [source, target]: [Source, Target],
    jobId: string,
  ) {
    this.#newPair = subject.newPair ?? null;
    this.place = place;
    this.source = source;
    this.target = target;
    this.jobId = jobId;
  }

  static async open(subject: ContractSubject, place: ContractPlace, more: Partial<OpenOptions> = {}): Promise<Mover> {
    const options = { ...defaultOptions, ...subject.options, ...more };
    const source = await subject.connector.openSource(place.sourceUrl, options);
    const target = await subject.connector.openTarget(place.targetUrl, options);
    return new Mover(subject, place, [source, target], options.jobId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await this.target[Symbol.asyncDispose]();
  }

  async pages(after: Cursor | null = null): Promise<readonly PlanPage[]> {
    return await Array.fromAsync(this.source.plan(after, never));
  }

  async list(after: Cursor | null = null): Promise<readonly Entry[]> {
    return (await this.pages(after)).flatMap((page) => page.entries);
  }

  async entry(path: BytePath): Promise<Entry> {
    const found = (await this.list()).find((entry) => entry.path === path);
    if (found === undefined) throw new Error(`${path} is not listed`);
    return found;
  }

  item(entry: Entry, offset = 0, length = entry.kind === "file" ? entry.sizeBytes : 0): Item {
    return { entry, offset, length, blockBytes: this.target.blockBytes(entry.sizeBytes), compare: false };
  }

  work(kind: ChunkKind, items: readonly Item[], staging: string | null = null): Work {
    return { jobId: this.jobId, chunkId: 1, kind, items, staging };
  }

  pack(...entries: readonly Entry[]): Work {
    return this.work(
      "pack",
      entries.map((entry) => this.item(entry)),
    );
  }

  async transfer(work: Work, options: TransferOptions = {}): Promise<Transfer> {
    const { from = 0, skip = new Set(), before = noReceipts, signal = never } = options;
    const count = blockStarts(work.items).at(-1) as number;
    const digests = new Uint8Array(count * 32);
    digests.set(before.digests.subarray(0, from * 32));
    const tags: (string | null)[] = [...(before.tags ?? [])];
    const confirmed: number[] = [];
    const told: string[] = [];
    const ends = new Map<number, ItemEnd>();
    let bytesRead = 0;
    const read = this.source.read({ work, from, skip, paired: this.#newPair !== null }, signal);
    const counted = (async function* () {
      let index = 0;
      for await (const frame of read) {
        await options.onFrame?.(index);
        index += 1;
        if ("bytes" in frame) bytesRead += frame.bytes.length;
        yield frame;
      }
    })();
    const onEnd = (item: number, end: ItemEnd): void => void ends.set(item, end);
    const frames = digestFrames(counted, {
      work,
      digests,
      witness: null,
      newPair: this.#newPair,
      meter: new Meter(),
      onEnd,
    });
    const state = (): Receipts => ({
      count,
      digests,
      tags: tags.length === 0 ? null : Array.from({ length: count }, (_, at) => tags[at] ?? null),
    });
    try {
      const receipt = await this.target.write(
        work,
        frames,
        {
          onConfirmed: ({ block, tag }) => {
            confirmed.push(block);
            told.push(`block ${block} confirmed`);
            if (tag !== null) tags[block] = tag;
          },
          onRefused: ({ item }) => void told.push(`item ${item} refused`),
        },
        signal,
      );
      return { receipt, confirmed, told, receipts: state(), ends, bytesRead };
    } catch (error) {
      throw new Interrupted(error, { confirmed, receipts: state(), bytesRead });
    }
  }

  /** Bytes of every item as the target stores them, or the outcome in their place. */
  async stored(
    work: Work,
    receipts: Receipts = noReceipts,
    published = this.target.publishFirst,
  ): Promise<readonly (Buffer | Entry | string)[]> {
    const found: (Buffer | Entry | string)[] = work.items.map(() => "no end");
    const parts = work.items.map(() => new Map<number, Buffer>());
    const request = { work, receipts, skip: new Set<number>(), published, paired: this.#newPair !== null };
    for await (const frame of this.target.readBack(request, never)) {
      if ("end" in frame) {
        const { end } = frame;
        const isFile = work.items[frame.item]?.entry.kind === "file";
        if (end.outcome !== "read") found[frame.item] = end.outcome;
        else found[frame.item] = isFile ? inOrder(must(parts[frame.item], "an item")) : end.observed.entry;
      } else if ("bytes" in frame) {
        parts[frame.item]?.set(frame.offset, Buffer.from(frame.bytes));
      }
    }
    return found;
  }

  async publish(work: Work, receipts: Receipts, ranges: readonly RangeReceipts[] | null = null): Promise<WriteReceipt> {
    const first = work.items[0];
    const observed = work.kind === "head" && first !== undefined ? await this.source.observe(first.entry, never) : null;
    return await this.target.publish({ work, skip: new Set(), observed, ranges, receipts }, never);
  }

  /** Everything that the source lists, in the order in which a job does it. */
  async moveAll(): Promise<readonly Entry[]> {
    const entries = await this.list();
    const of = (...kinds: readonly Entry["kind"][]): Item[] =>
      entries.filter(({ kind }) => kinds.includes(kind)).map((entry) => this.item(entry));
    const directories = this.work("directories", of("directory"));
    await this.transfer(directories);
    for (const work of [this.work("pack", of("file", "symlink")), this.work("links", of("hardlink"))]) {
      const { receipts } = await this.transfer(work);
      await this.publish(work, receipts);
    }
    await this.target.seal(directories, new Set(), never);
    return entries;
  }
}

function inOrder(parts: ReadonlyMap<number, Buffer>): Buffer {
  return Buffer.concat([...parts].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes));
}

/** A transfer that broke off, with what it had got so far. */
export class Interrupted extends Error {
  readonly partial: Pick<Transfer, "confirmed" | "receipts" | "bytesRead">;

  constructor(cause: unknown, partial: Interrupted["partial"]) {
    super("the transfer broke off", { cause });
    this.partial = partial;
  }
}
