import { expect, test } from "vitest";
import type { BrokenEnd } from "../ports/source.ts";
import { endingOfCheck } from "./compare.ts";

const error = { code: "source_changed", disposition: "retry", what: "it changed", hint: "" } as const;
const now = {
  path: "file",
  kind: "file",
  sizeBytes: 1,
  version: { kind: "stat", inode: 7n, mtimeNs: 1n, ctimeNs: 1n },
  attributes: null,
  link: null,
  sparse: false,
} as never;

function ofItem0(end: BrokenEnd | null): ReadonlyMap<number, BrokenEnd> {
  return new Map(end === null ? [] : [[0, end]]);
}

function comparison(ours: BrokenEnd | null, theirs: BrokenEnd | null): Parameters<typeof endingOfCheck>[1] {
  const nothing = new Map<number, never>();
  return {
    digests: new Uint8Array(32),
    same: new Set(),
    broken: ofItem0(ours),
    brokenThere: ofItem0(theirs),
    observed: nothing,
    found: nothing,
  };
}

test("what changed on the other side is compared again, and never pinned as the source's version", () => {
  expect(endingOfCheck(0, comparison(null, { outcome: "changed", error, now }))).toMatchObject({
    outcome: "failed",
    error,
    now: null,
  });
});

test("what is gone from the other side is missing there; what is gone from the source has vanished", () => {
  const gone: BrokenEnd = { outcome: "vanished", error: { ...error, code: "source_vanished" } };
  expect(endingOfCheck(0, comparison(null, gone))).toMatchObject({ outcome: "missing" });
  expect(endingOfCheck(0, comparison(gone, gone))).toMatchObject({ outcome: "vanished" });
  expect(endingOfCheck(0, comparison({ outcome: "changed", error, now: null }, null))).toMatchObject({
    outcome: "vanished",
  });
});

test("what changed in the source is pinned anew", () => {
  expect(endingOfCheck(0, comparison({ outcome: "changed", error, now }, null))).toMatchObject({
    outcome: "changed",
    now,
  });
});
