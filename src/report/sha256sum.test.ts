import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  mebibyte,
  sampleEntry,
  sampleItem,
  sampleJobId,
  sampleRow,
  sampleStore,
} from "../../test/report/sample-store.ts";
import { type BytePath, pathFromBytes, pathToBytes } from "../model/path.ts";
import { openSigningKey } from "./keys.ts";
import type { SigningKey } from "./signature.ts";
import { writeReport } from "./write.ts";

const run = promisify(execFile);
let directory: string;
let key: SigningKey;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "godwit-sha256sum-"));
  key = await openSigningKey(directory);
  await mkdir(join(directory, "target"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const names = [
  "plain",
  "two  spaces ",
  "-n",
  "#hash",
  "line\nbreak",
  "back\\slash",
  "carriage\rreturn",
  "\\",
  "*star",
  "caf\xe9 \x80\xff",
];

async function sums(without: Writable | undefined) {
  const digests = names.map((name) => createHash("sha256").update(name, "latin1").digest());
  const items = names.map((name) => sampleItem({ ...sampleEntry("", name.length), path: name as BytePath }));
  const large = sampleItem(sampleEntry("large\nfile", 20 * mebibyte));
  const receipts = { count: names.length, digests: Buffer.concat(digests), tags: null };
  const store = sampleStore({ rows: () => [sampleRow(1, { items, receipts }), sampleRow(2, { items: [large] })] });
  const pieces: Buffer[] = [];
  const out = collector(pieces);
  const summary = await writeReport({ store, jobId: sampleJobId, format: "sha256sum", key, out, without });
  return { text: Buffer.concat(pieces), summary };
}

function collector(pieces: Buffer[]): Writable {
  return new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
  });
}

test("`sha256sum -c` accepts every line, whatever bytes are in the names", async () => {
  const target = join(directory, "target");
  for (const name of names) {
    const path = Buffer.concat([Buffer.from(`${target}/`), pathToBytes(name as BytePath)]);
    await writeFile(path, pathToBytes(pathFromBytes(Buffer.from(name, "latin1"))));
  }
  const { text, summary } = await sums(undefined);
  await writeFile(join(directory, "SHA256SUMS"), text);
  const { stdout } = await run("sha256sum", ["--check", "--strict", "../SHA256SUMS"], {
    cwd: target,
    encoding: "latin1",
  });
  expect(stdout.match(/: OK$/gm)).toHaveLength(names.length);
  expect(summary.withoutDigest).toBe(1);
  expect(text.toString("latin1")).toContain("# no digest of the whole file: large\\nfile\n");
});

test("files without a digest go to a stream of their own where there is one", async () => {
  const pieces: Buffer[] = [];
  const { text, summary } = await sums(collector(pieces));
  expect(Buffer.concat(pieces).toString()).toBe("large\\nfile\n");
  expect(summary.withoutDigest).toBe(1);
  expect(text.toString("latin1")).not.toContain("large");
});
