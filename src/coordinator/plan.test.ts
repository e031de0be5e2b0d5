import { expect, test } from "vitest";
import { sampleSpec } from "../../test/report/sample-store.ts";
import type { Entry } from "../model/entry.ts";
import { unpackItems } from "../model/item-codec.ts";
import type { JobSpec } from "../model/job.ts";
import { type BytePath, orderKey } from "../model/path.ts";
import type { Clock } from "../ports/clock.ts";
import type { PlanPage, Source } from "../ports/source.ts";
import type { PlanBatch } from "../ports/store.ts";
import { plan, type PlanOptions } from "./plan.ts";

const pageLength = 1_000;
const stopped: Clock = { now: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() };

const spec: JobSpec = {
  ...sampleSpec,
  kind: "sync",
  source: "file:///source",
  target: "file:///target",
  exclude: [],
  compare: "mtime",
  delete: true,
  chunkBytes: 1 << 20,
  traits: { ...sampleSpec.traits, kind: "sync", publishFirst: false },
};

function file(path: string): Entry {
  const version = { kind: "stat", inode: 1n, mtimeNs: 5n, ctimeNs: 6n } as const;
  return { path: path as BytePath, kind: "file", sizeBytes: 1, version, attributes: null, link: null, sparse: false };
}

/** A listing that is made as it is asked for. */
class Listing implements Source {
  readonly location = "listing";
  readonly keepsDirectories = true;
  given = 0;
  isOpen = false;
  readonly #paths: () => Iterable<string>;

  constructor(paths: () => Iterable<string>) {
    this.#paths = paths;
  }

  async *plan(after: string | null): AsyncGenerator<PlanPage> {
    this.isOpen = true;
    try {
      yield* this.#pages(after);
    } finally {
      this.isOpen = false;
    }
  }

  *#pages(after: string | null): Generator<PlanPage> {
    let entries: Entry[] = [];
    for (const path of this.#paths()) {
      if (after !== null && path <= after) continue;
      entries.push(file(path));
      if (entries.length === pageLength) {
        this.given += pageLength;
        yield { entries, problems: [], cursor: path };
        entries = [];
      }
    }
    const cursor = entries.at(-1)?.path;
    if (cursor !== undefined) yield { entries, problems: [], cursor };
  }

  async *read(): AsyncGenerator<never> {}

  observe(): Promise<null> {
    return Promise.resolve(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function* numbered(prefix: string, count: number): Generator<string> {
  for (let index = 0; index < count; index += 1) yield `${prefix}${String(index).padStart(8, "0")}`;
}

const target: PlanOptions["target"] = {
  accepts: (entry) => ({ ok: true, as: entry.kind, losses: [] }),
  blockBytes: () => 1 << 20,
};

interface Planning {
  readonly source: Listing;
  readonly existing: Listing;
  readonly cursor?: string | null;
  readonly clock?: Clock;
  readonly spec?: JobSpec;
  readonly write: (batch: PlanBatch) => void;
}

function planned({ cursor = null, clock = stopped, write, ...planning }: Planning): Promise<void> {
  const signal = new AbortController().signal;
  const writes = (batch: PlanBatch): Promise<void> => Promise.resolve(write(batch));
  return plan({ spec, ...planning, target, clock, cursor, deletionsPlanned: 0, write: writes, signal });
}

test("memory does not grow with what only the target has", async () => {
  const count = 200_000;
  const source = new Listing(() => ["a", "z"]);
  const existing = new Listing(() => numbered("m", count));
  let written = 0;
  let ahead = 0;
  await planned({
    source,
    existing,
    write: ({ chunks }) => {
      ahead = Math.max(ahead, existing.given - written);
      for (const { kind, items } of chunks) if (kind === "extras") written += items.count;
    },
  });
  expect(written).toBe(count);
  // Rows as they will be stored, some dozens of bytes for each entry; and the page of either side that is looked at.
  expect(ahead).toBeLessThanOrEqual(16 * 4_096 + 2 * pageLength);
});

function told(batches: readonly PlanBatch[]): string[] {
  return batches
    .flatMap(({ chunks }) => chunks.flatMap(({ items }) => unpackItems(items).map(({ entry }) => entry.path)))
    .toSorted();
}

test("whatever batch was the last, the plan goes on after it: nothing twice, nothing left out", async () => {
  const names = ["b", "l", ...numbered("k", 5_000), ...numbered("n", 3_000)].toSorted();
  const make = (): { source: Listing; existing: Listing } => ({
    source: new Listing(() => ["b", "l", ...numbered("n", 3_000)].toSorted()),
    existing: new Listing(() => ["a", ...numbered("k", 5_000), ...numbered("m", 5_000), "z"]),
  });
  const batches: PlanBatch[] = [];
  let nowMs = 0;
  const clock: Clock = { ...stopped, monotonicMs: () => (nowMs += 400) };
  await planned({ ...make(), clock, write: (batch) => void batches.push(batch) });
  expect(batches.length).toBeGreaterThan(2);
  const whole = told(batches);
  expect(new Set([...names, ...whole]).size).toBe(whole.length);
  for (const [index, { cursor }] of batches.entries()) {
    if (cursor === null || batches[index]?.done === true) continue;
    const rest: PlanBatch[] = [];
    await planned({ ...make(), cursor: orderKey(cursor as BytePath, false), write: (batch) => void rest.push(batch) });
    expect(told([...batches.slice(0, index + 1), ...rest])).toEqual(whole);
  }
});

test("a plan that goes on does not forget where it was before it has decided anything", async () => {
  const batches: PlanBatch[] = [];
  let nowMs = 0;
  const clock: Clock = { ...stopped, monotonicMs: () => (nowMs += 1_000) };
  const none = new Listing(() => []);
  await planned({ source: none, existing: none, cursor: "m", clock, write: (batch) => void batches.push(batch) });
  expect(batches.map(({ cursor, done }) => ({ cursor, done }))).toEqual([{ cursor: "m", done: true }]);
});

test("the target's listing is closed with the plan, also where nobody has asked for its end", async () => {
  const [source, existing] = [new Listing(() => ["a"]), new Listing(() => ["a", "b"])];
  await planned({ source, existing, write: () => {}, spec: { ...spec, delete: false } });
  expect(existing.isOpen).toBe(false);
});
