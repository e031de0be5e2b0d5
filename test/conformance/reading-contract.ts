import { expect, test } from "vitest";
import type { Item, Work } from "../../src/model/chunk.ts";
import type { ItemEnd, ReadBudget } from "../../src/ports/source.ts";
import { caseOf, type ContractSubject, Mover, never } from "./place.ts";
import { path, sampleBytes } from "./sample.ts";

interface Reading {
  readonly bytes: ReadonlyMap<number, Buffer>;
  readonly ends: ReadonlyMap<number, ItemEnd>;
  readonly order: readonly number[];
}

/** Reads, and holds the frames to their contract on the way. */
async function read(mover: Mover, work: Work, from = 0, skip: ReadonlySet<number> = new Set()): Promise<Reading> {
  const parts = new Map<number, Buffer[]>();
  const next = new Map<number, number>();
  const ends = new Map<number, ItemEnd>();
  const order: number[] = [];
  const faults: string[] = [];
  for await (const frame of mover.source.read({ work, from, skip }, never)) {
    if (order.at(-1) !== frame.item) order.push(frame.item);
    if (ends.has(frame.item)) faults.push(`item ${frame.item} goes on after its end`);
    if ("end" in frame) {
      ends.set(frame.item, frame.end);
      continue;
    }
    const item = work.items[frame.item] as Item;
    const block = (offset: number): number => Math.floor((offset - item.offset) / item.blockBytes);
    const end = frame.offset + frame.bytes.length;
    if (frame.bytes.length === 0) faults.push(`item ${frame.item} has a frame of no bytes`);
    if (frame.offset !== (next.get(frame.item) ?? frame.offset))
      faults.push(`item ${frame.item} has a gap at ${frame.offset}`);
    if (block(frame.offset) !== block(end - 1)) faults.push(`the frame at ${frame.offset} crosses a block`);
    next.set(frame.item, end);
    // A copy: the bytes are valid until the next frame only.
    const list = parts.get(frame.item) ?? [];
    list.push(Buffer.from(frame.bytes));
    parts.set(frame.item, list);
  }
  expect(faults).toEqual([]);
  return { bytes: new Map(parts.entries().map(([item, list]) => [item, Buffer.concat(list)])), ends, order };
}

