/**
 * The seeds that CI runs, and how a failing one is replayed:
 * `GODWIT_SEED=17 npx vitest run --project simulation` prints what happened; `GODWIT_SEEDS=5000` runs more of them.
 */
import { describe, expect, test } from "vitest";
import { type Outcome, simulate } from "./world.ts";

const seedsInCi = 500;
const batch = 25;
const minute = 60_000;

/** Half of the seeds: the two halves run beside each other. */
export function seedTests(remainder: 0 | 1): void {
  describe(`simulated jobs, ${remainder === 0 ? "even" : "odd"} seeds`, () => {
    const seeds = chosenSeeds().filter((seed) => seed % 2 === remainder);
    for (let at = 0; at === 0 || at < seeds.length; at += batch) {
      const some = seeds.slice(at, at + batch);
      const named = some.length === 0 ? "none are asked for here" : `${some[0]} to ${some.at(-1)}`;
      test(`seeds ${named}: every invariant holds`, { timeout: 10 * minute }, async () => {
        const broken: string[] = [];
        for (const seed of some) {
          const outcome = await simulate(seed);
          if (outcome.violations.length > 0) broken.push(told(outcome));
        }
        expect(broken.join("\n\n")).toBe("");
      });
    }
  });
}

function chosenSeeds(): readonly number[] {
  const one = process.env["GODWIT_SEED"];
  if (one !== undefined) return [Number(one)];
  return Array.from({ length: Number(process.env["GODWIT_SEEDS"] ?? seedsInCi) }, (_, at) => at + 1);
}

function told({ seed, violations, trace }: Outcome): string {
  const lines = violations.slice(0, 5).map(({ invariant, text }) => `  ${invariant}: ${text}`);
  const story = process.env["GODWIT_SEED"] === undefined ? [] : trace;
  return [...story, `seed ${seed}:`, ...lines, `  GODWIT_SEED=${seed} npx vitest run --project simulation seeds`].join(
    "\n",
  );
}
