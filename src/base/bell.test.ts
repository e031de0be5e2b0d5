import { expect, test } from "vitest";
import { Bell } from "./bell.ts";

const never = new AbortController().signal;

/** Whether it settles without anything else that happens. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return settled;
}

test("a ring wakes everyone who waits, and nobody who begins to wait later", async () => {
  const bell = new Bell();
  const waits = [bell.wait(bell.rings, never), bell.wait(bell.rings, never)];
  expect(await isSettled(waits[0] as Promise<void>)).toBe(false);
  bell.ring();
  expect(await Promise.all(waits.map(isSettled))).toEqual([true, true]);
  expect(await isSettled(bell.wait(bell.rings, never))).toBe(false);
});

test("a ring between the look and the wait is heard, also while others wait", async () => {
  const bell = new Bell();
  const other = bell.wait(bell.rings, never);
  const heard = bell.rings;
  bell.ring();
  expect(await isSettled(other)).toBe(true);
  expect(await isSettled(bell.wait(heard, never))).toBe(true);
});

test("every ring is counted, also while nobody waits", () => {
  const bell = new Bell();
  for (let ring = 0; ring < 3; ring += 1) bell.ring();
  expect(bell.rings).toBe(3);
});

test("a wait is withdrawn by its signal, and then takes nothing from those that stay", async () => {
  const bell = new Bell();
  const left = new AbortController();
  const withdrawn = bell.wait(bell.rings, left.signal);
  const stays = bell.wait(bell.rings, never);
  left.abort();
  expect(await isSettled(withdrawn)).toBe(true);
  expect(await isSettled(stays)).toBe(false);
  bell.ring();
  expect(await isSettled(stays)).toBe(true);
  expect(await isSettled(bell.wait(bell.rings, left.signal))).toBe(true);
});
