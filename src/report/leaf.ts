/** What the Merkle tree of a report is built over; docs/reference/report.md holds the encoding for other readers. */
import { pathFromBytes, pathFromText, pathToBytes, displayPath, pathToText, type BytePath } from "../model/path.ts";
import type { ReportEntry } from "./schema.ts";

const headerBytes = 4;

/**
 * The leaves of one entry: first the entry as a whole, then each of its ranges.
 * A leaf is a row of fields, each behind its length as 4 bytes, big-endian, so that no two rows give the same bytes.
 * @returns views that are valid until the next leaf is asked for
 */
export function* entryLeaves(entry: ReportEntry): Generator<Uint8Array> {
  fields.clear();
  fields.name(entry.path, entry.path_bytes_base64);
  fields.text(entry.kind);
  fields.text(entry.outcome);
  fields.text(entry.evidence);
  fields.text(entry.version);
  fields.name(entry.link ?? "", entry.link_bytes_base64);
  const shared = fields.length;
  fields.uint64(0);
  fields.uint64(entry.size_bytes);
  fields.text(entry.sha256 ?? "", "hex");
  yield fields.bytes();
  for (const range of entry.ranges ?? []) {
    fields.clear(shared);
    fields.uint64(range.offset_bytes);
    fields.uint64(range.length_bytes);
    fields.text(range.digest, "hex");
    yield fields.bytes();
  }
}

class FieldWriter {
  #buffer = Buffer.alloc(4096);
  length = 0;

  /** Keeps the first so many bytes. */
  clear(length = 0): void {
    this.length = length;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  text(text: string, encoding: "utf8" | "hex" | "base64" = "utf8"): void {
    // A UTF-16 unit is at most three bytes in UTF-8; the other encodings shrink.
    this.#reserve(3 * text.length);
    const written = this.#buffer.write(text, this.length + headerBytes, encoding);
    this.#buffer.writeUInt32BE(written, this.length);
    this.length += headerBytes + written;
  }

  name(text: string, base64: string | undefined): void {
    if (base64 === undefined) this.text(text);
    else this.text(base64, "base64");
  }

  uint64(value: number): void {
    this.#reserve(8);
    this.length = this.#buffer.writeUInt32BE(8, this.length);
    this.length = this.#buffer.writeUInt32BE(Math.floor(value / 2 ** 32), this.length);
    this.length = this.#buffer.writeUInt32BE(value % 2 ** 32, this.length);
  }

  #reserve(bytes: number): void {
    const needed = this.length + headerBytes + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * needed);
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
  }
}

const fields = new FieldWriter();

/** A path as a report shows it: text, and its bytes only where they are no UTF-8. */
export function namePath(path: BytePath): { readonly path: string; readonly path_bytes_base64?: string } {
  const text = pathToText(path);
  if (text !== null) return { path: text };
  return { path: displayPath(path), path_bytes_base64: pathToBytes(path).toString("base64") };
}

/** The raw path of an entry of a report; null where text and bytes contradict each other. */
export function pathOfName(text: string, base64: string | undefined): BytePath | null {
  if (base64 === undefined) return pathFromText(text);
  const bytes = Buffer.from(base64, "base64");
  const path = pathFromBytes(bytes);
  const sound = bytes.toString("base64") === base64 && pathToText(path) === null && displayPath(path) === text;
  return sound ? path : null;
}
