import { expect, test } from "vitest";
import { databaseObjection } from "./database-wishes.ts";
import { plainCopy } from "./job-spec.ts";

const [one, other, files] = ["postgres://db/one", "postgres://db/other", "file:///srv"];

test("a plain copy and a check of databases, and any job on files, are taken", () => {
  expect(databaseObjection(plainCopy(one, other, 1))).toBeNull();
  expect(databaseObjection({ ...plainCopy(one, other, 1), kind: "check" })).toBeNull();
  expect(databaseObjection({ ...plainCopy(files, files, 1), include: ["a"], kind: "sync" })).toBeNull();
});

test.each([
  ["target", plainCopy(one, files, 1)],
  ["target", plainCopy(files, other, 1)],
  ["kind", { ...plainCopy(one, other, 1), kind: "sync" }],
  ["include", { ...plainCopy(one, other, 1), include: ["a"] }],
  ["exclude", { ...plainCopy(one, other, 1), exclude: ["a"] }],
  ["fileDigest", { ...plainCopy(one, other, 1), fileDigest: true }],
  ["sourceEvidence", { ...plainCopy(one, other, 1), sourceEvidence: { type: "prehash" } }],
  ["verify", { ...plainCopy(one, other, 1), verify: "checksum" }],
] as const)("%s is in the way", (wish, wishes) => {
  expect(databaseObjection(wishes)).toMatchObject({ wish });
});
