import { expect, test } from "vitest";
import { SharedLimit } from "../decorators/shared-limit.ts";
import { ReadGates } from "./read-gates.ts";

test("lanes are opened under the gate of the crew that is there, whenever an earlier one ends", () => {
  const gates = new ReadGates();
  const first = gates.add("job-1");
  first.gate.close(0);
  const second = gates.add("job-1");
  second.gate.open(5, 1_000, 0);
  first.remove();
  const seen = new SharedLimit(gates.bufferOf("job-1"));
  expect(seen.holds(1)).toBe(5);
  second.gate.close(2);
  expect(seen.holds(3)).toBe(0);
});

test("no lane is opened without a gate", () => {
  const gates = new ReadGates();
  expect(() => gates.bufferOf("job-1")).toThrow("job-1");
  gates.add("job-1").remove();
  expect(() => gates.bufferOf("job-1")).toThrow("job-1");
});
