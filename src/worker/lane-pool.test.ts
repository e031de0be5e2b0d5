import * as fc from "fast-check";
import { expect, test } from "vitest";
import { priorities, usualTerms } from "../model/job.ts";
import { sharesOf } from "./lane-pool.ts";

const jobs = fc
  .array(fc.constantFrom(...priorities), { maxLength: 12 })
  .map((chosen) => chosen.map((priority, at) => ({ id: `job-${at}`, terms: { ...usualTerms, priority } })));

test("no job is without a lane while there are enough, and all lanes have one while there is a job", () => {
  fc.assert(
    fc.property(jobs, fc.integer({ min: 1, max: 40 }), fc.func(fc.boolean()), (open, lanes, isIdle) => {
      const shares = sharesOf(open, lanes, isIdle);
      const given = open.map(({ id }) => shares.get(id) ?? 0);
      expect(given.reduce((sum, share) => sum + share, 0)).toBe(open.length === 0 ? 0 : lanes);
      for (const share of given.slice(0, lanes)) expect(share).toBeGreaterThan(0);
    }),
  );
});

test("among jobs that have work, lanes go by weight; one that has none keeps a single lane", () => {
  const [low, normal, high] = priorities.map((priority) => ({ id: priority, terms: { ...usualTerms, priority } }));
  const three = [high, normal, low].map((job) => job ?? { id: "", terms: usualTerms });
  const busy = sharesOf(three, 14, () => false);
  expect(three.map(({ id }) => busy.get(id))).toEqual([8, 4, 2]);
  const oneIdle = sharesOf(three, 14, (id) => id === "high");
  expect(three.map(({ id }) => oneIdle.get(id))).toEqual([1, 9, 4]);
  expect([...sharesOf(three, 2, () => false).values()]).toEqual([1, 1, 0]);
});
