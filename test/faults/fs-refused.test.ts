/** An entry that the target refuses in the middle of a pack: whoever takes the pack over knows that it was. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { jobState, openStateOf } from "../testbed/job-state.ts";
import { godwit } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { seededBytes } from "../testbed/trees.ts";

const MiB = 2 ** 20;
const crashMain = fileURLToPath(new URL("./crash-main.ts", import.meta.url));

test("killed when later blocks were confirmed: it ends once, and nothing of it is taken for written", async () => {
  const [source, target, state] = [tempDir("source"), tempDir("target"), tempDir("state")];
  mkdirSync(join(source, "between"));
  writeFileSync(join(source, "a"), seededBytes("a", MiB));
  writeFileSync(join(source, "between", "refused"), seededBytes("refused", MiB));
  writeFileSync(join(source, "z"), seededBytes("z", 40 * MiB));
  // A file where a directory should be.
  writeFileSync(join(target, "between"), "in the way");
  const args = ["copy", source, target, "--workers", "1"];
  // Slow enough that blocks of the last file are confirmed before it ends.
  const script = [crashMain, "after_blocks_recorded", "2"];
  const killed = await godwit([...args, "--limit", "16MB/s"], { state, script });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
  const before = (await jobState(state)).chunks.find(({ kind }) => kind === "pack");
  expect(before, "confirmed past the refused file").toMatchObject({ stage: "transfer" });
  expect(before?.receipts.count).toBeGreaterThan(2);

  const end = await godwit([...args, "--json"], { state });
  expect(end.exitCode, end.stderr).toBe(1);
  const { job } = await jobState(state);
  // The file, and the directory itself.
  expect(job.counters).toMatchObject({ "entries:unsupported": 2, "entries:verified": 3 });
  expect(job.counters.retries ?? 0).toBe(0);
  await using store = await openStateOf(state);
  const verdicts = await Array.fromAsync(store.verdicts(job.id));
  expect(new Set(verdicts.map(({ result }) => result))).toEqual(new Set(["match"]));
});
