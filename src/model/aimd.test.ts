import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { calmMs, type Pressure, react, reactionMs, type ThrottleState, unthrottled } from "./aimd.ts";

const start = 1_800_000_000_000;
const load = (isAbove: boolean, now: number, lanes = 16): Pressure => ({
  isAbove,
  lanesActive: lanes,
  lanesWanted: lanes,
  now,
});

describe("lanes", () => {
  test("are halved when a signal is above its threshold, at most once in a reaction interval, down to one", () => {
    let state: ThrottleState = unthrottled;
    const seen: (number | null)[] = [];
    for (let now = start; now <= start + 6 * reactionMs; now += 10_000) {
      state = react(state, { ...load(true, now), lanesActive: Math.min(16, state.lanesAllowed ?? 16) });
      seen.push(state.lanesAllowed);
    }
    expect(seen.filter((_, turn) => turn % 3 === 0)).toEqual([8, 4, 2, 1, 1, 1, 1]);
    expect(seen[1]).toBe(8);
    expect(seen[2]).toBe(8);
  });

  test("that are allowed but do not run are not what is halved", () => {
    expect(react(unthrottled, { ...load(true, start), lanesActive: 6 }).lanesAllowed).toBe(3);
  });

  test("come back one by one, after five quiet minutes each, until nobody lacks one", () => {
    let state: ThrottleState = { lanesAllowed: 2, cutAt: start, calmSince: null };
    const changes: (readonly [number, number | null])[] = [];
    for (let now = start; now <= start + 4 * calmMs; now += 10_000) {
      const next = react(state, load(false, now, 5));
      if (next.lanesAllowed !== state.lanesAllowed) changes.push([now - start, next.lanesAllowed]);
      state = next;
    }
    expect(changes).toEqual([
      [calmMs, 3],
      [2 * calmMs, 4],
      [3 * calmMs, null],
    ]);
  });

  test("do not come back when the quiet was broken, if only for a moment in which no cut was due", () => {
    let state = react(unthrottled, load(true, start));
    state = react(state, load(false, start + 10_000));
    state = react(state, load(true, start + 20_000));
    state = react(state, load(false, start + 30_000));
    expect(react(state, load(false, start + 10_000 + calmMs)).lanesAllowed).toBe(8);
    expect(react(state, load(false, start + 30_000 + calmMs)).lanesAllowed).toBe(9);
  });

  test("are bounded by one and by what is wanted, whatever happens", () => {
    const turn = fc.record({
      isAbove: fc.boolean(),
      lanesWanted: fc.integer({ min: 0, max: 200 }),
      afterMs: fc.integer({ min: -60_000, max: 400_000 }),
    });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 60 }), (turns) => {
        let state: ThrottleState = unthrottled;
        let now = start;
        let cutAt = -Infinity;
        for (const { isAbove, lanesWanted, afterMs } of turns) {
          now += afterMs;
          const lanesActive = Math.min(lanesWanted, state.lanesAllowed ?? Infinity);
          const next = react(state, { isAbove, lanesActive, lanesWanted, now });
          const [was, is] = [state.lanesAllowed ?? Infinity, next.lanesAllowed ?? Infinity];
          expect(is).toBeGreaterThanOrEqual(1);
          const most = isAbove ? was : Math.min(was + 1, Math.max(1, lanesWanted, was));
          expect(next.lanesAllowed ?? 0).toBeLessThanOrEqual(most);
          const isCut = next.cutAt !== state.cutAt;
          expect(isCut && now >= cutAt && now - cutAt < reactionMs).toBe(false);
          if (isCut) cutAt = now;
          state = next;
        }
      }),
    );
  });
});

test("a source that is slow while nobody reads is not the fleet's doing: nothing is cut", () => {
  const pressure = { isAbove: true, lanesActive: 0, lanesWanted: 0, now: 1_000 };
  expect(react(unthrottled, pressure)).toMatchObject({ lanesAllowed: null, cutAt: null });
});
