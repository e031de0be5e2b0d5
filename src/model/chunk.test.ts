import { expect, test } from "vitest";
import { isReconciling, phaseOf } from "./chunk.ts";

test("hard links are reconciled after the files whose repair would leave them behind, and sealing comes last", () => {
  const files = phaseOf("pack", "reconcile");
  const links = phaseOf("links", "reconcile");
  expect(phaseOf("range", "reconcile")).toBe(files);
  expect(links).toBeGreaterThan(files);
  expect(phaseOf("directories", "seal")).toBeGreaterThan(links);
  expect([files, links].every(isReconciling)).toBe(true);
  expect(isReconciling(phaseOf("directories", "seal"))).toBe(false);
});