export function readingContract(subject: ContractSubject): void {
  caseOf(
    subject,
    true,
    "gives all bytes of every item in order, then its end; an empty file has its end alone",
    async () => {
      const place = await subject.createPlace();
      const contents = [sampleBytes(10, 1), Buffer.alloc(0), sampleBytes(3_000_001, 2), sampleBytes(4_096, 3)];
      for (const [index, content] of contents.entries()) await place.source.put(path(`f${index}`), content);
      await using mover = await Mover.open(subject, place);
      const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
      const { bytes, ends, order } = await read(mover, work);
      expect(order).toEqual([0, 1, 2, 3]);
      for (const [index, content] of contents.entries()) {
        expect(content.equals(bytes.get(index) ?? Buffer.alloc(0)), `f${index}`).toBe(true);
        expect(ends.get(index)?.outcome).toBe("read");
      }
    },
  );

  caseOf(subject, true, "begins at any block, leaves out what ends before it, and items that are skipped", async () => {
    const place = await subject.createPlace();
    const size = 2_500;
    const contents = [1, 2, 3].map((seed) => sampleBytes(size, seed));
    for (const [index, content] of contents.entries()) await place.source.put(path(`f${index}`), content);
    await using mover = await Mover.open(subject, place);
    const entries = (await mover.list()).filter(({ kind }) => kind === "file");
    // Three blocks each, counted over all items.
    const items = entries.map((entry): Item => ({ entry, offset: 0, length: size, blockBytes: 1_000, compare: false }));
    const work = mover.work("pack", items);
    for (let from = 0; from <= 9; from += 1) {
      const { bytes } = await read(mover, work, from);
      for (const [index, content] of contents.entries()) {
        const missing = Math.min(size, Math.max(0, from - index * 3) * 1_000);
        expect(bytes.get(index) ?? Buffer.alloc(0), `item ${index} from block ${from}`).toEqual(
          content.subarray(missing),
        );
      }
    }
    const { ends, bytes } = await read(mover, work, 0, new Set([1]));
    expect([...ends.keys()]).toEqual([0, 2]);
    expect([...bytes.keys()]).toEqual([0, 2]);
  });

  caseOf(subject, true, "reads a range of a large entry", async () => {
    const place = await subject.createPlace();
    const content = sampleBytes(2_000_000, 7);
    await place.source.put(path("large"), content);
    await using mover = await Mover.open(subject, place);
    const entry = await mover.entry(path("large"));
    const item = { ...mover.item(entry, 600_000, 900_000), blockBytes: 300_000 };
    const { bytes, ends } = await read(mover, mover.work("range", [item], "unused"), 1);
    expect(bytes.get(0)?.equals(content.subarray(900_000, 1_500_000))).toBe(true);
    expect(ends.get(0)?.outcome).toBe("read");
  });

  caseOf(
    subject,
    true,
    "an entry that changed or vanished since it was listed ends so, and its neighbours are read",
    async () => {
      const place = await subject.createPlace();
      for (const name of ["a", "b", "c", "d"])
        await place.source.put(path(name), sampleBytes(5_000, name.charCodeAt(0)));
      await using mover = await Mover.open(subject, place);
      const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
      await place.source.put(path("b"), sampleBytes(5_000, 99));
      await place.source.remove(path("c"));
      const { ends, bytes } = await read(mover, work);
      expect([0, 1, 2, 3].map((item) => ends.get(item)?.outcome)).toEqual(["read", "changed", "vanished", "read"]);
      const changed = ends.get(1);
      if (changed?.outcome !== "changed") throw new Error("b has changed");
      expect(changed.error).toMatchObject({ code: "source_changed", disposition: "retry" });
      expect(changed.now).toEqual(await mover.entry(path("b")));
      expect(bytes.get(3)).toEqual(sampleBytes(5_000, "d".charCodeAt(0)));
    },
  );

  test.for(["rewritten", "cut short", "grown", "removed"] as const)(
    "an entry that is %s while it is read gives its pinned version whole, or does not end as read",
    async (act) => {
      const place = await subject.createPlace();
      const name = path("file");
      const pinned = sampleBytes(20_000_000, 5);
      await place.source.put(name, pinned);
      await using mover = await Mover.open(subject, place);
      const work = mover.pack(await mover.entry(name));
      const bytes: Buffer[] = [];
      let outcome = "";
      for await (const frame of mover.source.read({ work, from: 0, skip: new Set() }, never)) {
        if ("end" in frame) {
          outcome = frame.end.outcome;
          continue;
        }
        bytes.push(Buffer.from(frame.bytes));
        if (bytes.length > 1) continue;
        const sizes = { rewritten: 20_000_000, "cut short": 9_000_000, grown: 21_000_000 };
        if (act === "removed") await place.source.remove(name);
        else await place.source.put(name, sampleBytes(sizes[act], 6));
      }
      const isWhole = outcome === "read" && pinned.equals(Buffer.concat(bytes));
      expect(isWhole ? "whole" : outcome).toMatch(/^(?:whole|changed|vanished)$/);
    },
  );

  caseOf(subject, true, "books bytes before it asks for them, those that it reads ahead too", async () => {
    const place = await subject.createPlace();
    const content = sampleBytes(9_000_000, 8);
    await place.source.put(path("file"), content);
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(await mover.entry(path("file")));
    let booked = 0;
    const controller = new AbortController();
    const dry = new Error("the budget is used up");
    const given: number[] = [];
    let asked = 0;
    const budget: ReadBudget = {
      request: (bytes) => {
        expect(bytes).toBeLessThanOrEqual(1_000_000);
        booked += bytes;
        if (booked > 4_000_000) {
          controller.abort(dry);
          return Promise.reject(dry);
        }
        asked += bytes;
        return { answered: () => {}, [Symbol.dispose]: () => void (asked -= bytes) };
      },
      stepBytes: (most) => Math.min(most, 1_000_000),
    };
    const frames = mover.source.read({ work, from: 0, skip: new Set(), budget }, controller.signal);
    await expect(async () => {
      for await (const frame of frames) if ("bytes" in frame) given.push(frame.bytes.length);
    }).rejects.toThrow(dry.message);
    expect(given.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(4_000_000);
    expect(asked, "what was asked for and broke off is given back").toBe(0);

    const all: number[] = [];
    let timed = 0;
    const wide: ReadBudget = {
      request: async (bytes) => {
        all.push(bytes);
        return { answered: () => void (timed += 1), [Symbol.dispose]: () => {} };
      },
      stepBytes: (most) => most,
    };
    let taken = 0;
    for await (const frame of mover.source.read({ work, from: 0, skip: new Set(), budget: wide }, never)) {
      if (!("bytes" in frame)) continue;
      taken += frame.bytes.length;
      expect(all.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThanOrEqual(taken);
    }
    expect(all.reduce((sum, bytes) => sum + bytes, 0)).toBe(content.length);
    expect(timed, "every read is timed").toBe(all.length);
  });

  caseOf(subject, true, "stops when asked to, and can be read again", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("file"), sampleBytes(9_000_000, 5));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(await mover.entry(path("file")));
    const controller = new AbortController();
    const frames = mover.source.read({ work, from: 0, skip: new Set() }, controller.signal);
    await expect(async () => {
      for await (const _ of frames) controller.abort(new Error("asked to stop"));
    }).rejects.toThrow("asked to stop");
    expect((await read(mover, work)).bytes.get(0)?.equals(sampleBytes(9_000_000, 5))).toBe(true);
  });
}
