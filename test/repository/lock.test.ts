import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../testbed/tools.ts";
import { absentOptional, complete, outOfStep, type Lock } from "./lock.ts";

const read = (name: string): unknown => JSON.parse(readFileSync(join(repositoryRoot, name), "utf8"));
const lock = read("package-lock.json") as Lock;

test("the lock has the dependencies of package.json", () => {
  expect(outOfStep(lock, read("package.json") as object)).toEqual([]);
});

test("the lock names the native packages of every platform (else: node test/repository/complete-lock.ts)", () => {
  expect(absentOptional(lock)).toEqual([]);
});

test("the lock names no host, so that every registry can serve it", () => {
  const resolved = Object.values(lock.packages).filter((entry) => "resolved" in entry);
  expect(resolved).toEqual([]);
});

test("an entry that is missing is found, and can be completed from its name", () => {
  const packages = {
    "node_modules/a": { dev: true, optionalDependencies: { "@a/binding-linux-arm64-musl": "1.2.3" } },
  };
  expect(absentOptional({ packages })).toHaveLength(1);
  const completed = complete({ packages });
  expect(completed.lock.packages["node_modules/@a/binding-linux-arm64-musl"]).toEqual({
    version: "1.2.3",
    cpu: ["arm64"],
    dev: true,
    libc: ["musl"],
    optional: true,
    os: ["linux"],
  });
  expect(absentOptional(completed.lock)).toEqual([]);
});
