import { expect } from "vitest";
import type { Entry } from "../../src/model/entry.ts";
import type { BytePath } from "../../src/model/path.ts";
import { caseOf, type ContractPlace, type ContractSubject, Mover, never } from "./place.ts";
import { oddNames, path, sampleBytes } from "./sample.ts";

const mebibyte = 1_048_576;

function visible(names: readonly BytePath[]): readonly BytePath[] {
  return names.filter((name) => !/(?:^|\/)\.godwit\.[0-9a-f]{32}\.part$/.test(name));
}

async function withFile(subject: ContractSubject, name: BytePath, content: Uint8Array): Promise<ContractPlace> {
  const place = await subject.createPlace();
  await place.source.put(name, content);
  return place;
}

export function writingContract(subject: ContractSubject): void {
  const { capabilities } = subject;

  caseOf(
    subject,
    true,
    "a pack is confirmed block by block, read back, and visible only once it is published",
    async () => {
      const place = await subject.createPlace();
      const contents = new Map([1, 2, 3].map((seed) => [path(`dir/f${seed}`), sampleBytes(seed * 3_000, seed)]));
      contents.set(path("empty"), Buffer.alloc(0));
      for (const [name, content] of contents) await place.source.put(name, content);
      await using mover = await Mover.open(subject, place);
      const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
      const { receipt, confirmed, receipts } = await mover.transfer(work);
      expect(receipt.refused).toEqual([]);
      expect(confirmed).toEqual([0, 1, 2, 3]);
      const expected = work.items.map(({ entry }) => contents.get(entry.path));
      const { publishFirst } = mover.target;
      const early = publishFirst ? [] : visible(await place.target.names()).filter((name) => contents.has(name));
      expect(early).toEqual([]);
      expect(publishFirst ? expected : await mover.stored(work, receipts)).toEqual(expected);
      expect((await mover.publish(work, receipts)).refused).toEqual([]);
      for (const [name, content] of contents)
        expect(Buffer.from((await place.target.read(name)) ?? "none")).toEqual(content);
      expect(await mover.stored(work, receipts, true)).toEqual(expected);
      expect(visible(await place.target.names())).toEqual(await place.target.names());
    },
  );

  caseOf(subject, true, "a large entry is written in ranges, in any order, and published by its head", async () => {
    const blockOf = 8 * mebibyte;
    const content = sampleBytes(2 * blockOf + 12_345, 11);
    const place = await withFile(subject, path("large"), content);
    await using mover = await Mover.open(subject, place);
    const entry = await mover.entry(path("large"));
    const blockBytes = mover.target.blockBytes(entry.sizeBytes);
    const head = mover.work("head", [mover.item(entry)]);
    const staging = await mover.target.prepare(head, false, never);
    expect(await mover.target.prepare({ ...head, staging }, false, never)).toBe(staging);
    const offsets = Array.from({ length: Math.ceil(entry.sizeBytes / blockBytes) }, (_, index) => index * blockBytes);
    const ranges = offsets.map((offset) =>
      mover.work("range", [mover.item(entry, offset, Math.min(blockBytes, entry.sizeBytes - offset))], staging),
    );
    const done = new Map<number, Awaited<ReturnType<Mover["transfer"]>>>();
    for (const range of ranges.toReversed()) {
      const transfer = await mover.transfer(range);
      expect(transfer.receipt.refused).toEqual([]);
      done.set(range.items[0]?.offset ?? -1, transfer);
      if (mover.target.publishFirst) continue;
      const [bytes] = await mover.stored(range, transfer.receipts);
      const offset = range.items[0]?.offset ?? 0;
      expect((bytes as Buffer).equals(content.subarray(offset, offset + blockBytes))).toBe(true);
    }
    expect(await place.target.read(path("large"))).toBeNull();
    const parts = offsets.map((offset, index) => {
      const receipts = done.get(offset)?.receipts;
      if (receipts === undefined) throw new Error("every range was moved");
      return { chunkId: index, offset, length: Math.min(blockBytes, entry.sizeBytes - offset), receipts };
    });
    const published = await mover.publish(
      { ...head, staging },
      { count: 0, digests: new Uint8Array(0), tags: null },
      parts,
    );
    expect(published.refused).toEqual([]);
    expect(content.equals((await place.target.read(path("large"))) ?? Buffer.alloc(0))).toBe(true);
  });

  caseOf(subject, true, "names arrive byte for byte", async () => {
    const place = await subject.createPlace();
    const names = oddNames(capabilities);
    for (const name of names) await place.source.put(name, Buffer.from(`content of ${name}`, "latin1"));
    await using mover = await Mover.open(subject, place);
    await mover.moveAll();
    for (const name of names) {
      expect(Buffer.from((await place.target.read(name)) ?? "none").toString("latin1")).toBe(`content of ${name}`);
    }
    expect(await place.target.names()).toEqual(await place.source.names());
  });

  caseOf(subject, true, "writing the same chunk twice leaves one copy", async () => {
    const content = sampleBytes(300_000, 4);
    const place = await withFile(subject, path("file"), content);
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(await mover.entry(path("file")));
    await mover.transfer(work);
    const { receipts } = await mover.transfer(work);
    await mover.publish(work, receipts);
    expect(visible(await place.target.names())).toEqual([path("file")]);
    expect(await place.target.names()).toEqual([path("file")]);
    expect(content.equals((await place.target.read(path("file"))) ?? Buffer.alloc(0))).toBe(true);
  });

  caseOf(subject, true, "publishing twice is publishing once", async () => {
    const place = await withFile(subject, path("file"), sampleBytes(5_000, 4));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(await mover.entry(path("file")));
    const { receipts } = await mover.transfer(work);
    await mover.publish(work, receipts);
    expect((await mover.publish(work, receipts)).refused).toEqual([]);
    expect(await place.target.read(path("file"))).toEqual(sampleBytes(5_000, 4));
  });

  caseOf(subject, true, "replaces what an earlier version left, whole", async () => {
    const place = await withFile(subject, path("file"), sampleBytes(1_000, 1));
    await place.target.put(path("file"), sampleBytes(500_000, 2));
    await using mover = await Mover.open(subject, place);
    await mover.moveAll();
    expect(await place.target.read(path("file"))).toEqual(sampleBytes(1_000, 1));
  });

  caseOf(subject, true, "an item whose source changed is not taken, and the rest of its chunk is", async () => {
    const place = await subject.createPlace();
    for (const name of ["a", "b", "c"]) await place.source.put(path(name), sampleBytes(4_000, name.charCodeAt(0)));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    await place.source.put(path("b"), sampleBytes(4_000, 77));
    const { ends, receipts, receipt } = await mover.transfer(work);
    expect(ends.get(1)?.outcome).toBe("changed");
    expect(receipt.refused).toEqual([]);
    await mover.target.publish({ work, skip: new Set([1]), observed: null, ranges: null, receipts }, never);
    expect(await place.target.names()).toEqual([path("a"), path("c")]);
  });

  caseOf(subject, true, "says before the copy which names it cannot hold, and never writes outside", async () => {
    if (!capabilities.plainSegments) return;
    const place = await withFile(subject, path("good"), sampleBytes(100, 1));
    await using mover = await Mover.open(subject, place);
    const good = await mover.entry(path("good"));
    for (const name of ["../evil", "/evil", "a/../../evil", "a//b", "a/", "./a", "a/./b", "..", "."]) {
      const bad: Entry = { ...good, path: path(name) };
      const answer = mover.target.accepts(bad);
      expect([name, answer.ok ? "accepted" : answer.error.code]).toEqual([name, "name_unsupported"]);
      const work = mover.pack(bad);
      const frames = (async function* () {
        yield { item: 0, offset: 0, bytes: Buffer.from("x"), block: 0, digest: Buffer.alloc(32) };
      })();
      const told: unknown[] = [];
      const listener = { onConfirmed: () => {}, onRefused: (refusal: unknown) => void told.push(refusal) };
      const { refused } = await mover.target.write(work, frames, listener, never);
      expect(told).toEqual(refused);
      expect([name, ...refused.map(({ error }) => error.code)]).toEqual([name, "target_escape"]);
    }
    expect(await place.target.names()).toEqual([]);
  });

  caseOf(subject, true, "accepts everything that it then holds", async () => {
    const place = await subject.createPlace();
    for (const name of oddNames(capabilities)) await place.source.put(name, Buffer.from("x"));
    await using mover = await Mover.open(subject, place);
    const refused = (await mover.list()).filter((entry) => !mover.target.accepts(entry).ok);
    expect(refused.map((entry) => entry.path)).toEqual([]);
  });
}
