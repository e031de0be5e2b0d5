/** Runs tasks ahead of whoever takes their results, bounded in number and bytes; results come in order. */
export interface Ahead<T> {
  /** What it holds in memory while it runs and until its result was used. */
  readonly bytes: number;
  readonly run: (signal: AbortSignal) => Promise<T>;
}

export interface AheadLimits {
  readonly countMax: number;
  readonly bytesMax: number;
}

/** Pieces of objects that are fetched before they are asked for. */
export const aheadLimits: AheadLimits = { countMax: 16, bytesMax: 32 * 2 ** 20 };

/** A result may be used until the next one is pulled. Left early, the rest is aborted and waited for. */
export async function* ahead<T>(
  tasks: Iterable<Ahead<T>>,
  { countMax, bytesMax }: AheadLimits,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const left = new AbortController();
  const either = AbortSignal.any([signal, left.signal]);
  const running: { readonly bytes: number; readonly result: Promise<T> }[] = [];
  const iterator = tasks[Symbol.iterator]();
  let next = iterator.next();
  let heldBytes = 0;
  try {
    for (;;) {
      while (
        next.done !== true &&
        running.length < countMax &&
        (running.length === 0 || heldBytes + next.value.bytes <= bytesMax)
      ) {
        const { bytes, run } = next.value;
        const result = run(either);
        // Met when its turn comes.
        result.catch(() => undefined);
        running.push({ bytes, result });
        heldBytes += bytes;
        next = iterator.next();
      }
      const first = running[0];
      if (first === undefined) return;
      yield await first.result;
      running.shift();
      heldBytes -= first.bytes;
    }
  } finally {
    left.abort();
    await Promise.allSettled(running.map(({ result }) => result));
  }
}

export interface AllAhead<I, T> {
  readonly countMax: number;
  readonly run: (item: I, signal: AbortSignal) => Promise<T>;
}

/** Runs one task for each item, at most `countMax` at any time. @returns their results, in the order of the items */
export function allAhead<I, T>(
  items: readonly I[],
  { countMax, run }: AllAhead<I, T>,
  signal: AbortSignal,
): Promise<T[]> {
  const tasks = items.map((item) => ({ bytes: 0, run: (until: AbortSignal) => run(item, until) }));
  return Array.fromAsync(ahead(tasks, { countMax, bytesMax: Infinity }, signal));
}
