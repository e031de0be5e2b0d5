/** The real program between directories and buckets; what it wrote is read by rclone, which asks the server itself. */
import { linkSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { treeOf } from "../conformance/s3-tree.ts";
import { pathFromText } from "../../src/model/path.ts";
import { godwit, type ProgramEnd } from "../testbed/program.ts";
import { rclone } from "../testbed/rclone.ts";
import { awsEnv } from "../testbed/servers.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers, type S3Suite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree, seededBytes } from "../testbed/trees.ts";

const MiB = 2 ** 20;

function run(s3: S3Suite, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ProgramEnd> {
  return godwit([...args, "--plain"], { state: tempDir("state"), env: { ...awsEnv(s3.server()), ...env } });
}

async function expectComplete(ended: Promise<ProgramEnd>): Promise<void> {
  const { exitCode, stdout, stderr } = await ended;
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
}

/** Without directories: a bucket keeps only those that are marked, and s3s-fs lists no marks. */
function files(root: string): ReadonlyMap<string, string> {
  return new Map([...fingerprint(root)].filter(([path]) => !path.endsWith("/")));
}

describeOnServers(
  "directories and buckets",
  (s3) => {
    test("a tree goes to a bucket and back, with modes and times, in one piece and in parts", async () => {
      const source = tempDir("source");
      // One part, several parts in a pack, and a head with ranges.
      makeTree(source, "s3", { large: [3 * MiB, 20 * MiB + 1, 70 * MiB], small: 60, links: false });
      writeFileSync(join(source, "many", "sharp"), "x", { mode: 0o2750 });
      utimesSync(join(source, "many", "sharp"), 1, -1.5);
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`]));
      const remotes = { store: s3.server() };
      await rclone(["check", "--download", `${source}/`, `store:${bucket}/copy/`], { remotes });
      const into = tempDir("back");
      await expectComplete(run(s3, ["copy", `s3://${bucket}/copy`, into]));
      expect(files(into)).toEqual(files(source));
      await expectComplete(run(s3, ["check", source, `s3://${bucket}/copy`]));
    });

    test("a list of keys names what comes from a bucket, over several pages; one that is not there is told", async () => {
      const source = tempDir("source");
      const names = Array.from({ length: 300 }, (_, at) => `file-${String(at).padStart(3, "0")}`);
      for (const name of [...names, "not-listed"]) writeFileSync(join(source, name), name);
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`]));
      const [list, into] = [join(tempDir("list"), "list"), tempDir("back")];
      writeFileSync(list, names.toReversed().join("\n"));
      await expectComplete(run(s3, ["copy", `s3://${bucket}/copy`, into, "--files-from", list]));
      expect([...files(into).keys()].toSorted()).toEqual(names);
      writeFileSync(list, [...names, "gone"].join("\n"));
      const end = await run(s3, ["check", `s3://${bucket}/copy`, into, "--files-from", list]);
      expect(end, end.stdout).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("gone") as unknown });
    });

    test("rclone sees the times that were kept", async () => {
      const source = tempDir("source");
      writeFileSync(join(source, "file"), "content");
      utimesSync(join(source, "file"), 1_500_000_000, 1_500_000_000);
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`]));
      const { stdout } = await rclone(["lsjson", `store:${bucket}/copy/`], { remotes: { store: s3.server() } });
      const [file] = JSON.parse(stdout) as readonly { readonly Path: string; readonly ModTime: string }[];
      expect(file?.Path).toBe("file");
      expect(Date.parse(file?.ModTime ?? "")).toBe(1_500_000_000_000);
    });

    test("a hard link arrives as a file of its own, and the report names what was lost", async () => {
      const source = tempDir("source");
      writeFileSync(join(source, "first"), "one file, two names");
      linkSync(join(source, "first"), join(source, "second"));
      const bucket = await s3.bucket();
      const report = join(tempDir("report"), "report.json");
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`, "--report", report]));
      const { exceptions } = JSON.parse(readFileSync(report, "utf8")) as {
        readonly exceptions: readonly { readonly path: string; readonly lost: readonly string[] }[];
      };
      expect(exceptions.find(({ path }) => path === "second")?.lost).toContain("hardlink");
      const into = tempDir("back");
      await expectComplete(run(s3, ["copy", `s3://${bucket}/copy`, into]));
      expect(readFileSync(join(into, "second"), "utf8")).toBe("one file, two names");
    });

    test("what is there already is compared by content, and not sent again", async () => {
      const source = tempDir("source");
      makeTree(source, "again", { large: [9 * MiB], small: 20, links: false });
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`]));
      writeFileSync(join(source, "large-0.bin"), seededBytes("other", 9 * MiB));
      const proxy = await s3.proxy();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`], awsEnv(proxy)));
      const sent = proxy.find({
        where: ({ operation, key }) => /^(?:PutObject|UploadPart)$/.test(operation) && !key?.endsWith("/"),
      });
      expect(new Set(sent.map(({ key }) => key))).toEqual(new Set(["copy/large-0.bin"]));
    });

    test("from bucket to bucket, metadata too, also of what is sent in parts", async () => {
      const source = tempDir("source");
      makeTree(source, "between", { large: [20 * MiB, 70 * MiB], small: 10, links: false });
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/one`]));
      await expectComplete(run(s3, ["copy", `s3://${bucket}/one`, `s3://${bucket}/two`]));
      for (const name of ["large-0.bin", "large-1.bin", "many/small 1.dat"]) {
        const { headers } = await s3Request(s3.server(), { method: "HEAD", bucket, key: `two/${name}` });
        const { mtimeNs } = statSync(join(source, name), { bigint: true });
        expect(headers["x-amz-meta-mtime"], name).toBe(
          `${mtimeNs / 10n ** 9n}.${String(mtimeNs % 10n ** 9n).padStart(9, "0")}`,
        );
        expect(headers["x-amz-meta-mode"]).toBe("100644");
      }
    });

    test("names that break what was built for plain ones arrive byte for byte", async () => {
      const source = tempDir("source");
      const names = [
        "a b",
        "a+b",
        "a%20b",
        "%2e%2e",
        "é",
        "e\u0301",
        "日本語",
        "q?x=1&y#z",
        "'\"<&>",
        "back\\slash",
        "~!*()",
        "\u{1F600}",
      ];
      if (s3.name === "s3s") names.push("new\nline");
      mkdirSync(join(source, "dir"));
      for (const name of names) for (const at of [name, `dir/${name}`]) writeFileSync(join(source, at), at);
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`]));
      const remotes = { store: s3.server() };
      await rclone(["check", "--download", `${source}/`, `store:${bucket}/copy/`], { remotes });
      const into = tempDir("back");
      await expectComplete(run(s3, ["copy", `s3://${bucket}/copy`, into]));
      expect(files(into)).toEqual(files(source));
    });

    test("symlinks are refused by name before the copy, and what can be copied is", async () => {
      const source = tempDir("source");
      makeTree(source, "links", { large: [1_000], small: 2, links: true });
      const bucket = await s3.bucket();
      const end = await run(s3, ["copy", source, `s3://${bucket}/copy`]);
      expect(end.exitCode).toBe(1);
      expect(end.stderr).toMatch(/kind_unsupported.*many\/symlink/);
      const { status } = await s3Request(s3.server(), { method: "HEAD", bucket, key: "copy/large-0.bin" });
      expect(status).toBe(200);
    });

    test("a source prefix where nothing is, is an error: nothing is copied, and nothing deleted", async () => {
      const bucket = await s3.bucket();
      for (const key of ["data/one", "copy/one", "copy/two"])
        await s3Request(s3.server(), { method: "PUT", bucket, key, body: key });
      const into = tempDir("kept");
      writeFileSync(join(into, "kept"), "kept");
      const target = treeOf(s3.server(), bucket, "copy");
      for (const args of [
        ["copy", `s3://${bucket}/dat`, `s3://${bucket}/copy`],
        ["sync", `s3://${bucket}/dat`, `s3://${bucket}/copy`, "--delete"],
        ["sync", `s3://${bucket}/dat`, `s3://${bucket}/copy`, "--delete", "--dry-run"],
        ["sync", `s3://${bucket}/data/on`, into, "--delete"],
        ["check", `s3://${bucket}/data`, `s3://${bucket}/cop`],
      ]) {
        const { exitCode, stdout, stderr } = await run(s3, args);
        expect([exitCode, stderr], `${args.join(" ")}: ${stdout}`).toEqual([
          4,
          expect.stringMatching(/source_missing/),
        ]);
      }
      expect(await target.names()).toEqual(["one", "two"]);
      expect(readFileSync(join(into, "kept"), "utf8")).toBe("kept");
    });

    test("a whole bucket that is empty is an empty tree, and a target prefix may be new", async () => {
      const [empty, bucket] = [await s3.bucket(), await s3.bucket()];
      await expectComplete(run(s3, ["copy", `s3://${empty}`, `s3://${bucket}/copy`]));
      await s3Request(s3.server(), { method: "PUT", bucket, key: "data/one", body: "one" });
      await expectComplete(run(s3, ["copy", `s3://${bucket}/data`, `s3://${bucket}/new`, "--dry-run"]));
      await s3Request(s3.server(), { method: "PUT", bucket, key: "copy/extra", body: "extra" });
      await expectComplete(run(s3, ["sync", `s3://${empty}`, `s3://${bucket}/copy`, "--delete"]));
      expect(await treeOf(s3.server(), bucket, "copy").names()).toEqual([]);
    });

    test("a bucket that is not there, and credentials that are wrong, are one line and an exit code", async () => {
      const source = tempDir("source");
      writeFileSync(join(source, "file"), "x");
      const bucket = await s3.bucket();
      const missing = await run(s3, ["copy", source, "s3://no-such-bucket-here/x"]);
      expect([missing.exitCode, missing.stderr.split("\n")[0]]).toEqual([
        4,
        expect.stringMatching(/^godwit: no_such_bucket: /),
      ]);
      if (s3.name === "moto") return; // moto takes any credentials
      const wrong = await run(s3, ["copy", source, `s3://${bucket}/x`], { AWS_SECRET_ACCESS_KEY: "wrong" });
      expect([wrong.exitCode, wrong.stderr.split("\n")[0]]).toEqual([
        4,
        expect.stringMatching(/^godwit: credentials_rejected: /),
      ]);
    });
  },
  { tools: ["rclone"] },
);

