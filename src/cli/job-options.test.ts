import { expect, test } from "vitest";
import { parseOptions, syncJobOptions, transferOptions } from "./job-options.ts";

test("nothing given means the documented defaults", () => {
  expect(parseOptions(syncJobOptions, {})).toMatchObject({
    include: [],
    exclude: [],
    chunkSize: 67_108_864,
    compare: null,
    links: "preserve",
    durability: "fsync",
    verify: "readback",
    sourceEvidence: "none",
    limit: null,
    workers: null,
    reconcile: false,
    delete: false,
    maxDelete: 1_000,
    state: null,
    json: false,
  });
});

test("values are parsed", () => {
  const values = parseOptions(transferOptions, { workers: "3", limit: "50MB/s", chunkSize: "8MiB", compare: "mtime" });
  expect(values).toMatchObject({ workers: 3, limit: 50_000_000, chunkSize: 8_388_608, compare: "mtime" });
});

test.each([
  [{ workers: "0" }, "--workers"],
  [{ workers: "many" }, "--workers"],
  [{ workers: "1.5" }, "--workers"],
  [{ limit: "fast" }, "--limit"],
  [{ limit: "0" }, "--limit"],
  [{ chunkSize: "-1MiB" }, "--chunk-size"],
  [{ chunkSize: "5" }, "--chunk-size"],
  [{ chunkSize: "99TB" }, "--chunk-size"],
  [{ compare: "size" }, "--compare"],
  [{ links: "copy" }, "--links"],
  [{ durability: "maybe" }, "--durability"],
  [{ verify: "no" }, "--verify"],
])("%j is refused, and the option is named", (raw, flag) => {
  expect(() => parseOptions(transferOptions, raw)).toThrow(new RegExp(`^usage: ${flag} <`));
});

test.each([
  [{ workers: "many" }, '"many" is no whole number'],
  [{ workers: "1.5" }, '"1.5" is no whole number'],
  [{ workers: "0" }, '"0" is less than 1'],
  [{ workers: "65" }, '"65" is more than 64'],
  [{ links: "copy" }, '"copy" is none of preserve, follow, skip'],
])("%j is refused in words: %s", (raw, words) => {
  expect(() => parseOptions(transferOptions, raw)).toThrow(words);
});

test.each(["-1", "1.5", "all"])("--max-delete %s is refused", (maxDelete) => {
  expect(() => parseOptions(syncJobOptions, { maxDelete })).toThrow(/^usage: --max-delete/);
});
