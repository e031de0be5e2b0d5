/**
 * `kill -9` in the middle of a copy. Invariants 1, 3 and 7: whatever the moment, the resumed job ends proven, no verified
 * chunk is sent again, and nothing that was confirmed is read from the source again.
 *
 * GODWIT_KILLS and GODWIT_KILL_MIB make it longer: how many random kills, and of how large a tree.
 */
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { confirmedBytes, jobState, repeatedTransfers } from "../testbed/job-state.ts";
import { godwit, startGodwit } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { makeTree } from "../testbed/trees.ts";
import { crashPoints } from "./crash-store.ts";
import { killAfter, randomFrom } from "./kill-at-random.ts";

const MiB = 2 ** 20;
const crashMain = fileURLToPath(new URL("./crash-main.ts", import.meta.url));
const kills = Number(process.env["GODWIT_KILLS"] ?? "4");
const treeMiB = Number(process.env["GODWIT_KILL_MIB"] ?? "256");
const seed = Number(process.env["GODWIT_SEED"] ?? "20261120");
/** The whole tree in about 4.5 s: blocks are confirmed, and chunks verified, while others are in flight. */
const limit = `${Math.round((treeMiB * 1.048576) / 4.5)}MB/s`;
/** A lane is at one for a second or two: long enough for blocks to be confirmed on the way. */
const chunks = ["--chunk-size", `${Math.round(treeMiB / 8)}MiB`, "--workers", "3"] as const;
/** Kills fall well inside of those seconds. */
const killMsMin = 300;
const killMsMax = 3_300;

export interface KillSubject {
  /** Buckets hold no links. */
  readonly links: boolean;
  newTarget(): Promise<KillTarget>;
}

export interface KillTarget {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Waits until the target has done all that the killed process had asked of it. */
  readonly settled?: () => Promise<void>;
  /** An independent client compares every byte. */
  readonly expectEqual: (source: string) => Promise<void>;
}

interface Place extends KillTarget {
  readonly source: string;
  readonly state: string;
}

export function killContract(subject: KillSubject): void {
  let source = "";
  beforeAll(() => {
    source = tempDir("source");
    const large = [Math.round(treeMiB * 0.6) * MiB + 17, Math.round(treeMiB * 0.39) * MiB];
    makeTree(source, "kill", { large, small: 600, links: subject.links });
  });
  const newPlace = async (): Promise<Place> => ({ ...(await subject.newTarget()), source, state: tempDir("state") });

  for (const point of crashPoints) {
    test(`killed ${point}: the job ends proven, nothing confirmed is read again`, async () => {
      const place = await newPlace();
      const { url, env, state } = place;
      const script = [crashMain, point, "2"];
      const killed = await godwit(["copy", source, url, ...chunks, "--limit", limit], { state, env, script });
      expect(killed.signal, killed.stderr).toBe("SIGKILL");
      await resumeAndProve(place);
    });
  }

  const random = randomFrom(seed);
  for (let round = 1; round <= kills; round += 1) {
    const afterMs = killMsMin + Math.floor(random() * (killMsMax - killMsMin));
    test(`random kill ${round} (seed ${seed}), ${afterMs} ms after the first lease`, async () => {
      const place = await newPlace();
      const { url, env, state } = place;
      const running = startGodwit(["copy", source, url, ...chunks, "--limit", limit], { state, env });
      const killed = await killAfter(running, state, afterMs);
      expect(killed.signal, killed.stderr).toBe("SIGKILL");
      await resumeAndProve(place);
    });
  }
}

async function resumeAndProve({ source, url, env, state, settled, expectEqual }: Place): Promise<void> {
  await settled?.();
  const before = await jobState(state);
  expect(before.job.status, "the job was in mid-flight").toMatch(/planning|running/);
  const open = before.chunks.filter((chunk) => chunk.stage !== "done");
  expect(open.length, "work was in flight").toBeGreaterThan(0);

  const resumed = await godwit(["copy", source, url, ...chunks, "--json"], { state, env });
  expect(resumed.exitCode, resumed.stderr).toBe(0);
  const after = await jobState(state);
  expect(after.job.status).toBe("complete");
  expect(after.job.runs).toBe(before.job.runs + 1);
  expect(repeatedTransfers(after)).toEqual([]);
  const readAgain = (after.job.counters.sourceBytesRead ?? 0) - (before.job.counters.sourceBytesRead ?? 0);
  const listed = after.job.counters.listedBytes ?? 0;
  expect(readAgain, "confirmed blocks are never read again").toBeLessThanOrEqual(listed - confirmedBytes(before));
  await expectEqual(source);
}
