import { expect } from "vitest";
import { caseOf, type ContractSubject, defaultOptions, Interrupted, Mover, never } from "./place.ts";
import { blockStarts } from "../../src/model/chunk.ts";
import { noReceipts } from "../../src/model/task.ts";
import { path, sampleBytes } from "./sample.ts";

async function interrupted(attempt: Promise<unknown>): Promise<Interrupted["partial"]> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof Interrupted) return error.partial;
    throw error;
  }
  throw new Error("the transfer was to break off");
}

export function recoveryContract(subject: ContractSubject): void {
  caseOf(
    subject,
    true,
    "a transfer that breaks off continues after its last confirmed block, and reads nothing before it again",
    async () => {
      const place = await subject.createPlace();
      const contents = Array.from({ length: 12 }, (_, index) => sampleBytes(2_000_000, index + 1));
      for (const [index, content] of contents.entries()) {
        await place.source.put(path(`f${String(index).padStart(2, "0")}`), content);
      }
      // Without fsync every block is confirmed as it is written: the crash falls between two confirmed blocks.
      await using mover = await Mover.open(subject, place, { durability: "none" });
      const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
      const controller = new AbortController();
      const onFrame = (frame: number): void => (frame === 14 ? controller.abort(new Error("killed")) : undefined);
      const partial = await interrupted(mover.transfer(work, { signal: controller.signal, onFrame }));
      expect(partial.confirmed).toEqual(partial.confirmed.map((_, index) => index));
      const from = partial.confirmed.length;
      expect(from).toBeLessThan(12);

      const rest = await mover.transfer(work, { from, before: partial.receipts });
      expect(rest.bytesRead).toBe((12 - from) * 2_000_000);
      expect(rest.confirmed).toEqual(Array.from({ length: 12 - from }, (_, index) => from + index));
      await mover.publish(work, rest.receipts);
      const stored = await mover.stored(work, rest.receipts, true);
      for (const [index, content] of contents.entries())
        expect(content.equals(stored[index] as Buffer), `f${index}`).toBe(true);
      expect(await place.target.names()).toEqual(await place.source.names());
    },
  );

  caseOf(subject, true, "a large entry continues inside a range, by another worker", async () => {
    const place = await subject.createPlace();
    const blockOf = 8 * 1_048_576;
    const content = sampleBytes(3 * blockOf - 7, 21);
    await place.source.put(path("large"), content);
    await using first = await Mover.open(subject, place, { durability: "none" });
    const entry = await first.entry(path("large"));
    const head = first.work("head", [first.item(entry)]);
    const staging = await first.target.prepare(head, false, never);
    const range = first.work("range", [first.item(entry)], staging);
    const controller = new AbortController();
    const onFrame = (frame: number): void => (frame === 18 ? controller.abort(new Error("killed")) : undefined);
    const partial = await interrupted(first.transfer(range, { signal: controller.signal, onFrame }));

    await using second = await Mover.open(subject, place);
    const from = partial.confirmed.length;
    const rest = await second.transfer(range, { from, before: partial.receipts });
    const blockBytes = second.target.blockBytes(entry.sizeBytes);
    expect(rest.bytesRead).toBe(entry.sizeBytes - from * blockBytes);
    const parts = [{ chunkId: 1, offset: 0, length: entry.sizeBytes, receipts: rest.receipts }];
    await second.publish({ ...head, staging }, { count: 0, digests: new Uint8Array(0), tags: null }, parts);
    expect(content.equals((await place.target.read(path("large"))) ?? Buffer.alloc(0))).toBe(true);
  });

  caseOf(subject, true, "an abort leaves nothing under a final name, and what is staged can be discarded", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("dir/file"), sampleBytes(9_000_000, 2));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(await mover.entry(path("dir/file")));
    const controller = new AbortController();
    const onFrame = (frame: number): void => (frame === 5 ? controller.abort(new Error("killed")) : undefined);
    await interrupted(mover.transfer(work, { signal: controller.signal, onFrame }));
    expect(await place.target.read(path("dir/file"))).toBeNull();
    await mover.target.discard(work, never);
    await mover.target.discard(work, never);
    expect((await place.target.names()).filter((name) => name.includes(".godwit."))).toEqual([]);
  });

  caseOf(subject, true, "a large entry's staging place is discarded, also when it is gone already", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("large"), sampleBytes(1_000_000, 2));
    await using mover = await Mover.open(subject, place);
    const head = mover.work("head", [mover.item(await mover.entry(path("large")))]);
    const staging = await mover.target.prepare(head, false, never);
    await mover.target.discard({ ...head, staging }, never);
    await mover.target.discard({ ...head, staging }, never);
    const range = mover.work("range", head.items, staging);
    const attempt = mover.transfer(range).catch((error: Error) => Promise.reject(error.cause as Error));
    await expect(attempt).rejects.toMatchObject({ code: "upload_vanished" });
  });

  caseOf(subject, true, "discarding never touches what is published", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("file"), sampleBytes(1_000, 2));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(await mover.entry(path("file")));
    const { receipts } = await mover.transfer(work);
    await mover.publish(work, receipts);
    await mover.target.discard(work, never);
    expect(await place.target.read(path("file"))).toEqual(sampleBytes(1_000, 2));
  });

  caseOf(subject, true, "a staging place that is gone is said to be gone, never taken for written", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("large"), sampleBytes(1_000_000, 2));
    if (place.target.loseStaged === undefined) return;
    await using mover = await Mover.open(subject, place);
    const entry = await mover.entry(path("large"));
    const head = mover.work("head", [mover.item(entry)]);
    const staging = await mover.target.prepare(head, false, never);
    await place.target.loseStaged();
    const range = mover.work("range", [mover.item(entry)], staging);
    const attempt = mover.transfer(range).catch((error: Error) => Promise.reject(error.cause as Error));
    await expect(attempt).rejects.toMatchObject({ code: "upload_vanished", disposition: "retry" });
  });

  caseOf(subject, true, "of a pack, the entry whose confirmed blocks are gone is sent anew alone", async () => {
    const place = await subject.createPlace();
    const content = sampleBytes(3 * 8 * 1_048_576 - 7, 22);
    await place.source.put(path("a"), content);
    await place.source.put(path("b"), sampleBytes(1_000, 2));
    await using mover = await Mover.open(subject, place);
    const entries = (await mover.list()).filter(({ kind }) => kind === "file");
    const work = mover.pack(...entries);
    const before = { count: 1, digests: new Uint8Array(32).fill(1), tags: null };
    const { receipt, told, receipts } = await mover.transfer(work, { from: 1, before });
    expect(receipt.refused).toMatchObject([{ item: 0, error: { code: "upload_vanished", disposition: "retry" } }]);
    // In this order: whoever goes on after the block of the second must know of the first.
    expect(told).toEqual(["item 0 refused", `block ${blockStarts(work.items)[1]} confirmed`]);
    await mover.target.publish({ work, skip: new Set([0]), observed: null, ranges: null, receipts }, never);
    expect(await place.target.names()).toEqual([path("b")]);

    const anew = mover.pack(...entries.slice(0, 1));
    const again = await mover.transfer(anew);
    expect(again.receipt.refused).toEqual([]);
    await mover.publish(anew, again.receipts);
    expect(content.equals((await place.target.read(path("a"))) ?? Buffer.alloc(0))).toBe(true);
  });

  caseOf(
    subject,
    true,
    "what one stale worker stages anew, another one does not publish over what is there",
    async () => {
      const place = await subject.createPlace();
      const content = sampleBytes(3_000_000, 2);
      for (const name of ["large", "small"]) await place.source.put(path(name), content);
      await using mover = await Mover.open(subject, place, { durability: "none" });
      const pack = mover.pack(await mover.entry(path("small")));
      const { receipts } = await mover.transfer(pack);
      await mover.publish(pack, receipts);
      const large = mover.item(await mover.entry(path("large")));
      const staging = await mover.target.prepare(mover.work("head", [large]), false, never);
      const head = mover.work("head", [large], staging);
      const range = await mover.transfer(mover.work("range", [large], staging));
      const parts = [{ chunkId: 1, offset: 0, length: content.length, receipts: range.receipts }];
      await mover.publish(head, noReceipts, parts);

      const controller = new AbortController();
      const onFrame = (frame: number): void => (frame === 2 ? controller.abort(new Error("lease lost")) : undefined);
      await interrupted(mover.transfer(pack, { signal: controller.signal, onFrame }));
      await mover.target.prepare(mover.work("head", [large]), false, never);
      expect((await mover.publish(pack, receipts)).refused).toEqual([]);
      expect((await mover.publish(head, noReceipts, parts)).refused).toEqual([]);
      for (const name of ["large", "small"])
        expect(content.equals((await place.target.read(path(name))) ?? Buffer.alloc(0)), name).toBe(true);
    },
  );

  caseOf(subject, true, "a damaged published entry is seen, repaired beside it, and replaced as a whole", async () => {
    const place = await subject.createPlace();
    const blockOf = 8 * 1_048_576;
    const content = sampleBytes(2 * blockOf + 5, 31);
    await place.source.put(path("large"), content);
    if (place.target.damage === undefined) return;
    await using mover = await Mover.open(subject, place);
    const entry = await mover.entry(path("large"));
    const head = mover.work("head", [mover.item(entry)]);
    const none = { count: 0, digests: new Uint8Array(0), tags: null };
    const staging = await mover.target.prepare(head, false, never);
    const whole = mover.work("range", [mover.item(entry)], staging);
    const { receipts } = await mover.transfer(whole);
    const parts = [{ chunkId: 1, offset: 0, length: entry.sizeBytes, receipts }];
    await mover.publish({ ...head, staging }, none, parts);

    await place.target.damage(path("large"), blockOf + 3);
    const [damaged] = await mover.stored(whole, receipts, true);
    expect(content.equals(damaged as Buffer)).toBe(false);

    const repairing = await mover.target.prepare({ ...head, staging }, true, never);
    const bad = mover.work("range", [mover.item(entry, blockOf, blockOf)], repairing);
    await mover.transfer(bad);
    const untouched = (await place.target.read(path("large"))) ?? Buffer.alloc(0);
    expect(content.equals(untouched), "the published entry stays as it is until the new one is published").toBe(false);
    await mover.publish({ ...head, staging: repairing }, none, parts);
    expect(content.equals((await place.target.read(path("large"))) ?? Buffer.alloc(0))).toBe(true);
    expect(await place.target.names()).toEqual([path("large")]);
  });

  caseOf(subject, true, "what is not there any more ends vanished when it is read back", async () => {
    const place = await subject.createPlace();
    for (const name of ["a", "b"]) await place.source.put(path(name), sampleBytes(1_000, 2));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    const { receipts } = await mover.transfer(work);
    await mover.publish(work, receipts);
    await place.target.remove(path("a"));
    expect(await mover.stored(work, receipts, true)).toEqual(["vanished", sampleBytes(1_000, 2)]);
  });

  caseOf(subject, true, "an entry that was cut short or has grown on the target is not taken for whole", async () => {
    const place = await subject.createPlace();
    for (const name of ["a", "b"]) await place.source.put(path(name), sampleBytes(1_000, 2));
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "file"));
    const { receipts } = await mover.transfer(work);
    await mover.publish(work, receipts);
    await place.target.put(path("a"), sampleBytes(900, 2));
    await place.target.put(path("b"), Buffer.concat([sampleBytes(1_000, 2), Buffer.from("more")]));
    const stored = await mover.stored(work, receipts, true);
    for (const [index, found] of stored.entries()) {
      const isWhole = Buffer.isBuffer(found) && found.equals(sampleBytes(1_000, 2));
      expect(isWhole, `item ${index}`).toBe(false);
    }
  });

  caseOf(subject, true, "removes one entry, and tells when there was none", async () => {
    const place = await subject.createPlace();
    await place.target.put(path("dir/file"), sampleBytes(10, 1));
    await place.target.put(path("other"), sampleBytes(10, 1));
    await using mover = await Mover.open(subject, place);
    expect(await mover.target.remove(path("dir/file"), false, never)).toBe(true);
    expect(await mover.target.remove(path("dir/file"), false, never)).toBe(false);
    expect((await place.target.names()).filter((name) => name !== "dir")).toEqual([path("other")]);
  });

  caseOf(
    subject,
    subject.capabilities.directories,
    "removes a directory only when it is empty, and nothing outside",
    async () => {
      const place = await subject.createPlace();
      await place.target.put(path("dir/file"), sampleBytes(10, 1));
      await using mover = await Mover.open(subject, place);
      await expect(mover.target.remove(path("dir"), true, never)).rejects.toMatchObject({ disposition: "retry" });
      await expect(mover.target.remove(path("dir"), false, never)).rejects.toMatchObject({ code: "target_conflict" });
      await expect(mover.target.remove(path("../dir"), false, never)).rejects.toMatchObject({ code: "target_escape" });
      await place.target.remove(path("dir/file"));
      expect(await mover.target.remove(path("dir"), true, never)).toBe(true);
      expect(await place.target.names()).toEqual([]);
    },
  );

  caseOf(
    subject,
    true,
    "a sweep finds what is staged, removes it when told to, and leaves published entries alone",
    async () => {
      const place = await subject.createPlace();
      await place.source.put(path("dir/large"), sampleBytes(1_000_000, 2));
      await place.target.put(path("dir/published"), sampleBytes(10, 1));
      await using mover = await Mover.open(subject, place);
      const entry = await mover.entry(path("dir/large"));
      const head = mover.work("head", [mover.item(entry)]);
      await mover.target.prepare(head, false, never);
      const options = { ...defaultOptions, ...subject.options };
      const sweep = (olderThanMs: number, dryRun: boolean) =>
        Array.fromAsync(subject.connector.sweep(place.targetUrl, { olderThanMs, dryRun }, options, never));
      expect(await sweep(3_600_000, false)).toEqual([]);
      expect((await sweep(-3_600_000, true)).map(({ removed }) => removed)).toEqual([false]);
      expect((await sweep(-3_600_000, false)).map(({ removed }) => removed)).toEqual([true]);
      expect(await sweep(-3_600_000, false)).toEqual([]);
      expect(await place.target.read(path("dir/published"))).toEqual(sampleBytes(10, 1));
    },
  );

  caseOf(subject, true, "diagnosing a place leaves it as it was", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("file"), sampleBytes(10, 1));
    await place.target.put(path("file"), sampleBytes(10, 1));
    const before = await place.target.names();
    const options = { ...defaultOptions, ...subject.options };
    for (const [url, role] of [
      [place.sourceUrl, "source"],
      [place.targetUrl, "target"],
    ] as const) {
      const findings = await Array.fromAsync(subject.connector.diagnose(url, role, options, never));
      expect(findings.length).toBeGreaterThan(0);
      expect(findings.filter(({ level }) => level === "problem")).toEqual([]);
    }
    expect(await place.target.names()).toEqual(before);
  });
}
