/**
 * Read-only files, moved by a user who may not write to them once they have their mode: whoever is not root. Whatever
 * makes it write to them a second time, a kill or bytes that came back damaged, they arrive. Invariant 1.
 */
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { asPlainUser, godwit } from "../testbed/program.ts";
import { flipBit, type Place } from "../testbed/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, seededBytes } from "../testbed/trees.ts";
import type { CrashPoint } from "./crash-store.ts";

const MiB = 2 ** 20;
const crashMain = fileURLToPath(new URL("./crash-main.ts", import.meta.url));
const options = ["--chunk-size", "16MiB", "--workers", "1"] as const;

/** Only its own packs, or only a large file: so that each crash point is met where it is meant. */
function newPlace(kind: "small" | "large"): Place {
  const source = tempDir("source");
  mkdirSync(join(source, "inner"));
  const sizes = kind === "large" ? [20 * MiB] : [0, 1, 70_000, 9 * MiB];
  for (const [index, sizeBytes] of sizes.entries()) {
    const path = join(source, "inner", `file-${index}`);
    writeFileSync(path, seededBytes(`read-only ${index}`, sizeBytes));
    chmodSync(path, index % 2 === 0 ? 0o444 : 0o400);
  }
  return { source, target: join(tempDir("target"), "copy"), state: tempDir("state") };
}

async function crash(
  { source, target, state }: Place,
  at: readonly [CrashPoint, number],
  more: readonly string[] = [],
) {
  const args = [at[0], String(at[1]), "copy", source, target, ...options, ...more];
  const killed = await godwit(args, { state, script: [crashMain], through: asPlainUser });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
}

async function expectDone({ source, target, state }: Place, more: readonly string[] = []): Promise<void> {
  const end = await godwit(["copy", source, target, ...options, ...more], { state, through: asPlainUser });
  expect(end.exitCode, `${end.stdout}${end.stderr}`).toBe(0);
  expect(fingerprint(target)).toEqual(fingerprint(source));
}

/** Keeps the mode, too. */
function flip(path: string, offset: number): void {
  chmodSync(path, 0o600);
  flipBit(path, offset);
  chmodSync(path, 0o444);
}

describe("read-only files and a user who is not root", () => {
  for (const kind of ["small", "large"] as const) {
    // The first task that transfers anything makes the directories.
    for (const point of [
      ["before_transfer_recorded", 2],
      ["after_transfer_recorded", 2],
      ["before_verdict_recorded", 1],
      ["before_publish_recorded", 1],
    ] as const) {
      test(`${kind} ones, killed ${point[0]}: they arrive when the job goes on`, async () => {
        const place = newPlace(kind);
        await crash(place, point);
        await expectDone(place);
      });
    }
  }

  test("small ones that came back damaged are sent again", async () => {
    const place = newPlace("small");
    await crash(place, ["claimed_verify", 1]);
    const inner = join(place.target, "inner");
    const staged = readdirSync(inner).find((name) => {
      const fd = openSync(join(inner, name), "r");
      try {
        return name.startsWith(".godwit.") && readSync(fd, Buffer.alloc(1), 0, 1, 8 * MiB) === 1;
      } finally {
        closeSync(fd);
      }
    });
    expect(staged, "the largest is staged").toBeDefined();
    flip(join(inner, staged as string), 5 * MiB);
    await expectDone(place);
  });

  test("a partial file that somebody gave a second name keeps its mode, which is that name's too", async () => {
    const place = newPlace("small");
    await crash(place, ["before_transfer_recorded", 2]);
    const [inner, others] = [join(place.target, "inner"), tempDir("others")];
    const names = readdirSync(inner);
    expect(names).toHaveLength(4);
    for (const name of names) linkSync(join(inner, name), join(others, name));
    const modes = (): readonly number[] => names.map((name) => statSync(join(others, name)).mode & 0o7777);
    const before = modes();
    expect(new Set(before)).toEqual(new Set([0o400, 0o444]));
    const { source, target, state } = place;
    const end = await godwit(["copy", source, target, ...options], { state, through: asPlainUser });
    expect(end, end.stderr).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("target_unwritable") });
    expect(modes()).toEqual(before);
  });

  test("a large one that --reconcile finds damaged is repaired", async () => {
    const place = newPlace("large");
    await crash(place, ["claimed_reconcile", 1], ["--reconcile"]);
    flip(join(place.target, "inner", "file-0"), 17 * MiB);
    await expectDone(place, ["--reconcile"]);
  });
});
