/** How large the simulated chunks are, so that what they cost to simulate does not grow with the fleet's speed. */
const realChunkBytes = 64 * 2 ** 20;
const packEntriesMax = 4_096;
/** Each task costs time to simulate: a lane gets a new one this often, when all of them move what they can. */
const cycleSeconds = 60;
/** A job is at least so many chunks for each lane, so that its beginning and its end are small beside it. */
const chunksPerLaneMin = 20;

export interface Scale {
  /** Of the product: 64 MiB, or what 4,096 entries have. */
  readonly realChunkBytes: number;
  readonly chunkBytes: number;
}

/**
 * Simulated entries have half of a chunk to a whole one, evenly spread: were all of one size, lanes that begin together
 * would go on in step. And no two of them share a chunk. @param part from 0 to 1
 */
export function someSize(chunkBytes: number, part: number): number {
  return Math.max(1, Math.round((chunkBytes * (2 + 2 * (1 - part))) / 3));
}

/** What the product is told to make of chunks, so that they have that size on average. */
export function largestOf(chunkBytes: number): number {
  return someSize(chunkBytes, 0);
}

/** @param bytesPerSecond what the fleet moves at most */
export function scaleOf(asked: {
  readonly chunkBytes: number | null;
  readonly bytes: number;
  readonly meanEntryBytes: number;
  readonly lanes: number;
  readonly bytesPerSecond: number;
}): Scale {
  const { bytes, meanEntryBytes, lanes, bytesPerSecond } = asked;
  const real = Math.max(1, Math.min(realChunkBytes, Math.round(packEntriesMax * meanEntryBytes), bytes));
  if (asked.chunkBytes !== null) return { realChunkBytes: real, chunkBytes: Math.min(asked.chunkBytes, bytes) };
  const times = (bytesPerSecond * cycleSeconds) / (lanes * real);
  const doublings = Math.max(0, Math.round(Math.log2(times)));
  const largest = Math.max(real, bytes / (chunksPerLaneMin * lanes));
  return { realChunkBytes: real, chunkBytes: Math.round(Math.min(real * 2 ** doublings, largest)) };
}
