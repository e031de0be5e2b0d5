import { availableParallelism } from "node:os";
import { jobOptions, refusedOption } from "./job-options.ts";

const lanesMax = 64;

/** One more lane than cores: while one waits for the medium, the others compute. */
export function usualLanes(): number {
  return Math.min(16, availableParallelism() + 1);
}

/** In this process; a server's workers may have more together. @throws usage */
export function refuseManyLanes({ workers }: { readonly workers: number | null }): void {
  if (workers === null || workers <= lanesMax) return;
  throw refusedOption(
    jobOptions.workers.flags,
    `"${workers}" is more than ${lanesMax}`,
    "See --help for what this option takes.",
  );
}
