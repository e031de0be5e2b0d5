/** A checker that never fails proves nothing: each is shown a defect that it must find. */
import { expect, test } from "vitest";
import { withoutCheckpoints, withoutComparing, withoutCursor, withoutFencing, withoutPinning } from "./plants.ts";
import { type Plant, simulate } from "./world.ts";

const seedsMax = 150;

/** The invariants that the first seeds find broken, until one of those that are waited for is among them. */
async function brokenBy(plant: Plant, invariants: readonly string[]): Promise<string> {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { violations } = await simulate(seed, plant);
    const found = violations.find(({ invariant }) => invariants.includes(invariant));
    if (found !== undefined) return found.invariant;
  }
  return "none";
}

test("a Store that does not fence is found", async () => {
  expect(await brokenBy({ store: withoutFencing }, ["4 fencing"])).toBe("4 fencing");
});

test("a Store that forgets what was confirmed is found", async () => {
  expect(await brokenBy({ store: withoutCheckpoints }, ["7 checkpoints"])).toBe("7 checkpoints");
});

test("a plan that is begun anew after a crash is found", async () => {
  expect(await brokenBy({ store: withoutCursor }, ["1 closed inventory"])).toBe("1 closed inventory");
});

test("a verifier that does not compare is found", async () => {
  const rule = "2 independent verification";
  expect(await brokenBy({ tamper: withoutComparing }, [rule])).toBe(rule);
});

test("a source that does not pin its versions is found", async () => {
  const rule = "5 one version per entry";
  expect(await brokenBy({ source: withoutPinning }, [rule])).toBe(rule);
});

test("a seed replays exactly", async () => {
  for (const seed of [3, 8, 12]) expect((await simulate(seed)).trace).toEqual((await simulate(seed)).trace);
});
