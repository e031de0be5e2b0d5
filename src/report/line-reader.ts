import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { invalidReport } from "./strict-json.ts";

const pieceBytes = 1_048_576;
/** An entry of 48.8 TiB in ranges of 64 MiB is one line of about 90 MB. */
const lineBytesMax = 256 * 1_048_576;
const newline = 0x0a;

/**
 * The lines of a file, in batches, in constant memory. Bytes that are no UTF-8 are refused, since reading would replace
 * them silently.
 * @throws report_invalid
 */
export async function* readLines(file: FileHandle): AsyncGenerator<readonly string[]> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let rest: Buffer[] = [];
  let restBytes = 0;
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(piece, 0, pieceBytes, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const bytes = piece.subarray(0, bytesRead);
    const end = bytes.lastIndexOf(newline);
    if (end < 0) {
      rest.push(Buffer.from(bytes));
      restBytes += bytesRead;
      if (restBytes > lineBytesMax) throw invalidReport("a line is longer than any report's");
      continue;
    }
    yield decode(Buffer.concat([...rest, bytes.subarray(0, end)])).split("\n");
    rest = [Buffer.from(bytes.subarray(end + 1))];
    restBytes = rest[0]?.length ?? 0;
  }
  if (restBytes > 0) yield [decode(Buffer.concat(rest))];
}

export function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalidReport("it holds bytes that are no UTF-8");
  return bytes.toString("utf8");
}
