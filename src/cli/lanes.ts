import { availableParallelism } from "node:os";

/** One more lane than cores: while one waits for the medium, the others compute. */
export function usualLanes(): number {
  return Math.min(16, availableParallelism() + 1);
}
