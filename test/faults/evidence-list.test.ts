/**
 * A list of checksums that somebody made before the copy (`sha256sum`) finds what a directory gives wrong since then:
 * bytes that rotted under an unchanged version. Invariant 2. Lists are made by sha256sum itself.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { flip } from "../conformance/s3-tree.ts";
import { godwit } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, seededBytes } from "../testbed/trees.ts";
import { copyWithReport, type Finding, MiB } from "./evidence-place.ts";

const crashMain = [fileURLToPath(new URL("./crash-main.ts", import.meta.url))];
const mismatch = expect.objectContaining({ code: "source_evidence_mismatch" });

interface Place {
  readonly source: string;
  readonly target: string;
  readonly list: string;
  readonly state: string;
}

function newPlace(files: Readonly<Record<string, Uint8Array | string>>): Place {
  const source = tempDir("source");
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(join(source, name, ".."), { recursive: true });
    writeFileSync(join(source, name), bytes);
  }
  return {
    source,
    target: join(tempDir("target"), "copy"),
    list: join(tempDir("list"), "SHA256SUMS"),
    state: tempDir("state"),
  };
}

/** What `find . -type f | sha256sum` gives in the root of the source. */
function listed({ source }: Place, ...more: readonly string[]): Buffer {
  const files = execFileSync("find", [".", "-type", "f", "-print0"], { cwd: source });
  return execFileSync("xargs", ["-0", "sha256sum", ...more], { cwd: source, input: files });
}

function copy({ source, target, list, state }: Place, more: readonly string[] = []): Promise<Finding> {
  return copyWithReport([source, target, "--source-evidence", list, ...more], { state });
}

/** As a medium rots: its time, size and inode stay. */
function rot(path: string, offset: number): void {
  const { atime, mtime } = statSync(path);
  flip(path, offset);
  utimesSync(path, atime, mtime);
}

const evidenceIn = ({ entries }: Finding): Readonly<Record<string, string>> =>
  Object.fromEntries([...entries.values()].flatMap(({ path, evidence }) => (path === "" ? [] : [[path, evidence]])));

/** Everything on the target, staged files as well. */
const namesOn = ({ target }: Place): readonly string[] =>
  readdirSync(target, { recursive: true }).map(String).toSorted();

describe("a list that is right", () => {
  const names = [
    "plain",
    "in/side",
    "two  spaces",
    "*star",
    "new\nline",
    "back\\slash",
    "carriage\rreturn",
    "\\n",
    "é",
    "#hash",
  ];

  test.each([
    ["in text mode", []],
    ["in binary mode", ["-b"]],
  ])("%s carries names of every sort, and the report says manifest for each file", async (_, mode) => {
    const place = newPlace(Object.fromEntries([...names, "empty"].map((name) => [name, name === "empty" ? "" : name])));
    symlinkSync("plain", join(place.source, "link"));
    writeFileSync(place.list, listed(place, ...mode));
    const found = await copy(place);
    expect(found.end.exitCode, found.end.stderr).toBe(0);
    expect(found.passed).toBe(true);
    expect(evidenceIn(found)).toEqual({
      ...Object.fromEntries([...names, "empty"].map((name) => [name, "manifest"])),
      link: "one_read",
      in: "one_read",
    });
    expect(fingerprint(place.target)).toEqual(fingerprint(place.source));
  });

  test("a name that is no text is found by its bytes", async () => {
    const place = newPlace({ plain: "plain" });
    writeFileSync(Buffer.concat([Buffer.from(`${place.source}/n`), Buffer.from([0xff, 0xe9])]), "bytes");
    writeFileSync(place.list, listed(place));
    const found = await copy(place);
    expect(found.end.exitCode, found.end.stderr).toBe(0);
    expect(Object.values(evidenceIn(found))).toEqual(["manifest", "manifest"]);
  });

  test("may have upper-case digits, comments, blank lines and line ends of another system", async () => {
    const place = newPlace({ a: "a", b: "b" });
    const lines = listed(place).toString().trim().split("\n");
    const upper = lines.map((line) => line.slice(0, 64).toUpperCase() + line.slice(64));
    writeFileSync(place.list, ["# made by hand", "", ...upper].join("\r\n"));
    expect(evidenceIn(await copy(place))).toEqual({ a: "manifest", b: "manifest" });
  });

  test("a carriage return inside of a name may stand there as it is, as older programs wrote it", async () => {
    const place = newPlace({ "carriage\rreturn": "x" });
    writeFileSync(place.list, listed(place).toString().replace(/^\\/, "").replace("\\r", "\r"));
    expect(evidenceIn(await copy(place))).toEqual({ "carriage\rreturn": "manifest" });
  });

  test("a file that it does not name rests on one read, whatever its neighbours have", async () => {
    const place = newPlace({ a: "a", c: "c" });
    writeFileSync(place.list, listed(place));
    writeFileSync(join(place.source, "b"), "b");
    const found = await copy(place);
    expect(found.end.exitCode).toBe(0);
    expect(evidenceIn(found)).toEqual({ a: "manifest", b: "one_read", c: "manifest" });
  });
});

