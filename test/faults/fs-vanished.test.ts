/** A partial file that somebody removes in the middle: what was confirmed in it is void, and nothing else is. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { jobState } from "../testbed/job-state.ts";
import { godwit } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

const MiB = 2 ** 20;
const crashMain = fileURLToPath(new URL("./crash-main.ts", import.meta.url));

test("of an entry that is half copied in a pack: that entry alone starts anew, and the job ends proven", async () => {
  const [source, target, state] = [tempDir("source"), join(tempDir("target"), "copy"), tempDir("state")];
  makeTree(source, "vanished", { large: [40 * MiB], small: 30, links: false });
  // Slow enough that blocks are confirmed before the entry ends.
  const args = ["copy", source, target, "--limit", "16MB/s", "--workers", "1"];
  const killed = await godwit(["after_blocks_recorded", "1", ...args], { state, script: [crashMain] });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
  const before = await jobState(state);
  const pack = before.chunks.find(({ kind }) => kind === "pack");
  expect(pack?.receipts.count, "some of its five blocks are confirmed").toBeGreaterThan(0);
  expect(pack?.receipts.count).toBeLessThan(5);
  for (const name of readdirSync(target)) if (name.endsWith(".part")) rmSync(join(target, name));

  const end = await godwit(["copy", source, target], { state });
  expect(end.exitCode, end.stderr).toBe(0);
  expect(fingerprint(target)).toEqual(fingerprint(source));
  const { chunks } = await jobState(state);
  const endings = chunks.find(({ chunkId }) => chunkId === pack?.chunkId)?.endings;
  expect(endings).toMatchObject([{ item: 0, again: true, error: { code: "upload_vanished" } }]);
});
