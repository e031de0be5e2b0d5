import { expect, test } from "vitest";
import { GodwitError } from "../base/errors.ts";
import { LeaseTerm } from "../model/lease-term.ts";
import { termSignal } from "./term-signal.ts";

function worldOf(): { time: { ms: number }; term: LeaseTerm; controller: AbortController; signal: AbortSignal } {
  const time = { ms: 1_000 };
  const term = new LeaseTerm();
  term.untilMs = 31_000;
  const controller = new AbortController();
  // Another thread's view of the same memory.
  const signal = termSignal(controller, new LeaseTerm(term.buffer), { monotonicMs: () => time.ms });
  return { time, term, controller, signal };
}

test("a task that handles no event learns at its next look that its lease is over", () => {
  const { time, signal } = worldOf();
  time.ms = 30_999;
  expect(() => signal.throwIfAborted()).not.toThrow();
  time.ms = 31_000;
  expect(() => signal.throwIfAborted()).toThrow(expect.objectContaining({ code: "lease_lost", disposition: "fenced" }));
  expect(signal.aborted).toBe(true);
});

test("a lease that was renewed meanwhile holds on", () => {
  const { time, term, signal } = worldOf();
  term.untilMs = 61_000;
  time.ms = 60_000;
  expect(() => signal.throwIfAborted()).not.toThrow();
});

test("another reason to stop stays the reason", () => {
  const { time, controller, signal } = worldOf();
  const interrupted = new GodwitError("interrupted", {
    disposition: "cancelled",
    what: "stopped",
    hint: "Run it again.",
  });
  controller.abort(interrupted);
  time.ms = 99_000;
  expect(() => signal.throwIfAborted()).toThrow(interrupted);
});
