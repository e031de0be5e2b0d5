import { expect } from "vitest";
import { caseOf, type ContractSubject, Mover, never } from "./place.ts";
import { bytes, path, sampleBytes } from "./sample.ts";

export function structureContract(subject: ContractSubject): void {
  const { capabilities } = subject;

  caseOf(subject, true, "empty files arrive as empty files", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("dir/empty"), Buffer.alloc(0));
    await using mover = await Mover.open(subject, place);
    await mover.moveAll();
    expect(Buffer.from((await place.target.read(path("dir/empty"))) ?? "none")).toEqual(Buffer.alloc(0));
  });

  caseOf(subject, capabilities.directories, "empty directories arrive, the root's own attributes too", async () => {
    const place = await subject.createPlace();
    await place.source.makeDirectory?.(path("empty/inner"));
    await using mover = await Mover.open(subject, place);
    const listed = await mover.moveAll();
    expect(listed.map((entry) => entry.path)).toEqual(["", "empty", "empty/inner"]);
    expect(await place.target.names()).toEqual(["empty", "empty/inner"]);
    await using back = await Mover.open(subject, { ...place, sourceUrl: place.targetUrl, source: place.target });
    const attributes = (await back.list()).map((entry) => entry.attributes);
    expect(attributes).toEqual(listed.map((entry) => entry.attributes));
  });

  caseOf(subject, capabilities.symlinks, "symlinks arrive as symlinks, whatever they point to", async () => {
    const place = await subject.createPlace();
    const texts = ["file", "../outside", "/etc/passwd", "nowhere", "a b\nc", "日本"].map(path);
    if (capabilities.anyBytes) texts.push(bytes("raw-\xff"));
    await place.source.put(path("file"), Buffer.from("x"));
    for (const [index, text] of texts.entries()) await place.source.symlink?.(path(`link-${index}`), text);
    await using mover = await Mover.open(subject, place);
    const work = mover.pack(...(await mover.list()).filter(({ kind }) => kind === "symlink"));
    expect(work.items.map(({ entry }) => entry.link)).toEqual(texts);
    const { receipts } = await mover.transfer(work);
    const expected = texts.map((link) => ({ kind: "symlink", link }));
    const staged = mover.target.publishFirst ? expected : await mover.stored(work, receipts);
    expect(staged).toMatchObject(expected);
    await mover.publish(work, receipts);
    await mover.publish(work, receipts);
    expect(await mover.stored(work, receipts, true)).toMatchObject(expected);
  });

  caseOf(subject, capabilities.symlinks, "links that are skipped are counted as filtered", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("file"), Buffer.from("x"));
    await place.source.symlink?.(path("link"), path("file"));
    await using mover = await Mover.open(subject, place, { links: "skip" });
    const problems = (await mover.pages()).flatMap((page) => page.problems);
    expect(problems).toMatchObject([{ path: "link", outcome: "filtered", error: null }]);
  });

  caseOf(
    subject,
    capabilities.symlinks && capabilities.directories,
    "a symlinked directory on the target is never written through",
    async () => {
      const place = await subject.createPlace();
      await place.source.put(path("dir/file"), Buffer.from("secret"));
      await place.target.makeDirectory?.(path("elsewhere"));
      await place.target.symlink?.(path("dir"), path("elsewhere"));
      await using mover = await Mover.open(subject, place);
      const work = mover.pack(await mover.entry(path("dir/file")));
      const { receipt } = await mover.transfer(work);
      expect(receipt.refused).toMatchObject([{ item: 0, error: { code: "target_escape" } }]);
      expect(await place.target.names()).toEqual(["dir", "elsewhere"]);
    },
  );

  caseOf(
    subject,
    capabilities.hardLinks,
    "hard links arrive as hard links, also when the listing is taken up between them",
    async () => {
      const place = await subject.createPlace();
      await place.source.put(path("a/first"), sampleBytes(1_000, 1));
      await place.source.put(path("b"), Buffer.from("b"));
      await place.source.hardLink?.(path("a/first"), path("c/second"));
      await place.source.hardLink?.(path("a/first"), path("d"));
      await using mover = await Mover.open(subject, place);
      const links = { "c/second": "a/first", d: "a/first" };
      for (const cursor of [null, "a/first", "b", "c/", "c/second"]) {
        const found = (await mover.list(cursor)).filter(({ kind }) => kind === "hardlink");
        const expected = Object.entries(links).filter(([name]) => cursor === null || name > cursor);
        expect(
          found.map((entry) => [entry.path, entry.link]),
          `after ${cursor}`,
        ).toEqual(expected);
      }
      const entries = await mover.moveAll();
      const work = mover.work(
        "links",
        entries.filter(({ kind }) => kind === "hardlink").map((entry) => mover.item(entry)),
      );
      expect(await mover.stored(work, undefined, true)).toMatchObject([{ kind: "hardlink" }, { kind: "hardlink" }]);
      // Once more over what is there: a rename between two names of one file must leave nothing behind.
      await mover.transfer(work);
      await mover.publish(work, { count: 0, digests: new Uint8Array(0), tags: null });
      expect(await place.target.names()).toEqual(await place.source.names());
    },
  );

  caseOf(subject, capabilities.hardLinks, "a hard link whose first name did not arrive is refused", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("a"), Buffer.from("x"));
    await place.source.hardLink?.(path("a"), path("b"));
    await using mover = await Mover.open(subject, place);
    const { receipt } = await mover.transfer(mover.work("links", [mover.item(await mover.entry(path("b")))]));
    expect(receipt.refused).toMatchObject([{ item: 0, error: { code: "target_missing" } }]);
  });

  caseOf(subject, capabilities.hardLinks, "a hard link is never made to another version of its file", async () => {
    const mtimeNs = 1_700_000_000_123_456_789n;
    const wanted = sampleBytes(1_000, 1);
    const standing = {
      "an older time": { bytes: wanted, mtimeNs: mtimeNs - 1_000_000_000n },
      "another size": { bytes: sampleBytes(999, 2), mtimeNs },
    };
    for (const [how, { bytes: old, mtimeNs: oldNs }] of Object.entries(standing)) {
      const place = await subject.createPlace();
      await place.source.put(path("a"), wanted, { mtimeNs });
      await place.source.hardLink?.(path("a"), path("b"));
      await place.target.put(path("a"), old, { mtimeNs: oldNs });
      await place.target.put(path("b"), Buffer.from("good"));
      await using mover = await Mover.open(subject, place);
      const work = mover.work("links", [mover.item(await mover.entry(path("b")))]);
      const { receipt } = await mover.transfer(work);
      expect(receipt.refused, how).toMatchObject([
        { item: 0, error: { code: "target_missing", disposition: "rejected" } },
      ]);
      expect(await place.target.names(), how).toEqual(["a", "b"]);
      expect(Buffer.from((await place.target.read(path("b"))) ?? "none"), how).toEqual(Buffer.from("good"));
      // The file itself arrives: now there is something to link to.
      const file = mover.pack(await mover.entry(path("a")));
      await mover.publish(file, (await mover.transfer(file)).receipts);
      const again = await mover.transfer(work);
      expect(again.receipt.refused, how).toEqual([]);
      await mover.publish(work, again.receipts);
      expect(Buffer.from((await place.target.read(path("b"))) ?? "none"), how).toEqual(wanted);
    }
  });

  caseOf(subject, capabilities.attributes, "modes and times arrive exactly", async () => {
    const place = await subject.createPlace();
    const mtimeNs = 1_234_567_890_123_456_789n;
    await place.source.put(path("dir/file"), sampleBytes(100, 1), { mode: 0o4750, mtimeNs });
    await place.source.put(path("old"), sampleBytes(100, 1), { mode: 0o640, mtimeNs: -1_500_000_001n });
    await place.source.put(path("shut"), sampleBytes(100, 1), { mode: 0o040, mtimeNs });
    await using mover = await Mover.open(subject, place);
    const listed = await mover.moveAll();
    await using back = await Mover.open(subject, { ...place, sourceUrl: place.targetUrl, source: place.target });
    const arrived = await back.list();
    expect(arrived.map((entry) => [entry.path, entry.attributes])).toEqual(
      listed.map((entry) => [entry.path, entry.attributes]),
    );
    expect(arrived.find((entry) => entry.path === "dir/file")?.attributes).toMatchObject({ mode: 0o4750, mtimeNs });
  });

  caseOf(subject, capabilities.attributes, "sealing sets the attributes of files that were there already", async () => {
    const place = await subject.createPlace();
    await place.source.put(path("file"), sampleBytes(100, 1), { mode: 0o600, mtimeNs: 1_000_000_007n });
    await place.target.put(path("file"), sampleBytes(100, 1), { mode: 0o644 });
    await using mover = await Mover.open(subject, place);
    const entry = await mover.entry(path("file"));
    expect((await mover.target.seal(mover.pack(entry), new Set(), never)).refused).toEqual([]);
    await using back = await Mover.open(subject, { ...place, sourceUrl: place.targetUrl, source: place.target });
    expect((await back.entry(path("file"))).attributes).toEqual(entry.attributes);
  });

  caseOf(subject, capabilities.xattrs, "extended attributes arrive, of files and of large ones", async () => {
    const place = await subject.createPlace();
    const xattrs = new Map([
      ["user.note", Buffer.from("hello")],
      ["user.binary", Buffer.from([0, 255, 10])],
    ]);
    await place.source.put(path("file"), sampleBytes(100, 1), { xattrs });
    await place.source.put(path("plain"), sampleBytes(100, 1));
    await using mover = await Mover.open(subject, place);
    await mover.moveAll();
    await using back = await Mover.open(subject, { ...place, sourceUrl: place.targetUrl, source: place.target });
    const seen = await back.source.observe(await back.entry(path("file")), never);
    expect(new Map(seen?.xattrs?.entries().map(([name, value]) => [name, value && Buffer.from(value)]))).toEqual(
      xattrs,
    );
    expect((await back.source.observe(await back.entry(path("plain")), never))?.xattrs?.size ?? 0).toBe(0);
  });
}
