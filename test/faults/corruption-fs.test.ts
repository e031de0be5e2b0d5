/**
 * Bytes that another process damages at rest: found by the stage whose work it is, and only the damaged chunk is sent
 * again. Invariant 2. Godwit's own digests are never touched: the damage is on the disk.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { VerdictRecord } from "../../src/ports/store.ts";
import { godwit } from "../testbed/program.ts";
import { type JobState, jobState, openStateOf } from "../testbed/job-state.ts";
import { flipBit, type Place } from "../testbed/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree, seededBytes } from "../testbed/trees.ts";
import type { CrashPoint } from "./crash-store.ts";

const MiB = 2 ** 20;
const crashMain = fileURLToPath(new URL("./crash-main.ts", import.meta.url));
const options = ["--chunk-size", "16MiB", "--workers", "2"] as const;

function newPlace(): Place {
  const source = tempDir("source");
  makeTree(source, "corruption", { large: [50 * MiB], small: 40, links: false });
  return { source, target: join(tempDir("target"), "copy"), state: tempDir("state") };
}

async function crash(
  { source, target, state }: Place,
  [point, nth]: readonly [CrashPoint, number],
  more: readonly string[],
): Promise<void> {
  const killed = await godwit([point, String(nth), "copy", source, target, ...options, ...more], {
    state,
    script: [crashMain],
  });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
}

/** Transfers of ranges and packs that ended well, in all runs. */
function transfers({ attempts, chunks }: JobState): number {
  const moving = new Set(
    chunks.filter((chunk) => chunk.kind === "range" || chunk.kind === "pack").map((chunk) => chunk.chunkId),
  );
  return attempts.filter(
    (attempt) => attempt.stage === "transfer" && attempt.why === "done" && moving.has(attempt.chunkId),
  ).length;
}

async function verdictsOf(state: string): Promise<readonly VerdictRecord[]> {
  await using store = await openStateOf(state);
  const [job] = await store.jobs();
  if (job === undefined) throw new Error("no job");
  return await Array.fromAsync(store.verdicts(job.id));
}

async function mismatches(state: string): Promise<readonly string[]> {
  const verdicts = await verdictsOf(state);
  return verdicts.filter((verdict) => verdict.result === "mismatch").map((verdict) => verdict.stage);
}

describe("damage at rest on the target", () => {
  test("before read-back: the damaged range alone is sent again", async () => {
    const place = newPlace();
    // There is one pack: the third chunk to be read back is a range, whatever the order.
    await crash(place, ["claimed_verify", 3], []);
    const partial = readdirSync(place.target).find(
      (name) => name.startsWith(".godwit.") && isLarge(join(place.target, name)),
    );
    expect(partial, "the large file is staged").toBeDefined();
    const before = await jobState(place.state);
    const waiting = before.chunks.find((chunk) => chunk.kind === "range" && chunk.stage === "verify");
    flipBit(join(place.target, partial as string), (waiting?.offset ?? 0) + 5 * MiB);
    expect(waiting, "a range was not yet read back").toBeDefined();
    await expectRepaired(place, before, ["verify"], []);
  });

  test("between read-back and --reconcile: found by the last pass, the damaged range alone is sent again", async () => {
    const place = newPlace();
    await crash(place, ["claimed_reconcile", 1], ["--reconcile"]);
    flipBit(join(place.target, "large-0.bin"), 20 * MiB);
    await expectRepaired(place, await jobState(place.state), ["reconcile"], ["--reconcile"]);
  });

  test("between read-back and --reconcile, in a small file: that file alone is sent again", async () => {
    const place = newPlace();
    await crash(place, ["claimed_reconcile", 1], ["--reconcile"]);
    flipBit(join(place.target, "many", "small 31.dat"), 7);
    await expectRepaired(place, await jobState(place.state), ["reconcile"], ["--reconcile"]);
  });

  test("removed between read-back and --reconcile: sent again, and nobody says that it matched", async () => {
    const place = newPlace();
    await crash(place, ["claimed_reconcile", 1], ["--reconcile"]);
    rmSync(join(place.target, "large-0.bin"));
    rmSync(join(place.target, "many", "small 31.dat"));
    const args = ["copy", place.source, place.target, ...options, "--reconcile"];
    const end = await godwit(args, { state: place.state });
    expect(end.exitCode, end.stderr).toBe(0);
    expect(fingerprint(place.target)).toEqual(fingerprint(place.source));
    const verdicts = await verdictsOf(place.state);
    const missing = verdicts.filter(({ result }) => result === "inconclusive");
    // Each range of the large file, unless its repair came first, and the pack.
    expect(new Set(missing.map(({ path, stage }) => [path, stage].join()))).toEqual(
      new Set([",reconcile", "large-0.bin,reconcile"]),
    );
    expect(new Set(missing.map(({ targetDigest }) => targetDigest))).toEqual(new Set([""]));
    const rows = (await jobState(place.state)).chunks.filter(
      ({ kind, state }) => kind === "range" && state !== "failed",
    );
    for (const { chunkId } of rows)
      expect(verdicts.findLast((verdict) => verdict.chunkId === chunkId)).toMatchObject({ result: "match" });
  });
});

