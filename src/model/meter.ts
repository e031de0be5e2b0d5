import type { Counters } from "./job.ts";

const names = ["sourceBytesRead", "targetBytesWritten", "targetBytesRead", "retries"] as const;
type MeterName = (typeof names)[number];

/**
 * Counts what really moved, live: a lane adds, the display and the Store read. Over shared memory where the lane is a
 * thread; each cell has one writer, so plain adds are enough.
 */
export class Meter {
  readonly #cells: Float64Array;

  constructor(buffer: ArrayBufferLike = new ArrayBuffer(Meter.byteLength)) {
    this.#cells = new Float64Array(buffer, 0, names.length);
  }

  static readonly byteLength = names.length * Float64Array.BYTES_PER_ELEMENT;

  add(name: MeterName, amount: number): void {
    const at = names.indexOf(name);
    this.#cells[at] = (this.#cells[at] as number) + amount;
  }

  read(name: MeterName): number {
    return this.#cells[names.indexOf(name)] as number;
  }

  snapshot(): Counters {
    return Object.fromEntries(names.map((name) => [name, this.read(name)]));
  }
}

/**
 * What moved since it was last asked. Each byte is told once, though its lane adds more meanwhile: what it is compared
 * with next time is what it told.
 */
export function costsOf(meter: Meter): () => Counters {
  let told: Counters = {};
  return () => {
    const now = meter.snapshot();
    const cost = Object.fromEntries(names.map((name) => [name, (now[name] ?? 0) - (told[name] ?? 0)]));
    told = now;
    return cost;
  };
}
