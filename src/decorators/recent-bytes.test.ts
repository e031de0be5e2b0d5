import fc from "fast-check";
import { expect, test } from "vitest";
import { RecentBytes } from "./recent-bytes.ts";

const aByteEachMs = (ms: number): number => ms;

function newRecent(): RecentBytes {
  return new RecentBytes(new SharedArrayBuffer(RecentBytes.byteLength), 0);
}

test("never counts less than what came within that time, nor what is a slot older", () => {
  const steps = fc.array(fc.record({ afterMs: fc.nat({ max: 700 }), bytes: fc.nat({ max: 10_000 }) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, fc.nat({ max: 10_000_000 }), (reads, startMs) => {
      const recent = newRecent();
      const came: { readonly atMs: number; readonly bytes: number }[] = [];
      let nowMs = startMs;
      const within = (ms: number): number =>
        came.reduce((sum, { atMs, bytes }) => sum + (atMs > nowMs - ms ? bytes : 0), 0);
      for (const { afterMs, bytes } of reads) {
        nowMs += afterMs;
        recent.add(bytes, nowMs);
        came.push({ atMs: nowMs, bytes });
        for (const ms of [1_000, 640, 7]) {
          expect(recent.sum(nowMs, ms)).toBeGreaterThanOrEqual(within(ms));
          expect(recent.sum(nowMs, ms)).toBeLessThanOrEqual(within(ms + 20));
        }
      }
    }),
  );
});

test("says when room is made, and by how much: not a slot sooner", () => {
  const recent = newRecent();
  recent.add(100, 5_000);
  recent.add(50, 5_500);
  expect(recent.msUntilGone(100, 5_600, 1_000)).toBe(420);
  expect(recent.msUntilGone(101, 5_600, 1_000)).toBe(920);
  expect(recent.msUntilGone(151, 5_600, 1_000)).toBe(Infinity);
  expect(recent.sum(6_019, 1_000)).toBe(150);
  expect(recent.sum(6_020, 1_000)).toBe(50);
  expect(recent.sum(6_520, 1_000)).toBe(0);
});

test("a slot holds no more than its half of a word, and spills into no other", () => {
  const recent = newRecent();
  recent.add(2 ** 33, 0);
  recent.add(1, 20);
  expect(recent.sum(20, 1_000)).toBe(2 ** 32);
});

test("finds a burst wherever it lies in that time", () => {
  const recent = newRecent();
  for (let atMs = 20; atMs <= 1_000; atMs += 20) recent.add(20, atMs - 1);
  expect(recent.mostBeyond(1_000, 1_000, aByteEachMs)).toBe(0);
  recent.add(100, 500);
  expect(recent.mostBeyond(1_000, 1_000, aByteEachMs)).toBe(100);
  expect(recent.mostBeyond(1_400, 1_000, aByteEachMs)).toBe(0);
});
