import { expect } from "vitest";
import { type BytePath, orderKey } from "../../src/model/path.ts";
import type { PlanPage } from "../../src/ports/source.ts";
import { caseOf, type ContractPlace, type ContractSubject, Mover, never } from "./place.ts";
import { oddNames, path, sampleBytes } from "./sample.ts";

const files = ["a", "a.b", "a0", "b/x", "b/c/deep", "b.c", "b0/y", "z"].map(path);

async function filled(subject: ContractSubject, names: readonly BytePath[]): Promise<ContractPlace> {
  const place = await subject.createPlace();
  for (const name of names) await place.source.put(name, Buffer.from(`content of ${name}`, "latin1"));
  return place;
}

function keysOf(pages: readonly PlanPage[]): readonly string[] {
  return pages.flatMap(({ entries }) => entries.map((entry) => orderKey(entry.path, entry.kind === "directory")));
}

export function listingContract(subject: ContractSubject): void {
  const { capabilities } = subject;

  caseOf(
    subject,
    true,
    "lists every entry once, in byte order of its key, a directory before what is in it",
    async () => {
      await using mover = await Mover.open(subject, await filled(subject, files));
      const keys = keysOf(await mover.pages());
      expect(keys).toEqual(keys.toSorted());
      expect(new Set(keys).size).toBe(keys.length);
      const directories = capabilities.directories ? ["", "b/", "b/c/", "b0/"] : [];
      expect(keys).toEqual([...files, ...directories].toSorted());
    },
  );

  caseOf(subject, true, "continues after any cursor with exactly the rest", async () => {
    await using mover = await Mover.open(subject, await filled(subject, files));
    const keys = keysOf(await mover.pages());
    for (const cursor of keys) {
      expect(keysOf(await mover.pages(cursor)), `after ${cursor}`).toEqual(keys.filter((key) => key > cursor));
    }
    expect(keysOf(await mover.pages("b/nothing-of-this-name"))).toEqual(
      keys.filter((key) => key > "b/nothing-of-this-name"),
    );
  });

  caseOf(
    subject,
    true,
    "gives pages whose cursor is that of their last entry, and that together are the whole",
    async () => {
      const many = Array.from({ length: 2_300 }, (_, index) => path(`many/${String(index).padStart(5, "0")}`));
      await using mover = await Mover.open(subject, await filled(subject, many));
      const pages = await mover.pages();
      expect(pages.length).toBeGreaterThan(1);
      for (const page of pages) {
        const last = page.entries.at(-1);
        expect(last && orderKey(last.path, last.kind === "directory")).toBe(page.cursor);
      }
      expect(keysOf(pages).filter((key) => !key.endsWith("/") && key !== "")).toEqual(many);
    },
  );

  caseOf(subject, true, "gives sizes, versions and kinds that stay the same while nothing changes", async () => {
    const place = await filled(subject, files);
    await place.source.put(path("big"), sampleBytes(3_000_000));
    await using mover = await Mover.open(subject, place);
    const first = await mover.list();
    expect(first.find((entry) => entry.path === "big")).toMatchObject({
      kind: "file",
      sizeBytes: 3_000_000,
      link: null,
    });
    expect(await mover.list()).toEqual(first);
  });

  caseOf(
    subject,
    capabilities.hardLinks,
    "gives a later name of a file the size and version of the file, and the first name as its link",
    async () => {
      const place = await filled(subject, []);
      await place.source.put(path("a"), sampleBytes(5_000));
      await place.source.hardLink?.(path("a"), path("b"));
      await using mover = await Mover.open(subject, place);
      const [first, second] = [await mover.entry(path("a")), await mover.entry(path("b"))];
      expect(first).toMatchObject({ kind: "file", sizeBytes: 5_000, link: null });
      expect(second).toEqual({ ...first, path: "b", kind: "hardlink", link: "a" });
      expect((await mover.source.observe(second, never))?.entry).toEqual(second);
    },
  );

  caseOf(subject, true, "lists names byte for byte", async () => {
    const names = oddNames(capabilities);
    await using mover = await Mover.open(subject, await filled(subject, names));
    const listed = (await mover.list()).filter(({ kind }) => kind === "file").map((entry) => entry.path);
    expect(listed).toEqual([...names].toSorted());
  });

  caseOf(subject, true, "counts what a filter leaves out, and goes into no directory that is left out", async () => {
    const names = ["keep/a.txt", "keep/b.log", "skip/c.txt", "deep/skip/d.txt", "e.txt"].map(path);
    const place = await filled(subject, names);
    await using mover = await Mover.open(subject, place, { include: ["*.txt"], exclude: ["skip"] });
    const pages = await mover.pages();
    const kept = pages.flatMap(({ entries }) => entries).filter(({ kind }) => kind === "file");
    expect(kept.map((entry) => entry.path)).toEqual(["e.txt", "keep/a.txt"]);
    const problems = pages.flatMap((page) => page.problems);
    expect(problems.every(({ outcome, error }) => outcome === "filtered" && error === null)).toBe(true);
    const left = problems.map((problem) => orderKey(problem.path, problem.isDirectory));
    const expected = capabilities.directories
      ? ["deep/skip/", "keep/b.log", "skip/"]
      : ["deep/skip/d.txt", "keep/b.log", "skip/c.txt"];
    expect(left).toEqual(expected);
    expect(problems.find((problem) => problem.path === "keep/b.log")?.sizeBytes).toBe("content of keep/b.log".length);
  });

  caseOf(subject, true, "an empty place is an empty listing, not an error", async () => {
    const place = await subject.createPlace();
    await using mover = await Mover.open(subject, { ...place, sourceUrl: place.emptyUrl ?? place.sourceUrl });
    expect((await mover.list()).filter((entry) => entry.path !== "")).toEqual([]);
  });

  caseOf(subject, capabilities.absence, "a place that is not there is an error, never an empty listing", async () => {
    const place = await filled(subject, files);
    const listed = async (): Promise<unknown> => {
      await using mover = await Mover.open(subject, { ...place, sourceUrl: place.absentUrl ?? "" });
      return await mover.pages();
    };
    await expect(listed()).rejects.toMatchObject({ code: "source_missing", disposition: "fatal" });
  });

  caseOf(subject, true, "observes an entry as it is now, and null once it is gone", async () => {
    const place = await filled(subject, files);
    await using mover = await Mover.open(subject, place);
    const entry = await mover.entry(path("b/x"));
    const signal = new AbortController().signal;
    expect((await mover.source.observe(entry, signal))?.entry).toEqual(entry);
    await place.source.put(path("b/x"), Buffer.from("something of another length"));
    const changed = await mover.source.observe(entry, signal);
    expect(changed?.entry.sizeBytes).toBe(27);
    expect(changed?.entry.version).not.toEqual(entry.version);
    await place.source.remove(path("b/x"));
    expect(await mover.source.observe(entry, signal)).toBeNull();
  });
}
