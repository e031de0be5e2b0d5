import { expect, test } from "vitest";
import type { Entry } from "../model/entry.ts";
import { unpackItems } from "../model/item-codec.ts";
import { pathFromText } from "../model/path.ts";
import { Cutter } from "./cut.ts";

const MiB = 2 ** 20;

function entry(name: string, sizeBytes: number): Entry {
  const version = { kind: "stat", inode: 1n, mtimeNs: 0n, ctimeNs: 0n } as const;
  return { path: pathFromText(name), kind: "file", sizeBytes, version, attributes: null, link: null, sparse: false };
}

function cutter(wholeDigests = false): Cutter {
  return new Cutter({ chunkBytes: 64 * MiB, blockBytes: () => 8 * MiB, wholeDigests }, null);
}

test("small files share a pack up to 64 MiB, and what is larger gets a head of its own", () => {
  const cut = cutter();
  for (const [name, size] of [
    ["a", 40],
    ["b", 24],
    ["c", 1],
    ["d", 65],
  ] as const) {
    cut.add({ type: "move", entry: entry(name, size * MiB), compare: false, losses: [] });
  }
  const { chunks, listed, cursor } = cut.take(true);
  const shape = chunks.map(
    ({ kind, items }) =>
      `${kind} ${unpackItems(items)
        .map(({ entry: { path } }) => path)
        .join("")}`,
  );
  expect(shape.toSorted()).toEqual(["head d", "pack ab", "pack c"]);
  expect(listed).toEqual({ entries: 4, bytes: 130 * MiB });
  expect(cursor).toBe("d");
});

test("tables that end while they are planned stand in rows of their own, beside what is no table", () => {
  const cut = cutter();
  const ending = { outcome: "extra", evidence: "none", error: null } as const;
  const version = { kind: "object", etag: "", versionId: null, modifiedMs: 0 } as const;
  for (const kind of ["directory", "table"] as const)
    cut.add({ type: "settle", entry: { ...entry(kind, 8), kind, version }, ending });
  const rows = cut.take(true).chunks.map(({ kind, items, settled }) => ({
    kind,
    paths: unpackItems(items).map(({ entry: { path } }) => path),
    told: settled?.told.map(({ item, outcome }) => `${item} ${outcome}`),
  }));
  expect(rows.toSorted((a, b) => String(a.paths).localeCompare(String(b.paths)))).toEqual([
    { kind: "settled", paths: ["directory"], told: ["0 extra"] },
    { kind: "settled", paths: ["table"], told: ["0 extra"] },
  ]);
});

test("files of several blocks get a head of their own where each file is to have a digest of its own", () => {
  const cut = cutter(true);
  for (const [name, size] of [
    ["a", 8],
    ["b", 9],
    ["c", 1],
  ] as const) {
    cut.add({ type: "move", entry: entry(name, size * MiB), compare: false, losses: [] });
  }
  const shape = cut.take(true).chunks.map(
    ({ kind, items }) =>
      `${kind} ${unpackItems(items)
        .map((item) => item.entry.path)
        .join("")}`,
  );
  expect(shape.toSorted()).toEqual(["head b", "pack ac"]);
});

test("a pack ends at 4,096 entries, and says so", () => {
  const cut = cutter();
  for (let index = 0; index < 4_095; index += 1) {
    cut.add({ type: "move", entry: entry(`file-${index}`, 1), compare: false, losses: [] });
  }
  expect(cut.full).toBe(false);
  cut.add({ type: "move", entry: entry("last", 1), compare: false, losses: [] });
  expect(cut.full).toBe(true);
  expect(cut.take(false).chunks.map(({ items }) => items.count)).toEqual([4_096]);
});

test("what a target cannot hold of an entry travels with its row, in packs and in heads", () => {
  const cut = cutter();
  cut.add({ type: "move", entry: entry("plain", 1), compare: false, losses: [] });
  cut.add({ type: "move", entry: entry("small", 1), compare: false, losses: ["hardlink"] });
  cut.add({ type: "move", entry: entry("large", 100 * MiB), compare: false, losses: ["sparse"] });
  const { chunks } = cut.take(true);
  expect(chunks.find(({ kind }) => kind === "pack")?.lost).toEqual([{ item: 1, losses: ["hardlink"] }]);
  expect(chunks.find(({ kind }) => kind === "head")?.lost).toEqual([{ item: 0, losses: ["sparse"] }]);
});
