import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { traceOf } from "./trace.ts";

test("a chunk's trace is the beginning of the SHA-256 of job and chunk: anybody can compute it", () => {
  const digest = createHash("sha256").update("20261121-235959-k7qd\n42").digest("hex");
  const { traceId, rootSpanId } = traceOf("20261121-235959-k7qd", 42);
  expect(traceId + rootSpanId).toBe(digest.slice(0, 48));
  expect([traceId.length, rootSpanId.length]).toEqual([32, 16]);
});

test("neighbours have traces of their own", () => {
  const ids = [traceOf("a", 11), traceOf("a", 1), traceOf("a1", 1), traceOf("a\n1", 1)].map(({ traceId }) => traceId);
  expect(new Set(ids).size).toBe(4);
});
