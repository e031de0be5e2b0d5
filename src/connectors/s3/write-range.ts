import { assert, must } from "../../base/assert.ts";
import type { Item, Work } from "../../model/chunk.ts";
import type { BlockReceipt, DigestedFrame, Refusal, WriteListener, WriteReceipt } from "../../ports/target.ts";
import type { Buffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import type { Upload } from "./client-multipart.ts";
import { isOfEntry } from "./errors.ts";
import { Flight } from "./flight.ts";

const rangeLimits = { countMax: 4, bytesMax: 64 * 2 ** 20 } as const;

export interface RangeWriter {
  readonly client: S3Client;
  readonly buffers: Buffers;
  readonly upload: Upload;
  readonly work: Work;
}

/**
 * Sends the blocks of one slice of a large entry as parts of its upload. A part that is sent twice replaces itself by
 * the same bytes.
 * @throws upload_vanished nothing that was confirmed is there any more: the entry has to start anew
 */
export async function writeRange(
  { client, buffers, upload, work }: RangeWriter,
  frames: AsyncIterable<DigestedFrame>,
  { onConfirmed, onRefused }: WriteListener,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const item = must(work.items[0], "a range has one item");
  assert(item.offset % item.blockBytes === 0, "ranges are cut at whole parts");
  const firstPart = item.offset / item.blockBytes + 1;
  const flight = new Flight(rangeLimits, onConfirmed);
  let filling: Buffer | null = null;
  let filled = 0;
  const send = async (block: number, body: Buffer, sha256: Uint8Array): Promise<readonly BlockReceipt[]> => {
    const { etag } = await client.uploadPart({ ...upload, partNumber: firstPart + block, body, sha256 }, signal);
    buffers.give(body);
    return [{ block, tag: etag }];
  };
  try {
    for await (const frame of frames) {
      signal.throwIfAborted();
      if ("end" in frame) continue;
      filling ??= buffers.take(bytesOfBlock(item, frame.block));
      filling.set(frame.bytes, filled);
      filled += frame.bytes.length;
      const { block, digest } = frame;
      if (digest === null) continue;
      const body: Buffer = filling;
      assert(filled === body.length, "a block is whole when it has a digest");
      filling = null;
      filled = 0;
      await flight.launch(body.length, () => send(block, body, digest));
    }
    await flight.land();
    return { refused: [], lost: [] };
  } catch (error) {
    if (!isOfEntry(error)) throw error;
    const refusal: Refusal = { item: 0, error: error.toJSON() };
    onRefused(refusal);
    return { refused: [refusal], lost: [] };
  } finally {
    await flight.settle();
  }
}

function bytesOfBlock({ length, blockBytes }: Item, block: number): number {
  return Math.min(blockBytes, length - block * blockBytes);
}