describeOnServers(
  "keys that only a flat store can hold",
  (s3) => {
    test("`a` beside `a/b`, `//`, and dots go from bucket to bucket; a directory refuses them by name", async () => {
      const bucket = await s3.bucket();
      const one = treeOf(s3.server(), bucket, "one");
      const keys = ["a", "a/b", "double//slash", "./dot", "up/../x", "trailing "].map(pathFromText);
      for (const key of keys) await one.put(key, Buffer.from(`content of ${key}`));
      await expectComplete(run(s3, ["copy", `s3://${bucket}/one`, `s3://${bucket}/two`]));
      const two = treeOf(s3.server(), bucket, "two");
      expect(await two.names()).toEqual(keys.toSorted());
      for (const key of keys) expect((await two.read(key))?.toString()).toBe(`content of ${key}`);
      const end = await run(s3, ["copy", `s3://${bucket}/one`, tempDir("back")]);
      expect(end.exitCode).toBe(1);
      expect(end.stderr).toMatch(/target_conflict/);
      expect(end.stderr).toMatch(/name_unsupported/);
    });

    test("empty directories and their attributes come back from their markers", async () => {
      const source = tempDir("source");
      mkdirSync(join(source, "empty", "inner"), { recursive: true, mode: 0o750 });
      utimesSync(join(source, "empty", "inner"), 1_000, 2_000);
      const bucket = await s3.bucket();
      await expectComplete(run(s3, ["copy", source, `s3://${bucket}/copy`]));
      const into = tempDir("back");
      await expectComplete(run(s3, ["copy", `s3://${bucket}/copy`, into]));
      expect(fingerprint(into).get("empty/inner/")).toBe(fingerprint(source).get("empty/inner/"));
    });

    test("an object with the name of a directory is reported, not lost", async () => {
      const bucket = await s3.bucket();
      for (const [key, body] of [
        ["one/file", "x"],
        ["one/dir/", "bytes"],
      ] as const) {
        await s3Request(s3.server(), { method: "PUT", bucket, key, body });
      }
      const end = await run(s3, ["copy", `s3://${bucket}/one`, `s3://${bucket}/two`]);
      expect(end.exitCode).toBe(1);
      expect(end.stderr).toMatch(/kind_unsupported.*dir\//);
    });
  },
  { servers: ["moto"], tools: ["rclone"] },
);

describeOnServers("later passes", (s3) => {
  test("a sync by size and time moves nothing that stayed the same, in either direction", async () => {
    const source = tempDir("source");
    makeTree(source, "sync", { large: [9 * MiB], small: 20, links: false });
    const bucket = await s3.bucket();
    const state = { state: tempDir("state"), env: awsEnv(s3.server()) };
    const into = tempDir("back");
    const passes = [
      [source, `s3://${bucket}/one`],
      [`s3://${bucket}/one`, `s3://${bucket}/two`],
      [`s3://${bucket}/two`, into],
    ] as const;
    for (const [from, to] of passes) await expectComplete(godwit(["copy", from, to, "--plain"], state));
    for (const [from, to] of passes) {
      const { exitCode, stdout } = await godwit(["sync", from, to, "--plain"], state);
      expect([exitCode, stdout], `${from} to ${to}`).toEqual([0, expect.stringMatching(/\b21 unchanged/)]);
    }
  });
});
