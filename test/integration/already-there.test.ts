/** What stands on the target before the copy, with the same content: it is proven like the rest, and told like the rest. */
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStateOf } from "../testbed/job-state.ts";
import { godwit, startGodwit } from "../testbed/program.ts";
import type { Place } from "../testbed/place.ts";
import { newestReport } from "../testbed/report.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { describeWithTools } from "../testbed/suites.ts";
import { seededBytes } from "../testbed/trees.ts";
import { getXattr, setXattr } from "../testbed/xattrs.ts";

const MB = 1_000_000;
/** One that shares a row with others, and one that has its own. */
const sizes = [
  ["small", 1000],
  ["large", 70 * MB],
] as const;
/** Root without its rights over other people's files is a plain user to them. */
const asPlainUser = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-chown,-fowner"];
const somebodyElse = 65_534;
function newPlace(): Place {
  return { source: tempDir("source"), target: tempDir("target"), state: tempDir("state") };
}

/** One file of the same bytes on both sides. */
function samePlace(bytes: number): Place {
  const place = newPlace();
  for (const root of [place.source, place.target]) writeFileSync(join(root, "file"), Buffer.alloc(bytes, "the same"));
  return place;
}

/** The target's file is another user's, with this mode. */
function giveAway({ target }: Place, mode: number): void {
  chmodSync(join(target, "file"), mode);
  chownSync(join(target, "file"), somebodyElse, somebodyElse);
}

/** One pack: its first file is there already, the others are not, and take some seconds to be read. */
function partlyThere(): Place {
  const place = newPlace();
  for (const name of ["a", "b", "c", "d", "e", "f"]) {
    writeFileSync(join(place.source, name), seededBytes(name, MB));
    writeFileSync(join(place.target, name), seededBytes(name === "a" ? name : `old ${name}`, MB));
  }
  return place;
}

test("a file that is there already keeps its digest and its outcome while its pack is confirmed piece by piece", async () => {
  const place = partlyThere();
  const end = await godwit(["copy", place.source, place.target, "--limit", "4MB/s"], place);
  expect(end).toMatchObject({ exitCode: 0 });
  const { body, entries } = await newestReport(place.state);
  expect(body).toMatchObject({ overall_status: "pass" });
  const outcomes = Object.fromEntries(entries.map(({ path, outcome }) => [path, outcome]));
  expect(outcomes).toMatchObject({ a: "identical", b: "verified", f: "verified" });
  expect(entries.every(({ kind, sha256 }) => kind !== "file" || sha256 !== null)).toBe(true);
});

test("it is not taken for damaged after the process was killed in mid-pack", async () => {
  const place = partlyThere();
  const running = startGodwit(["copy", place.source, place.target, "--limit", "1MB/s"], place);
  const receipts = async (): Promise<number> => {
    await using store = await openStateOf(place.state);
    const [job] = await store.jobs();
    if (job === undefined) return 0;
    const chunks = await Array.fromAsync(store.chunks(job.id));
    return Math.max(0, ...chunks.filter(({ stage }) => stage === "transfer").map((chunk) => chunk.receipts.count));
  };
  await expect.poll(() => receipts().catch(() => 0), { timeout: 20_000 }).toBeGreaterThan(0);
  running.child.kill("SIGKILL");
  await running.end;
  const end = await godwit(["copy", place.source, place.target], place);
  expect(end).toMatchObject({ exitCode: 0 });
  const { body, entries } = await newestReport(place.state);
  expect(body).toMatchObject({ overall_status: "pass", totals: { mismatches: 0 } });
  expect(entries.find(({ path }) => path === "a")).toMatchObject({ outcome: "identical" });
});

describeWithTools("extended attributes of what is there already", ["attr"], () => {
  test.each(sizes)("its extended attributes are brought in line: %s", async (_, bytes) => {
    const place = samePlace(bytes);
    setXattr(join(place.source, "file"), "user.note", "kept");
    setXattr(join(place.target, "file"), "user.note", "old");
    expect(await godwit(["copy", place.source, place.target], place)).toMatchObject({ exitCode: 0 });
    expect(getXattr(join(place.target, "file"), "user.note").toString()).toBe("kept");
  });
});

test.each(sizes)("attributes that cannot be set on it are told as lost: %s", async (_, bytes) => {
  const place = samePlace(bytes);
  chmodSync(join(place.source, "file"), 0o640);
  giveAway(place, 0o644);
  const end = await godwit(["copy", place.source, place.target], { ...place, through: asPlainUser });
  expect(end).toMatchObject({ exitCode: 0 });
  const { entries, exceptions } = await newestReport(place.state);
  expect(entries).toContainEqual(expect.objectContaining({ path: "file", outcome: "identical" }));
  const lost = exceptions.filter(({ path, outcome }) => path === "file" && outcome === "lost");
  expect(lost.flatMap((exception) => exception.lost)).toContain("mode");
});

test.each(sizes)("check says why it could not read one side, and does not call it different: %s", async (_, bytes) => {
  const place = samePlace(bytes);
  giveAway(place, 0o600);
  const end = await godwit(["check", place.source, place.target], { ...place, through: asPlainUser });
  expect(end).toMatchObject({ exitCode: 1 });
  const { entries, exceptions } = await newestReport(place.state);
  expect(entries).toContainEqual(expect.objectContaining({ path: "file", outcome: "failed" }));
  const told = exceptions.filter(({ path }) => path === "file");
  expect(told.map(({ error }) => error?.code)).toEqual(["unreadable"]);
});
