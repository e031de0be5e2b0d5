import type { Item } from "../../model/chunk.ts";
import type { S3Client } from "./client.ts";
import type { ObjectHead } from "./client-objects.ts";
import { changed } from "../../ports/source-errors.ts";
import type { Buffers } from "./buffers.ts";
import type { BytePath } from "../../model/path.ts";
import type { EndFrame } from "../../ports/source.ts";

/** Bytes of one request: blocks may be larger, memory may not. */
export const pieceBytesMax = 8 * 2 ** 20;

export interface PieceRequest {
  readonly path: BytePath;
  readonly key: string;
  readonly offset: number;
  readonly length: number;
  /** Of the whole object. */
  readonly sizeBytes: number;
  readonly versionId: string | undefined;
  /** With its quotes. */
  readonly ifMatch: string | undefined;
}

export interface Piece {
  readonly bytes: Buffer;
  readonly head: ObjectHead;
}

/** What comes of one request, in order of the items. */
export type Fetched =
  | {
      readonly item: number;
      readonly offset: number;
      readonly bytes: Buffer;
      readonly head: ObjectHead;
      readonly isLast: boolean;
    }
  | EndFrame;

/** Reads bytes of an object into one buffer. @throws source_changed when the object has another size */
export async function fetchPiece(
  client: S3Client,
  buffers: Buffers,
  request: PieceRequest,
  signal: AbortSignal,
): Promise<Piece> {
  const { path, key, offset, length, sizeBytes, versionId, ifMatch } = request;
  const range = length === sizeBytes ? undefined : { offset, bytes: length };
  const { head, bodyBytes, body } = await client.getObject({ key, versionId, ifMatch, range }, signal);
  if (head.bytes !== sizeBytes || bodyBytes !== length) {
    body.discard();
    throw changed(path, `has ${head.bytes} bytes, not ${sizeBytes}`);
  }
  const bytes = buffers.take(length);
  let filled = 0;
  for await (const chunk of body) filled += chunk.copy(bytes, filled);
  return { bytes, head };
}

/** Cuts an item at the borders of its blocks, and of pieces. */
export function* pieces(
  { offset: origin, length: itemBytes, blockBytes }: Pick<Item, "offset" | "length" | "blockBytes">,
  fromBlock: number,
  pieceBytes: () => number = () => pieceBytesMax,
): Generator<{ offset: number; length: number }> {
  const to = origin + itemBytes;
  for (let offset = origin + fromBlock * blockBytes; offset < to;) {
    const inBlock = (offset - origin) % blockBytes;
    const length = Math.min(pieceBytes(), blockBytes - inBlock, to - offset);
    yield { offset, length };
    offset += length;
  }
}