async function expectRepaired(
  place: Place,
  before: JobState,
  found: readonly string[],
  more: readonly string[],
): Promise<void> {
  const { source, target, state } = place;
  const end = await godwit(["copy", source, target, ...options, ...more, "--json"], { state });
  expect(end.exitCode, end.stderr).toBe(0);
  expect(await mismatches(state), "kept in the history").toEqual(found);
  const after = await jobState(state);
  const openBefore = before.chunks.filter(
    (chunk) => (chunk.kind === "range" || chunk.kind === "pack") && chunk.stage === "transfer",
  ).length;
  expect(transfers(after) - transfers(before), "one more transfer than was open").toBe(openBefore + 1);
  expect(fingerprint(target)).toEqual(fingerprint(source));
}

function isLarge(path: string): boolean {
  return statSync(path).size > 8 * MiB;
}

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)("damage at rest on the source's medium, under an unchanged version", () => {
  test("prehash: the second read differs, and the file is not called proven", async () => {
    const disk = tempDir("disk");
    const image = join(disk, "image");
    const mount = join(disk, "mount");
    mkdirSync(mount);
    execFileSync("truncate", ["-s", "96M", image]);
    execFileSync("mkfs.ext4", ["-q", "-F", image]);
    const attach = (): void => void execFileSync("mount", ["-o", "loop", image, mount]);
    const detach = (): void => void execFileSync("umount", [mount]);
    attach();
    const place: Place = { source: join(mount, "tree"), target: join(disk, "copy"), state: tempDir("state") };
    try {
      mkdirSync(place.source);
      const marked = seededBytes("marked", 20 * MiB);
      writeFileSync(join(place.source, "marked.bin"), marked);
      writeFileSync(join(place.source, "sound.bin"), seededBytes("sound", 20 * MiB));
      // One lane: when bytes are first sent (after the directory), every chunk has been read once.
      const evidence = ["--source-evidence", "prehash", "--workers", "1"];
      await crash(place, ["claimed_transfer", 2], evidence);
      detach();
      flipBit(image, positionOf(image, marked.subarray(9 * MiB, 9 * MiB + 4096)));
      attach();
      const end = await godwit(["copy", place.source, place.target, ...options, ...evidence, "--json"], {
        state: place.state,
      });
      expect(end.exitCode, end.stderr).toBe(1);
      const { outcomes } = JSON.parse(end.stdout) as { outcomes: Record<string, { entries: number }> };
      expect(outcomes["failed"]?.entries).toBe(1);
      expect(outcomes["verified"]?.entries, "the root and the sound file").toBe(2);
      expect(readdirSync(place.target)).not.toContain("marked.bin");
      expect(readdirSync(place.target)).toContain("sound.bin");
    } finally {
      detach();
    }
  });
});

/** Where these bytes lie on the medium. */
function positionOf(image: string, needle: Uint8Array): number {
  const fd = openSync(image, "r");
  const window = Buffer.alloc(8 * MiB);
  for (let at = 0; ; at += 4 * MiB) {
    const got = readSync(fd, window, 0, window.length, at);
    const found = window.subarray(0, got).indexOf(needle);
    if (found >= 0) {
      closeSync(fd);
      return at + found + 100;
    }
    if (got < window.length) throw new Error("the file's bytes are not on the medium");
  }
}
