import type { JobId } from "../model/chunk.ts";
import type { Clock } from "../ports/clock.ts";
import type { ChunkMap, Overview } from "../ports/overview.ts";

const keptMsMin = 2_000;
/** A map that took long is kept longer: however many look, the store spends a tenth of its time on them at most. */
const keptTimes = 10;
const mapsMax = 64;

interface Kept {
  readonly map: Promise<ChunkMap>;
  /** By the monotonic clock; infinite until it is there. */
  freshUntilMs: number;
}

/** A map looks at every row of a job: it is drawn once for all who ask, and kept for a while. */
export class MapCache {
  readonly #overview: Pick<Overview, "chunkMap">;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(overview: Pick<Overview, "chunkMap">, clock: Clock) {
    this.#overview = overview;
    this.#clock = clock;
  }

  map(jobId: JobId, buckets: number): Promise<ChunkMap> {
    const key = `${jobId} ${buckets}`;
    const known = this.#kept.get(key);
    if (known !== undefined && this.#clock.monotonicMs() < known.freshUntilMs) return known.map;
    const began = this.#clock.monotonicMs();
    const kept: Kept = { map: this.#overview.chunkMap(jobId, buckets), freshUntilMs: Infinity };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mapsMax && oldest !== undefined) this.#kept.delete(oldest);
    kept.map.then(
      () => {
        const now = this.#clock.monotonicMs();
        kept.freshUntilMs = now + Math.max(keptMsMin, keptTimes * (now - began));
      },
      // Whoever asked is told; the next one asks anew.
      () => {
        if (this.#kept.get(key) === kept) this.#kept.delete(key);
      },
    );
    return kept.map;
  }
}
