import * as fs from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { openFsSource } from "../../src/connectors/fs/connector.ts";
import { HardLinks } from "../../src/connectors/fs/hard-links.ts";
import { type Listed, Lister } from "../../src/connectors/fs/lister.ts";
import { sliceNames } from "../../src/connectors/fs/listing-protocol.ts";
import { LookAhead } from "../../src/connectors/fs/look-ahead.ts";
import { Root } from "../../src/connectors/fs/root.ts";
import { walk } from "../../src/connectors/fs/walk.ts";
import { makeFilter } from "../../src/model/filter.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { OpenOptions } from "../../src/ports/connector.ts";
import { defaultOptions, never } from "../conformance/place.ts";
import { path } from "../conformance/sample.ts";
import { becomeNobody, becomeRoot, type FsPlace, fsPlace, isRoot, openToAll } from "./fs-place.ts";

type Setting = Pick<OpenOptions, "links" | "include" | "exclude">;

const usual: Setting = { links: "preserve", include: [], exclude: [] };

interface Walked {
  readonly root: string;
  readonly setting: Setting;
  readonly after?: string | null;
  /** Steps of the walk before threads help it; null: none ever do. */
  readonly dueAfter: number | null;
  /** Called after that many steps, again and again. */
  readonly onStep?: (step: number) => void;
}

interface Result {
  readonly listed: readonly Listed[];
  /** What the walk looked at by itself. */
  readonly looks: number;
}

async function walked(options: Walked): Promise<readonly Listed[]> {
  return (await walkedWith(options)).listed;
}

/** All that a walk gives, or the error with which it ends. */
async function walkedWith({ root: bytes, setting, after = null, dueAfter, onStep }: Walked): Promise<Result> {
  const root = new Root(bytes);
  const filter = makeFilter(setting.include, setting.exclude);
  const links = new HardLinks(null);
  const lister = new Lister({ root, links: setting.links, filter }, (stat, name) => links.firstName(stat, name));
  const look = vi.spyOn(lister, "look");
  const enters = (directory: BytePath): boolean => filter.keeps(directory, true);
  await using ahead = new LookAhead({ data: { root: bytes, ...setting }, after, enters });
  const found: Listed[] = [];
  let step = 0;
  if (dueAfter === 0) ahead.makeDue();
  for (const listed of walk(lister, after, dueAfter === null ? null : ahead)) {
    if (listed === null) {
      await ahead.answered(never);
      continue;
    }
    found.push(listed);
    step += 1;
    if (step === dueAfter) ahead.makeDue();
    onStep?.(step);
  }
  return { listed: found, looks: look.mock.calls.length };
}

function keyed(listed: readonly Listed[]): readonly string[] {
  return listed.map((one) => ("entry" in one ? one.key : `${one.key}: ${one.problem.outcome}`));
}

const names = [
  "a",
  "a.b",
  "b",
  "c0",
  "skip",
  "x.log",
  "caf\u00c3\u00a9",
  "\u00ff",
  "name of more than thirteen characters",
];
const thing = fc.record({
  at: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom("file", "file", "file", "directory", "symlink", "hardlink"),
  to: fc.constantFrom("a", "b", "..", ".", "../..", "nowhere", "../b", "c0/a"),
});
const settings = fc.record({
  links: fc.constantFrom("preserve", "follow", "skip"),
  include: fc.constantFrom([], ["*.log"], ["b/"]),
  exclude: fc.constantFrom([], ["skip"], ["a/", "*.b"]),
});

function latin1(...parts: readonly string[]): Buffer {
  return Buffer.from(parts.join("/"), "latin1");
}