describe("a source that is not what its list says", () => {
  test("a file that rotted under its version ends failed, nothing is published under its name, the others arrive", async () => {
    const place = newPlace({ a: seededBytes("a", 3000), b: seededBytes("b", 3000), "in/c": seededBytes("c", 3000) });
    writeFileSync(place.list, listed(place));
    rot(join(place.source, "b"), 1_000);
    const { end, passed, entries, exceptions } = await copy(place);
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(/^godwit: source_evidence_mismatch: failed: b .*\n {2}\S.*\n$/);
    expect(passed).toBe(false);
    expect(entries.get("b")).toMatchObject({ outcome: "failed", evidence: "none", error: mismatch, sha256: null });
    expect(exceptions.map(({ outcome }) => outcome)).toEqual(["retried", "retried", "failed"]);
    expect(namesOn(place)).toEqual(["a", "in", "in/c"]);
  });

  test("an empty file is compared as well", async () => {
    const place = newPlace({ empty: "was here" });
    writeFileSync(place.list, listed(place));
    writeFileSync(join(place.source, "empty"), "");
    const { end, entries } = await copy(place);
    expect(end.exitCode).toBe(1);
    expect(entries.get("empty")).toMatchObject({ outcome: "failed", error: mismatch });
    expect(existsSync(join(place.target, "empty"))).toBe(false);
  });

  test.each([
    ["of several blocks in a pack", 20, []],
    ["of several chunks", 20, ["--chunk-size", "8MiB"]],
    ["larger than a chunk as it comes", 70, []],
  ])("a file %s ends failed, and nothing of it is left", async (_, size, options) => {
    const place = newPlace({ large: seededBytes("large", size * MiB), small: "small" });
    writeFileSync(place.list, listed(place));
    rot(join(place.source, "large"), (size - 3) * MiB);
    const { end, entries } = await copy(place, options);
    expect(end.exitCode, end.stderr).toBe(1);
    expect(entries.get("large")).toMatchObject({ outcome: "failed", evidence: "none", error: mismatch });
    expect(entries.get("small")).toMatchObject({ outcome: "verified", evidence: "manifest" });
    expect(namesOn(place)).toEqual(["small"]);
  });

  test.each([
    ["small", 3_000, []],
    ["large", 20 * MiB, ["--chunk-size", "8MiB"]],
  ])("a %s file that the target holds with the same wrong bytes ends failed, too", async (_, size, options) => {
    const place = newPlace({ file: seededBytes("file", size) });
    writeFileSync(place.list, listed(place));
    rot(join(place.source, "file"), 1_000);
    const { source, target, state } = place;
    expect((await godwit(["copy", source, target], { state })).exitCode).toBe(0);
    const { end, entries } = await copy(place, ["--new", ...options]);
    expect(end.exitCode, end.stderr).toBe(1);
    expect(entries.get("file")).toMatchObject({ outcome: "failed", evidence: "none", error: mismatch });
  });

  test("a large file that is right and there already says manifest", async () => {
    const place = newPlace({ file: seededBytes("file", 20 * MiB) });
    writeFileSync(place.list, listed(place));
    const options = ["--chunk-size", "8MiB"];
    expect((await copy(place, options)).entries.get("file")).toMatchObject({
      outcome: "verified",
      evidence: "manifest",
    });
    const again = await copy(place, ["--new", ...options]);
    expect(again.entries.get("file")).toMatchObject({ outcome: "identical", evidence: "manifest" });
  });
});

