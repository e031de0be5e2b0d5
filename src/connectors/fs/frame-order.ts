import type { Item } from "../../model/chunk.ts";

/** Bytes of one frame at most. */
export const frameBytes = 1 << 20;
/** SHA-256 goes by units of so many bytes: only whole ones can be hashed side by side. */
const unitBytes = 64;

/** Where the next frame of an item lies, and in which of two buffers it is read. */
export interface FramePlace {
  readonly position: number;
  readonly length: number;
  readonly pairsWithNext: boolean;
  readonly buffer: 0 | 1;
}

/**
 * The frames of an item from a block's start on. Frames of two neighbouring whole blocks take turns where pairs are
 * wanted; what has no neighbour comes one after another.
 * @param wholeBytes  what is known to be there: beyond it nothing is paired
 */
export function* framesOf(
  { offset, length, blockBytes }: Item,
  from: number,
  { paired, wholeBytes }: { readonly paired: boolean; readonly wholeBytes: number },
): Generator<FramePlace, undefined> {
  const stop = offset + length;
  const pairsUpTo = paired && blockBytes % unitBytes === 0 ? Math.min(stop, wholeBytes) : 0;
  for (let block = from; block < stop;) {
    const isPaired = block + 2 * blockBytes <= pairsUpTo;
    const blockEnd = Math.min(block + blockBytes, stop);
    for (let position = block; position < blockEnd; position += frameBytes) {
      const bytes = Math.min(frameBytes, blockEnd - position);
      yield { position, length: bytes, pairsWithNext: isPaired, buffer: 0 };
      if (isPaired) yield { position: position + blockBytes, length: bytes, pairsWithNext: false, buffer: 1 };
    }
    block = isPaired ? block + 2 * blockBytes : blockEnd;
  }
  return undefined;
}
