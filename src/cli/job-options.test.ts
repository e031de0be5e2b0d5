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
    reconcile: null,
    delete: false,
    maxDelete: 1_000,
    state: null,
    json: false,
  });
});

test("values are parsed", () => {
  const values = parseOptions(transferOptions, { workers: "3", limit: "50MB/s", chunkSize: "8MiB", compare: "mtime" });
  expect(values).toMatchObject({ workers: 3, limit: 50_000_000, chunkSize: 8_388_608, compare: "mtime" });
  expect(parseOptions(transferOptions, { limit: "400GB/h" })).toMatchObject({ limit: 111_111_111 });
});

test.each([
  [{ workers: "0" }, "--workers", '"0" is less than 1'],
  [{ workers: "100001" }, "--workers", '"100001" is more than 100000'],
  [{ workers: "many" }, "--workers", '"many" is no whole number'],
  [{ workers: "1.5" }, "--workers", '"1.5" is no whole number'],
  [{ limit: "fast" }, "--limit", "fast is no rate"],
  [{ limit: "50MB" }, "--limit", "50MB is no rate"],
  [{ limit: "0" }, "--limit", "0 is no rate"],
  [{ chunkSize: "-1MiB" }, "--chunk-size", "-1MiB is no size"],
  [{ chunkSize: "5" }, "--chunk-size", "a chunk has 1MiB to 64GiB"],
  [{ chunkSize: "99TB" }, "--chunk-size", "a chunk has 1MiB to 64GiB"],
  [{ compare: "size" }, "--compare", '"size" is none of content, mtime'],
  [{ links: "copy" }, "--links", '"copy" is none of preserve, follow, skip'],
  [{ durability: "maybe" }, "--durability", '"maybe" is none of fsync, none'],
  [{ verify: "no" }, "--verify", '"no" is none of readback, checksum'],
])("%j is refused: the option is named, and what is wrong with its value", (raw, flag, words) => {
  expect(() => parseOptions(transferOptions, raw)).toThrow(new RegExp(`^usage: ${flag} <[^>]+>: ${words}$`));
});

test.each(["-1", "1.5", "all"])("--max-delete %s is refused", (maxDelete) => {
  expect(() => parseOptions(syncJobOptions, { maxDelete })).toThrow(/^usage: --max-delete/);
});

test("an option that means nothing without a switch is refused without it, whatever its value", () => {
  expect(() => parseOptions(syncJobOptions, { maxDelete: "1000" })).toThrow(
    /^usage: --max-delete <n>: means nothing without --delete$/,
  );
  expect(parseOptions(syncJobOptions, { maxDelete: "7", delete: true })).toMatchObject({ maxDelete: 7 });
});
