/** A source that lists entries as they are wanted, and a target that holds everything: what a coordinator asks of them. */
import type { Entry } from "../model/entry.ts";
import { type BytePath, pathFromText } from "../model/path.ts";
import type { JobPlaces } from "../coordinator/lead-jobs.ts";
import type { PlanPage, Source } from "../ports/source.ts";
import type { Target } from "../ports/target.ts";

/** As on a file system: what is confirmed, and what a successor need not do again, is counted in these. */
export const blockBytes = 8 * 2 ** 20;

export interface Listing {
  /** Bytes of the entries from that number on, some of them, once somebody needs more work; empty at the end. */
  next(from: number): Promise<readonly number[]>;
}

const digits = 12;

function pathOf(index: number): BytePath {
  return pathFromText(String(index).padStart(digits, "0"));
}

function entryOf(index: number, sizeBytes: number): Entry {
  const version = { kind: "stat", inode: BigInt(index + 1), mtimeNs: 1n, ctimeNs: 1n } as const;
  return { path: pathOf(index), kind: "file", sizeBytes, version, attributes: null, link: null, sparse: false };
}

function unused(what: string): never {
  throw new Error(`a simulated coordinator never calls ${what}`);
}

/** Entries are numbered in their order, so that a leader that takes over goes on after the last that was planned. */
async function* listPages(after: string | null, listing: Listing): AsyncGenerator<PlanPage> {
  let index = after === null ? 0 : Number(after) + 1;
  for (;;) {
    const sizes = await listing.next(index);
    if (sizes.length === 0) return;
    const entries = sizes.map((size, at) => entryOf(index + at, size));
    index += sizes.length;
    yield { entries, problems: [], cursor: pathOf(index - 1) };
  }
}

const empty: Source = {
  location: "simulated",
  keepsDirectories: true,
  plan: async function* () {},
  read: () => unused("read"),
  observe: async () => null,
  [Symbol.asyncDispose]: async () => {},
};

export function simPlaces(listing: Listing): JobPlaces {
  const source: Source = { ...empty, plan: (after) => listPages(after, listing) };
  const target: Target = {
    location: "simulated",
    publishFirst: false,
    readFrom: "medium",
    blockBytes: () => blockBytes,
    accepts: ({ kind }) => ({ ok: true, as: kind, losses: [] }),
    prepare: () => unused("prepare"),
    write: () => unused("write"),
    readBack: () => unused("readBack"),
    publish: () => unused("publish"),
    seal: () => unused("seal"),
    remove: () => unused("remove"),
    discard: () => unused("discard"),
    [Symbol.asyncDispose]: async () => {},
  };
  return { source, target, existing: empty, [Symbol.asyncDispose]: async () => {} };
}