/** What cannot be made, because another thing has its place, is left out. */
function build(root: string, things: readonly { at: readonly string[]; kind: string; to: string }[]): void {
  let first: Buffer | null = null;
  for (const { at, kind, to } of things) {
    const where = latin1(root, ...at);
    try {
      fs.mkdirSync(latin1(root, ...at.slice(0, -1)), { recursive: true });
      if (kind === "directory") fs.mkdirSync(where);
      else if (kind === "symlink") fs.symlinkSync(to, where);
      else if (kind === "hardlink" && first !== null) fs.linkSync(first, where);
      else {
        fs.writeFileSync(where, to.repeat(at.length), { flag: "wx" });
        first ??= where;
      }
    } catch (error) {
      if (!["EEXIST", "ENOTDIR", "ENOENT", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

describe("a walk that threads look ahead of", () => {
  test("gives what a plain walk gives, on any tree, with any filter, rule for links and cursor", async () => {
    const trees = fc.array(thing, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(trees, settings, fc.nat(5), fc.nat(), async (things, setting, dueAfter, choice) => {
        // So deep that links which lead upwards stay in this test's own folder.
        const { from } = fsPlace();
        const root = join(from, "above", "tree");
        fs.mkdirSync(root, { recursive: true });
        build(root, things);
        const plain = await walked({ root, setting, dueAfter: null });
        expect(await walked({ root, setting, dueAfter })).toEqual(plain);
        const after = plain[choice % plain.length]?.key ?? null;
        const rest = await walked({ root, setting, after, dueAfter: null });
        expect(await walked({ root, setting, after, dueAfter })).toEqual(rest);
        fs.rmSync(from, { recursive: true });
      }),
      { numRuns: 40 },
    );
  });

  test("gives a directory of several slices, with directories between its files, whole and after any cursor", async () => {
    const { from: root } = fsPlace();
    const count = 2 * sliceNames + 500;
    for (let index = 0; index < count; index += 1) {
      const name = join(root, String(index).padStart(5, "0"));
      if (index % 700 !== 0) fs.writeFileSync(name, "x");
      else {
        fs.mkdirSync(name);
        fs.writeFileSync(join(name, "inside"), "y");
      }
    }
    const plain = await walked({ root, setting: usual, dueAfter: null });
    expect(plain.length).toBe(1 + count + Math.ceil(count / 700));
    for (const dueAfter of [0, 1, 10, 1_500]) {
      const { listed, looks } = await walkedWith({ root, setting: usual, dueAfter });
      expect(listed).toEqual(plain);
      expect(looks).toBeLessThanOrEqual(dueAfter + 1);
    }
    for (const at of [1, 700, sliceNames, sliceNames + 1, 2 * sliceNames + 400]) {
      const after = plain[at]?.key ?? null;
      expect(await walked({ root, setting: usual, after, dueAfter: 0 })).toEqual(plain.slice(at + 1));
    }
  });

  test("gives more directories than are held at once, deep ones among them", async () => {
    const { from: root } = fsPlace();
    for (let outer = 0; outer < 30; outer += 1) {
      for (let inner = 0; inner < 20; inner += 1) {
        const directory = join(root, `outer-${outer}`, `inner-${inner}`, "deep");
        fs.mkdirSync(directory, { recursive: true });
        for (let file = 0; file < 40; file += 1) fs.writeFileSync(join(directory, `file-${file}`), "");
      }
    }
    const plain = await walked({ root, setting: usual, dueAfter: null });
    expect(plain.length).toBe(1 + 30 + 30 * 20 * 42);
    const { listed, looks } = await walkedWith({ root, setting: usual, dueAfter: 100 });
    expect(listed).toEqual(plain);
    expect(looks).toBeLessThanOrEqual(101);
  });

  test("a directory that goes before it is listed is one vanished problem", async () => {
    const { from: root } = fsPlace();
    for (const name of ["a", "gone", "z"]) {
      fs.mkdirSync(join(root, name));
      fs.writeFileSync(join(root, name, "file"), "x");
    }
    // The root's names are known by then, and nothing else.
    const onStep = (step: number): void => {
      if (step === 1) fs.rmSync(join(root, "gone"), { recursive: true });
    };
    const found = await walked({ root, setting: usual, dueAfter: 1, onStep });
    expect(keyed(found)).toEqual(["", "a/", "a/file", "gone/: vanished", "z/", "z/file"]);
  });

  test("what goes while it is looked ahead is an entry or has vanished, each name once", async () => {
    const { from: root } = fsPlace();
    for (const name of ["a", "b", "z"]) {
      fs.mkdirSync(join(root, name));
      for (let file = 0; file < 500; file += 1) fs.writeFileSync(join(root, name, String(file)), "");
    }
    const onStep = (step: number): void => {
      if (step === 400) fs.rmSync(join(root, "z"), { recursive: true });
    };
    const found = await walked({ root, setting: usual, dueAfter: 10, onStep });
    const below = found.filter(({ key }) => key.startsWith("z/"));
    expect(new Set(below.map(({ key }) => key)).size).toBe(below.length);
    expect(below[0]?.key).toBe("z/");
    const outcomes = below.flatMap((one) => ("problem" in one ? [one.problem.outcome] : []));
    expect(outcomes.filter((outcome) => outcome !== "vanished")).toEqual([]);
  });

  test.skipIf(!isRoot)("a directory that may not be listed, or not be searched, fails the listing", async () => {
    const { from: root } = fsPlace();
    openToAll(root);
    fs.mkdirSync(join(root, "shut"));
    fs.writeFileSync(join(root, "shut", "file"), "x");
    for (const mode of [0o700, 0o744]) {
      fs.chmodSync(join(root, "shut"), mode);
      becomeNobody();
      const failure = { code: "listing_failed", disposition: "fatal", what: expect.stringContaining("shut") };
      await expect(walked({ root, setting: usual, dueAfter: 0 })).rejects.toMatchObject(failure);
      becomeRoot();
    }
  });

  test("a thread that dies is an error with a code, never a hang", async () => {
    const { from: root } = fsPlace();
    fs.mkdirSync(join(root, "a"));
    const lister = new Lister({ root: new Root(root), links: "preserve", filter: makeFilter([], []) }, () => null);
    // A pattern that is no text: the thread throws while it starts.
    const data = { root, links: "preserve", include: [42 as unknown as string], exclude: [] } as const;
    await using ahead = new LookAhead({ data, after: null, enters: () => true });
    ahead.makeDue();
    const steps = async (): Promise<void> => {
      for (const listed of walk(lister, null, ahead)) if (listed === null) await ahead.answered(never);
    };
    await expect(steps()).rejects.toMatchObject({ code: "lane_died", disposition: "fatal" });
    await expect(steps()).rejects.toMatchObject({ code: "lane_died" });
  });

  test("a listing that is stopped while it waits for its threads ends at once", async () => {
    const { from: root } = fsPlace();
    const data = { root, ...usual };
    await using ahead = new LookAhead({ data, after: null, enters: () => true });
    const stop = new AbortController();
    const waiting = ahead.answered(stop.signal);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

test.each(["the source is closed", "the listing is given up"])(
  "%s in the middle of a listing: its threads end",
  async (how) => {
    const place: FsPlace = fsPlace();
    for (let index = 0; index < 3_000; index += 1) fs.writeFileSync(join(place.from, String(index)), "");
    await place.source.put(path("z/last"), Buffer.from("x"));
    const threads: Worker[] = [];
    const onThread = (thread: Worker): void => void threads.push(thread);
    process.on("worker", onThread);
    onTestFinished(() => void process.off("worker", onThread));
    await using source = openFsSource(place.sourceUrl, defaultOptions, 0);
    const pages = source.plan(null, never)[Symbol.asyncIterator]();
    const first = (await pages.next()).value?.entries ?? [];
    expect(first.length).toBeGreaterThan(0);
    expect(first.length, "it is in the middle").toBeLessThan(3_000);
    expect(threads.map(({ threadId }) => threadId > 0)).toContain(true);
    if (how === "the source is closed") await source[Symbol.asyncDispose]();
    else await pages.return?.();
    expect(threads.filter(({ threadId }) => threadId > 0)).toEqual([]);
  },
);