test("a file that is half copied when the process dies, twice, is compared whole by the third", async () => {
  const place = newPlace({ file: seededBytes("file", 40 * MiB), small: "small" });
  writeFileSync(place.list, listed(place));
  const { source, target, list, state } = place;
  // Slow enough that blocks are recorded on the way; each begins the file anew, since its evidence is about the whole.
  for (const [records, limit] of [
    ["2", "16MB/s"],
    ["1", "8MB/s"],
  ] as const) {
    const args = ["copy", source, target, "--source-evidence", list, "--limit", limit, "--workers", "1"];
    const killed = await godwit(["after_blocks_recorded", records, ...args], { state, script: crashMain });
    expect(killed.signal, killed.stderr).toBe("SIGKILL");
  }
  const { end, passed, entries } = await copy(place, ["--workers", "1"]);
  expect(end.exitCode, end.stderr).toBe(0);
  expect(passed).toBe(true);
  expect(entries.get("file")).toMatchObject({ outcome: "verified", evidence: "manifest" });
  expect(fingerprint(target)).toEqual(fingerprint(source));
});

test("a process that dies when a large file was found wrong leaves its end to the next, and nothing of the file", async () => {
  const place = newPlace({ file: seededBytes("file", 20 * MiB), small: "small" });
  writeFileSync(place.list, listed(place));
  rot(join(place.source, "file"), 1_000);
  const { source, target, list, state } = place;
  const chunks = ["--chunk-size", "8MiB"];
  const args = ["before_digest_recorded", "1", "copy", source, target, "--source-evidence", list, ...chunks];
  const killed = await godwit(args, { state, script: crashMain });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
  const { end, entries } = await copy(place, chunks);
  expect(end.exitCode, end.stderr).toBe(1);
  expect(entries.get("file")).toMatchObject({ outcome: "failed", error: mismatch });
  expect(entries.get("small")).toMatchObject({ outcome: "verified", evidence: "manifest" });
  expect(namesOn(place)).toEqual(["small"]);
});

describe("a list that is wrong", () => {
  const digest = "0".repeat(64);

  test.each([
    ["a digest that is too short", `${digest.slice(1)}  name`],
    ["a digest of another sort", `${digest.replace("0", "g")}  name`],
    ["no name", `${digest}  `],
    ["one space", `${digest} name`],
    ["the format of --tag", `SHA256 (name) = ${digest}`],
    ["an escape that sha256sum does not write", `\\${digest}  na\\me`],
    ["an escape that is cut off", `\\${digest}  name\\`],
    ["another digest for a name that it had", `${digest.replace("0", "1")}  ./first`],
  ])("%s: exit code 2 names the line, and no job begins", async (_, line) => {
    const { source, target, list, state } = newPlace({ first: "first" });
    writeFileSync(list, `${digest}  first\n\n${line}\n${digest}  last\n`);
    const end = await godwit(["copy", source, target, "--source-evidence", list], { state });
    expect(end).toMatchObject({ exitCode: 2, stdout: "" });
    expect(end.stderr).toMatch(/^godwit: usage: line 3 of \S+\/SHA256SUMS .*\n {2}\S.*\n$/);
    expect(existsSync(target)).toBe(false);
    const jobs = await godwit(["jobs", "--json"], { state });
    expect(JSON.parse(jobs.stdout)).toMatchObject({ jobs: [] });
  });
});

test("a directory keeps no checksums: to ask for them is refused before a job begins", async () => {
  const { source, target, state } = newPlace({ a: "a" });
  const end = await godwit(["copy", source, target, "--source-evidence", "store"], { state });
  expect(end).toMatchObject({ exitCode: 2, stdout: "" });
  expect(end.stderr).toMatch(/^godwit: evidence_missing: .*\n {2}\S.*\n$/);
  expect(existsSync(target)).toBe(false);
});
